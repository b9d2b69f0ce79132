// Reads flake.nix and flake.lock by the rules of the machine's Nix. Its version is asked only where versions disagree.

import type { Flake } from '../../core/formats/flake/flake.ts';
import { parseNarHash } from '../../core/formats/flake-ref/hash.ts';
import { type Attrs, isRelativePath, textAttr } from '../../core/formats/flake-ref/model.ts';
import { parseFlakeRef } from '../../core/formats/flake-ref/parse-ref.ts';
import { type LockInput, type LockInputs, lockInputsOf } from '../../core/formats/lock/inputs.ts';
import { type Lock, showPath } from '../../core/formats/lock/model.ts';
import { type LockResult, parseLock } from '../../core/formats/lock/parse-lock.ts';
import type { NixVersion } from '../../core/formats/nix-version.ts';
import type { NixRelease } from '../../core/machine/nix-version.ts';
import type { Reader } from '../../core/machine/reader.ts';
import { repositoryOf } from '../../core/machine/repository.ts';
import type { Finding } from '../../core/model.ts';
import { type AbsPath, absolute, basename, join, parent, ROOT } from '../../core/path.ts';

/** The Nix of the machine. */
export type Release = () => Promise<NixRelease>;

/** A text as it reads it; `refusal`: the finding for a text that only a newer Nix accepts. */
export type ReadBy<T> = { readonly read: T; readonly refusal?: undefined } | { readonly refusal: Finding };

/** The inputs that flake.nix declares. */
export async function inputsBy(
  release: Release,
  flake: Flake,
  dir: AbsPath,
  reader: Reader,
): Promise<ReadBy<LockInputs>> {
  const newest = ofGit(flake, dir, reader) ?? inputsIn(flake, '2.34', reader);
  const older = (['2.26', '2.8'] as const).map((nix) => [nix, inputsIn(flake, nix, reader)] as const);
  if (older.every(([, read]) => read.ok === newest.ok)) return { read: newest };
  const here = await release();
  const own = older.find(([nix]) => nix === here.rules)?.[1];
  if (own === undefined || own.ok === newest.ok) return { read: newest };
  if (own.ok) return { read: own };
  const [error] = own.errors;
  if (error === undefined || !isCertain(here, error.path[0] === 'self' ? SELF : MEASURED)) return { read: newest };
  const what = `input "${showPath(error.path)}": ${error.message}`;
  return { refusal: needsNewer(here, 'flake.nix', what, join(dir, 'flake.nix')) };
}

/** Nix looks at the type of `inputs.self.submodules` only in a git repository. */
function ofGit({ self }: Flake, dir: AbsPath, reader: Reader): LockInputs | undefined {
  const { submodules } = self ?? {};
  if (submodules === undefined || typeof submodules === 'boolean' || repositoryOf(dir, reader) === undefined)
    return undefined;
  const message = "input attribute 'submodules' is not a Boolean";
  return { ok: false, errors: [{ path: ['self'], message, span: { start: 0, end: 0 } }] };
}

/**
 * For 2.8 a relative path is one in the store, which only Nix knows: if nothing else is wrong, the newest rules stand in for
 * its own.
 */
export function inputsIn(flake: Flake, nix: NixVersion, reader: Reader): LockInputs {
  const read = lockInputsOf(flake, nix);
  if (nix !== '2.8') return read;
  if (!read.ok && read.errors.every(({ message }) => message.endsWith('is not an absolute path'))) {
    const newest = lockInputsOf(flake);
    return newest.ok ? newest : read;
  }
  return read.ok ? { ok: true, inputs: read.inputs.map((input) => asRepository(input, flake, reader)) } : read;
}

/** For 2.8 an absolute path without a scheme, of a flake in a git work tree, means that repository. */
function asRepository(input: LockInput, flake: Flake, reader: Reader): LockInput {
  const decl = flake.inputs.find(({ name }) => name === input.name);
  const attrs = input.ref?.attrs;
  if (decl?.ref.kind !== 'url' || !decl.ref.url.startsWith('/') || attrs?.type !== 'path' || !input.flake) return input;
  const top = absolute(textAttr(attrs, 'path') ?? '/');
  const below: string[] = [];
  for (let at = top; at !== ROOT; at = parent(at)) {
    if (reader.stat(join(at, '.git')).type === 'absent') {
      below.unshift(basename(at));
      continue;
    }
    const query = below.length > 0 ? `dir=${below.join('/')}` : (/\?([^#]*)/.exec(decl.ref.url)?.[1] ?? '');
    const url = `git+file://${at}${query === '' ? '' : `?${query}`}`;
    const parsed = parseFlakeRef(url, { context: 'input', nix: '2.8' });
    return parsed.ok ? { ...input, ref: parsed.ref } : input;
  }
  return input;
}

/**
 * Reads the lock by the rules of Nix 2.34, or, if an older version gives another result, by those of the machine's Nix. A lock
 * that 2.26 alone refuses it locks anew itself.
 */
export async function lockBy(release: Release, text: string, dir: AbsPath): Promise<ReadBy<LockRead>> {
  const newest = parseLock(text);
  const middle = parseLock(text, { nix: '2.26' });
  const oldest = newest.ok && !mayDiffer(newest) ? newest : parseLock(text, { nix: '2.8' });
  const by = { '2.34': newest, '2.26': middle, '2.8': oldest };
  const asRead = (read: LockResult): LockRead =>
    read.ok ? { ...read, by: (nix) => lockOf(by[nix]) ?? read.lock } : read;
  if (middle.ok === newest.ok && oldest.ok === newest.ok) return { read: asRead(newest) };
  const here = await release();
  const own = by[here.rules];
  if (own.ok || !newest.ok || here.rules === '2.26') return { read: asRead(own.ok === newest.ok ? newest : own) };
  const { problem } = own;
  const isRelative = problem.kind === 'unlocked-input' && isRelativePath(lockedOf(newest, problem.node));
  if (!isCertain(here, isRelative ? RELATIVE_PATHS : MEASURED)) return { read: asRead(newest) };
  const what = isRelative ? `the relative path of node "${problem.node}" needs Nix 2.26` : problem.message;
  return { refusal: needsNewer(here, 'flake.lock', what, join(dir, 'flake.lock')) };
}

/** `by`: the same lock as that Nix reads it; if it does not, by the newest rules. */
export type LockRead =
  | { readonly ok: true; readonly lock: Lock; readonly by: (nix: NixVersion) => Lock }
  | (LockResult & { readonly ok: false });

const lockOf = (read: LockResult): Lock | undefined => (read.ok ? read.lock : undefined);

const lockedOf = (read: LockResult & { readonly ok: true }, node: string): Attrs =>
  read.lock.nodes.get(node)?.locked ?? {};

/**
 * True if versions may read the lock differently. Most locks have only what all read alike, and another reading takes time. A
 * lock without inputs may lack its root.
 */
const mayDiffer = ({ lock }: LockResult & { readonly ok: true }): boolean =>
  lock.nodes.size === 1 ||
  [...lock.nodes.values()].some((node) =>
    [node.locked, node.original].some((attrs) => attrs !== undefined && !isPlain(attrs)),
  );

/** True for a reference of a forge with attributes that every version knows. */
const isPlain = (attrs: Attrs): boolean =>
  PLAIN_TYPES.includes(String(attrs.type)) &&
  Object.keys(attrs).every((name) => PLAIN.includes(name)) &&
  (attrs.narHash === undefined || parseNarHash(String(attrs.narHash)).ok);

const PLAIN_TYPES = ['github', 'gitlab', 'sourcehut'];
const PLAIN = ['type', 'owner', 'repo', 'ref', 'rev', 'narHash', 'lastModified', 'dir'];

/** A refusal that was seen with 2.8 and 2.26; the version that dropped it is not known. */
const MEASURED = 'measured';

/** True if that release surely refuses. Of versions between the measured ones only features of later ones are known. */
const isCertain = ({ minor, isLix }: NixRelease, since: number | typeof MEASURED): boolean =>
  since === MEASURED ? minor <= 8 || minor === 26 : minor < since && !(isLix && since === SELF);

/** The version with `inputs.self`; Lix has it since a version of its own. */
const SELF = 27;
const RELATIVE_PATHS = 26;

const needsNewer = ({ minor }: NixRelease, file: string, what: string, path: AbsPath): Finding => ({
  code: 'RF2028',
  wish: '/lock',
  subject: file,
  because: `the Nix of this machine (2.${minor}) refuses ${file}: ${what}`,
  remedy: { by: 'you', hint: 'update Nix, or write it in a way that this one takes' },
  path,
});
