// The last guard before root writes: every edit of a plan must be one that the wishes of the trusted spec could ask for.
// Of bytes it judges those of nix.conf; those of the configuration's own files are what the plan is about.

import { readGitConfig } from './formats/git-config.ts';
import { emptyBlobFile } from './formats/git-index-add.ts';
import { addFeatures } from './formats/nix-conf-edit.ts';
import { type Blobs, type Host, isTheirLink, type Reader } from './host/host.ts';
import { follow } from './links.ts';
import { ABSENT, type Edit, type Entry, kindOf, type Move, type Owner, type Put, sameOwner } from './model.ts';
import { confFileAt, nixConfOf, SYSTEM_CONF } from './nix-conf-files.ts';
import { wantedMode } from './owned.ts';
import { type AbsPath, absolute, basename, isWithin, join, parent, ROOT, relativeTo } from './path.ts';
import { repositoryOf } from './repository.ts';
import type { Wishes } from './wishes.ts';

/** Where what is back at config.from goes: beside reflake's own state, out of everybody's way, private to root. */
export const ASIDE = absolute('/var/lib/reflake/set-aside');

/** What Nix builds the system of `host` by. Named by directory, so that Nix itself finds out whether it is a repository. */
export const installableOf = (dir: AbsPath, host: string): string =>
  `${dir}#nixosConfigurations.${/^[a-zA-Z_][a-zA-Z0-9_'-]*$/.test(host) ? host : `"${host}"`}.config.system.build.toplevel`;

/** The first edit that no wish can ask for; `reader` is the machine before the plan. */
export function strayEdit(edits: readonly Edit[], blobs: Blobs, wishes: Wishes, reader: Machine): Edit | undefined {
  const moves = edits.filter((edit) => edit.op === 'move');
  const tree = treeOf(wishes, moves, reader);
  const isNewRepository = edits.some(
    (edit) => edit.op === 'put' && edit.path === join(tree.dir, '.git') && edit.before.type === 'absent',
  );
  const RULES: readonly ((put: Put) => boolean)[] = [
    (put) => isOwnership(put, tree),
    (put) => isConfiguration(put, tree),
    (put) => wishes.git && isGit(put, { tree, blobs, reader, isNewRepository }),
    (put) => moves.length > 0 && isNewParent(put, moves[0]!, wishes, reader),
    (put) => wishes.features !== undefined && isNixConf(put, { tree, reader, blobs, features: wishes.features }),
  ];
  return edits.find((edit) => {
    if (edit.op === 'activate') return !isActivation(edit, wishes);
    if (edit.op === 'move') return moves.length > 1 || !isMove(edit, wishes, reader);
    return !isSound(edit) || !RULES.some((allows) => allows(edit));
  });
}

/** The machine before the plan. `held`: seen with root's own eyes, where what decides may not be another's word. */
type Machine = Reader & Pick<Host, 'held'>;

interface Tree {
  readonly dir: AbsPath;
  readonly wishes: Wishes;
  /** Whose what is born in it is. */
  readonly born: Owner;
}

function treeOf(wishes: Wishes, moves: readonly Move[], reader: Reader): Tree {
  const { dir, from, owner } = wishes;
  const there = reader.stat(moves.some(({ to }) => to === dir) && from !== undefined ? from : dir);
  return { dir, wishes, born: owner ?? ('owner' in there ? there.owner : ROOTS) };
}

const ROOTS: Owner = { uid: 0, gid: 0 };

/** No plan removes, turns one kind into another, makes a link, or gives anybody set-id rights. */
function isSound({ before, after }: Put): boolean {
  if (after.type === 'absent' || (before.type !== 'absent' && before.type !== after.type)) return false;
  if (after.type === 'link') return before.type === 'link' && before.target === after.target;
  const had = before.type === after.type && sameOwner(before.owner, after.owner) ? before.mode : 0;
  return after.type === 'dir' || (after.mode & 0o6000 & ~had) === 0;
}

/** Owner and mode as they were, or as config.owner wishes them. */
function isAsDue({ path, before, after }: Put, { wishes: { owner } }: Tree): boolean {
  if (before.type === 'absent' || after.type === 'absent') return false;
  if (!sameOwner(before.owner, after.owner) && !(owner !== undefined && sameOwner(owner, after.owner))) return false;
  if (before.type === 'link' || after.type === 'link') return true;
  const due = [before.mode, ...(owner === undefined ? [] : [wantedMode({ path, entry: before })])];
  return due.some((mode) => after.mode === mode || (after.type === 'file' && after.mode === (mode & ~0o6000)));
}

/** Ownership: of what is in the tree, whatever it is. */
const isOwnership = (put: Put, tree: Tree): boolean =>
  tree.wishes.owner !== undefined && isWithin(put.path, tree.dir) && kindOf(put) === 'metadata' && isAsDue(put, tree);

/** Flake, lock and modules. */
function isConfiguration(put: Put, tree: Tree): boolean {
  const { path, before, after } = put;
  const { dir, wishes, born } = tree;
  if (!isWithin(path, dir) || `${relativeTo(path, dir)}/`.match(/(^|\/)\.git\//) || after.type !== 'file') return false;
  const isFlake = [join(dir, 'flake.nix'), join(dir, 'flake.lock')].includes(path);
  if (before.type === 'absent') return isFlake && sameOwner(after.owner, born) && after.mode === 0o644;
  const isModule = path.endsWith('.nix') || wishes.modules.some((module) => join(dir, module) === path);
  return (isFlake || isModule) && isAsDue(put, tree);
}

interface GitFacts {
  readonly tree: Tree;
  readonly blobs: Blobs;
  readonly reader: Machine;
  readonly isNewRepository: boolean;
}

/** A new repository as `git init` makes it; of one that is there the index, and the empty blob that it names. */
function isGit(put: Put, { tree, blobs, reader, isNewRepository }: GitFacts): boolean {
  const { path, before, after } = put;
  const own = join(tree.dir, '.git');
  const gitDir = isWithin(path, own) && gitFileAt(tree, reader) === undefined ? own : gitDirElsewhere(tree, reader);
  if (gitDir === undefined || !isWithin(path, gitDir) || after.type === 'link' || after.type === 'absent') return false;
  const name = relativeTo(path, gitDir);
  if (before.type !== 'absent') return name === 'index' && isAsDue(put, tree);
  if (!sameOwner(after.owner, tree.born) || (after.mode & 0o5002) !== 0) return false;
  if (name === 'index' || EMPTY_BLOBS.includes(name)) return true;
  if (!isNewRepository || gitDir !== own || !BORN.test(name)) return false;
  return name !== 'config' || (after.type === 'file' && isPlainConfig(blobs[after.content!]));
}

const EMPTY_BLOBS = (['sha1', 'sha256'] as const).flatMap((format) => {
  const { path } = emptyBlobFile(format);
  return [path, path.slice(0, path.lastIndexOf('/'))];
});

/** What `git init` makes without a template, with either store of references. */
const BORN = /^(\.|HEAD|config|branches|info|objects(\/(info|pack))?|refs(\/(heads|tags))?|reftable(\/[\w.-]+)?)$/;

/** Of settings that run something, or read another file, a new repository has none. */
const isPlainConfig = (bytes: Uint8Array | undefined): boolean =>
  [...readGitConfig(Buffer.from(bytes ?? []).toString('utf8')).keys()].every((key) =>
    /^(core\.(repositoryformatversion|filemode|bare|logallrefupdates|ignorecase|precomposeunicode|symlinks|sharedrepository)|extensions\.(objectformat|refstorage))$/.test(
      key.toLowerCase(),
    ),
  );

const gitFileAt = ({ dir }: Tree, reader: Reader): AbsPath | undefined =>
  reader.stat(join(dir, '.git')).type === 'file' ? join(dir, '.git') : undefined;

/** Only where work tree, what names the git directory, and that are one user's: nobody names what is somebody else's. */
function gitDirElsewhere({ dir }: Tree, reader: Machine): AbsPath | undefined {
  const found = repositoryOf(dir, reader);
  if (found === undefined) return undefined;
  const owners = [found.top, join(found.top, '.git'), found.gitDir].map((path) => heldStat(reader, path));
  const uids = new Set(owners.map((entry) => ('owner' in entry ? entry.owner.uid : -1)));
  return uids.size === 1 ? found.gitDir : undefined;
}

/** Where a link of somebody's is on the way there is nothing of theirs to be written. */
function heldStat({ held }: Machine, path: AbsPath): Entry {
  try {
    return held.stat(path);
  } catch (thrown) {
    if (isTheirLink(thrown)) return ABSENT;
    throw thrown;
  }
}

/** Directories on the way to where the tree goes, that are not there yet. */
function isNewParent({ path, before, after }: Put, { to }: Move, { dir }: Wishes, reader: Reader): boolean {
  if (before.type !== 'absent' || after.type !== 'dir' || path === to || !isWithin(to, path)) return false;
  if (reader.stat(path).type !== 'absent') return false;
  if (to !== dir) return sameOwner(after.owner, ROOTS) && after.mode === (path.includes('/reflake') ? 0o700 : 0o755);
  let above = parent(path);
  while (above !== ROOT && reader.stat(above).type === 'absent') above = parent(above);
  const there: Entry = reader.stat(above);
  return after.mode === 0o755 && sameOwner(after.owner, 'owner' in there ? there.owner : ROOTS);
}

/** The one tree that config.from names, to its new place or out of the way. */
function isMove({ from, to }: Move, wishes: Wishes, reader: Reader): boolean {
  if (from !== wishes.from || reader.stat(from).type !== 'dir') return false;
  const aside = new RegExp(`^${basename(from).replace(/[.*+?^${'$'}{}()|[\]\\]/g, '\\$&')}(-\\d+)?$`);
  return to === wishes.dir || (parent(to) === ASIDE && aside.test(basename(to)));
}

interface ConfFacts {
  readonly tree: Tree;
  readonly reader: Reader;
  readonly blobs: Blobs;
  readonly features: readonly string[];
}

/** Of the system's files, wherever root's links lead; of the person's and what they include, what is theirs. */
function isNixConf(put: Put, facts: ConfFacts): boolean {
  const { path, before, after } = put;
  const { reader } = facts;
  const { wishes } = facts.tree;
  const system = [SYSTEM_CONF, absolute('/etc/nix/nix.custom.conf')];
  if (after.type === 'dir')
    return path === parent(SYSTEM_CONF) && before.type === 'absent' && isRootsNew(after.owner, after.mode, 0o755);
  if (after.type !== 'file' || after.content === undefined || !addsFeatures(put, facts)) return false;
  if (before.type === 'absent') return system.includes(path) && isRootsNew(after.owner, after.mode, 0o644);
  if (before.type !== 'file' || !sameOwner(before.owner, after.owner) || before.mode !== after.mode) return false;
  const person = (wishes.owner && wishes.people.user(wishes.owner.uid)) ?? wishes.person;
  const { files, effective } = nixConfOf(reader, person.home);
  const read = [...files.map((one) => one.path), ...(effective.winner ? [absolute(effective.winner.path)] : [])];
  const isAt = (one: AbsPath): boolean => follow(reader, one).path === path;
  const isSystems = isWithin(path, parent(SYSTEM_CONF)) || system.some(isAt);
  return [...system, ...read].some(isAt) && before.owner.uid === (isSystems ? 0 : person.uid);
}

/**
 * Root's nix.conf says who may do what through the daemon: its new bytes are exactly those that adding wished features gives,
 * whatever a saved plan holds.
 */
function addsFeatures({ path, after }: Put, { reader, blobs, features }: ConfFacts): boolean {
  const bytes = after.type === 'file' && after.content !== undefined ? blobs[after.content] : undefined;
  if (bytes === undefined) return false;
  const planned = Buffer.from(bytes).toString('utf8');
  const text = confFileAt(reader, path)?.text ?? '';
  let at = 0;
  while (at < text.length && text[at] === planned[at]) at++;
  const inserted = planned.slice(at, at + planned.length - text.length).split(/\s+/);
  const added = features.filter((feature) => inserted.some((word) => word === feature));
  const readInclude = (other: string): string | undefined => confFileAt(reader, absolute(other))?.text;
  return [{}, { extend: true }].some((how) => {
    const edited = addFeatures(text, added, { path, readInclude, ...how });
    return edited.ok && edited.text === planned;
  });
}

const isRootsNew = (owner: Owner, mode: number, due: number): boolean => sameOwner(owner, ROOTS) && mode === due;

/** What runs as root is the system of this spec's flake, built as this spec's person. */
const isActivation = (edit: Edit & { op: 'activate' }, { activate, dir, host, person }: Wishes): boolean =>
  edit.mode === activate &&
  edit.target.kind === 'flake' &&
  edit.target.installable === installableOf(dir, host.name) &&
  (['uid', 'gid', 'name', 'home'] as const).every((key) => edit.as[key] === person[key]);
