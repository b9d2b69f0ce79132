// Enables experimental features in a nix.conf that people edit: in the file that decides.
// If NixOS makes nix.conf, providers/configuration does it instead.

import type { SourceRange } from '../core/diagnostic.ts';
import {
  confFileAt,
  type NixConfFile,
  type NixConfFiles,
  nixConfOf,
  SYSTEM_CONF,
  systemConfOf,
} from '../core/documents/nix-conf-files.ts';
import { addFeatures } from '../core/formats/nix-conf/edit.ts';
import { defaultNix, NIX_VERSIONS, type NixVersion } from '../core/formats/nix-version.ts';
import { type Followed, follow } from '../core/machine/follow-links.ts';
import { byItsRules, nixRelease } from '../core/machine/nix-version.ts';
import type { Reader } from '../core/machine/reader.ts';
import { putText, readText, type TextFile } from '../core/machine/texts.ts';
import { type Edit, type Finding, type Owner, type Person, type Put, type Remedy, sameOwner } from '../core/model.ts';
import { type AbsPath, absolute, fromBytes, isWithin, parent } from '../core/path.ts';
import { type Ground, puts, ROOTS } from '../core/plan/places.ts';
import { barred, type Difference, IN_SYNC, provider } from '../core/plan/provider.ts';

interface Desired {
  readonly features: readonly string[];
  readonly home: string;
  /** The uid of its owner. */
  readonly uid: number;
  /** The person who runs Nix. */
  readonly person: Person;
}

interface Observed {
  readonly conf: NixConfFiles;
  /** The Nix whose rules were used. */
  readonly nix: NixVersion;
  /** The path of the file to edit, as Nix names it. */
  readonly path: AbsPath;
  readonly owned: NixConfFile | undefined;
  /** The real path of its bytes: a link to a file of the same owner is followed. */
  readonly place: AbsPath;
  readonly file: TextFile;
  /** Effective features if the file held `text`. */
  readonly ask: (text: string) => readonly string[];
  readonly include: (path: string) => string | undefined;
  readonly missingDir: boolean;
  /** True if the file is root's, and another user's link or include leads to it. */
  readonly misled: boolean;
}

export const nixConf = provider<Desired, Observed>({
  name: 'nix-conf',
  answers: ['/features'],
  ofMachine: true,
  codes: ['RF2010', 'RF2011', 'RF2104'],
  mayWrite: puts((put, ground) => ground.wishes.features !== undefined && isNixConf(put, ground)),
  readsFrom: (path, { wishes, reader }) => wishes.features !== undefined && readPaths(wishes, reader).includes(path),
  desire: ({ features, person, owner, people }) =>
    features && {
      features,
      home: (owner && people.user(owner.uid)?.home) ?? person.home,
      uid: (owner && people.user(owner.uid)?.uid) ?? person.uid,
      person,
    },
  async observe({ home, uid, person }, reader, documents) {
    const { conf, nix } = await byItsRules(
      nixRelease(person, reader),
      (rules) => ({
        nix: rules,
        conf: rules === defaultNix ? documents.nixConf() : nixConfOf(reader, home, new Map(), rules),
      }),
      isStopped,
      isStopped,
    );
    const path = fileToEdit(conf);
    const end = follow(reader, path);
    const place = end.viaStore || end.entry.type === 'absent' ? path : end.path;
    return {
      conf,
      nix,
      path,
      owned: confFileAt(reader, path),
      place,
      file: readText(reader, place),
      ask: (text) => nixConfOf(reader, home, new Map([[path, text]]), nix).effective.requestedFeatures,
      include: (other) => confFileAt(reader, absolute(other))?.text,
      missingDir: reader.stat(parent(place)).type === 'absent',
      misled: !isNamedByRoot(path, end, reader) && 'owner' in end.entry && end.entry.owner.uid !== uid,
    };
  },
  reconcile({ features }, { conf, nix, path, owned, place, file, ask, include, missingDir, misled }) {
    const { error, requestedFeatures, winner } = conf.effective;
    if (error !== undefined) return broken(error);
    if (conf.bySystem) return { ...IN_SYNC, defers: ['/features'] };
    const missing = features.filter((feature) => !requestedFeatures.includes(feature));
    if (missing.length === 0) return IN_SYNC;
    if (owned !== undefined && !isEditable(owned)) return foreign(owned, missing);
    if (misled)
      return blocked(
        path,
        `"${path}" does not belong to the person whose Nix reads it, nor does the system's own nix.conf lead to it`,
      );
    if (file.kind === 'odd') return foreign({ path, text: '', built: false, generated: undefined }, missing);
    // In a user's file a plain assignment would discard what the system's file enables.
    const how = path === SYSTEM_CONF ? {} : { extend: true };
    const text = file.kind === 'text' ? file.text : '';
    const edited = addFeatures(text, missing, { path, readInclude: include, nix, ...how });
    const granted = edited.ok && missing.every((feature) => ask(edited.text).includes(feature));
    if (!edited.ok || !granted || edited.how === 'unchanged')
      return blocked(
        path,
        `"${path}" cannot be made to enable ${missing.join(' ')}${edited.ok ? '' : `: ${edited.message}`}`,
      );
    const { edit, blobs } = putText(place, file, edited.text, ROOTS);
    const { line } = edited;
    const finding: Finding = {
      code: 'RF2104',
      wish: '/features',
      subject: 'experimental-features',
      path,
      at: { file: path, line, column: 1, endLine: line, endColumn: 1 },
      ...(winner && { from: winner.features.join(' ') }),
      to: features.join(' '),
      because: `${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} not enabled${winner ? ` by "${winner.path}", the file that wins` : ' in any nix.conf'}`,
      evidence: conf.files.map((one) => ({ path: one.path, saw: 'read by Nix, in this order' })),
      remedy: { by: 'plan', action: winner === undefined ? 'add' : 'change' },
    };
    return { findings: [finding], edits: [...(missingDir ? [makeDir(parent(place))] : []), edit], blobs };
  },
});

const isStopped = ({ conf }: Pick<Observed, 'conf'>): boolean => conf.effective.error !== undefined;

const personIn = ({ owner, people, person }: Ground['wishes']): Person => (owner && people.user(owner.uid)) ?? person;

/** The system's files, and those that Nix reads for the person. */
function readPaths(wishes: Ground['wishes'], reader: Reader): readonly AbsPath[] {
  const { files, effective } = nixConfOf(reader, personIn(wishes).home);
  const winner = effective.winner ? [absolute(effective.winner.path)] : [];
  return [SYSTEM_CONF, CUSTOM_CONF, ...files.map((one) => one.path), ...winner];
}

/** True for the system's files, with root's links followed, and for the person's own files with their includes. */
function isNixConf(put: Put, ground: Ground): boolean {
  const { path, before, after } = put;
  const { wishes, reader } = ground;
  const system = [SYSTEM_CONF, CUSTOM_CONF];
  if (after.type === 'dir')
    return path === parent(SYSTEM_CONF) && before.type === 'absent' && isRootsNew(after.owner, after.mode, 0o755);
  if (after.type !== 'file' || after.content === undefined || !addsFeatures(put, ground)) return false;
  if (before.type === 'absent') return system.includes(path) && isRootsNew(after.owner, after.mode, 0o644);
  if (before.type !== 'file' || !sameOwner(before.owner, after.owner) || before.mode !== after.mode) return false;
  const person = personIn(wishes);
  const isAt = (one: AbsPath): boolean => follow(reader, one).path === path;
  const isSystems = isWithin(path, parent(SYSTEM_CONF)) || system.some(isAt);
  return readPaths(wishes, reader).some(isAt) && before.owner.uid === (isSystems ? 0 : person.uid);
}

/**
 * True if the new bytes are exactly those that adding wished features gives. Root's nix.conf decides who may do what through
 * the daemon, so the bytes of a saved plan are not trusted.
 */
function addsFeatures({ path, after }: Put, { reader, blobs, wishes: { features = [] } }: Ground): boolean {
  const bytes = after.type === 'file' && after.content !== undefined ? blobs[after.content] : undefined;
  if (bytes === undefined) return false;
  const planned = fromBytes(Buffer.from(bytes));
  const text = confFileAt(reader, path)?.text ?? '';
  let at = 0;
  while (at < text.length && text[at] === planned[at]) at++;
  const inserted = planned.slice(at, at + planned.length - text.length).split(/\s+/);
  const added = features.filter((feature) => inserted.some((word) => word === feature));
  const readInclude = (other: string): string | undefined => confFileAt(reader, absolute(other))?.text;
  return NIX_VERSIONS.flatMap((nix) => [{ nix }, { nix, extend: true }]).some((how) => {
    const edited = addFeatures(text, added, { path, readInclude, ...how });
    return edited.ok && edited.text === planned;
  });
}

const isRootsNew = (owner: Owner, mode: number, due: number): boolean => sameOwner(owner, ROOTS) && mode === due;

const isEditable = ({ built, generated }: NixConfFile): boolean => !built && generated === undefined;

/** True for the system's own file, and for one that it leads to by includes and links that only root can change. */
function isNamedByRoot(path: AbsPath, { by }: Followed, reader: Reader): boolean {
  if (by !== undefined) return false;
  if (path === SYSTEM_CONF || path === CUSTOM_CONF) return true;
  return systemConfOf(reader).effective.winner?.path === path;
}

const CUSTOM_CONF = absolute('/etc/nix/nix.custom.conf');

/** The last file that assigns the features, an included one too; instead of Determinate's, the one it has for people. */
function fileToEdit({ files, effective: { winner } }: NixConfFiles): AbsPath {
  const deciding = winner === undefined ? SYSTEM_CONF : absolute(winner.path);
  const generated = files.find(({ path }) => path === deciding)?.generated;
  return generated?.by === 'determinate' && generated.included ? CUSTOM_CONF : deciding;
}

const makeDir = (path: AbsPath): Edit => ({
  op: 'put',
  path,
  before: { type: 'absent' },
  after: { type: 'dir', mode: 0o755, owner: ROOTS },
});

function broken({ path, line, message }: { path: string; line: number; message: string }): Difference {
  const at: SourceRange = { file: path, line, column: 1, endLine: line, endColumn: 1 };
  const hint = 'mend the line: every nix command fails until then';
  const finding: Finding = {
    code: 'RF2011',
    wish: '/features',
    subject: 'nix.conf',
    because: message,
    at,
    path: absolute(path),
    remedy: { by: 'you', hint },
  };
  return barred(finding);
}

/** The finding for a file that another tool makes, which is not edited; the hint names the place for the setting. */
function foreign({ path, built, generated }: NixConfFile, missing: readonly string[]): Difference {
  const snippet = `nix.settings.experimental-features = [ ${missing.map((name) => `"${name}"`).join(' ')} ];`;
  const remedy: Remedy =
    generated?.by === 'determinate'
      ? {
          by: 'paste',
          hint: 'put the line into /etc/nix/nix.custom.conf and include it',
          snippet: `extra-experimental-features = ${missing.join(' ')}`,
        }
      : {
          by: 'paste',
          hint: `set nix.settings in ${generated?.by === 'home-manager' ? 'the home-manager configuration' : 'the configuration that made it'}`,
          snippet,
        };
  const because = `"${path}" ${built ? 'is a link into the store' : `is made by ${generated?.by ?? 'another tool'}`} and does not enable ${missing.join(', ')}`;
  return left(path, because, remedy);
}

const blocked = (path: AbsPath, because: string): Difference =>
  left(path, because, { by: 'you', hint: 'look at its includes: one of them decides' });

/** The finding for features that are not enabled and that reflake can't enable. */
const left = (path: AbsPath, because: string, remedy: Remedy): Difference => ({
  findings: [{ code: 'RF2010', wish: '/features', subject: 'experimental-features', because, path, remedy }],
  edits: [],
});
