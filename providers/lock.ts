// Whether flake.lock is what flake.nix and the spec ask for, decided without Nix (core/lock-need.ts).
// Only the bytes of a lock that must change are made by the real Nix, while planning, in a scratch directory.

import { digestOf } from '../core/canonical.ts';
import type { Diagnostic } from '../core/diagnostic.ts';
import { isRelativePath } from '../core/formats/flake-ref/model.ts';
import { describeLocked } from '../core/formats/lock/describe.ts';
import { findInput } from '../core/formats/lock/find-input.ts';
import type { LockInput } from '../core/formats/lock/inputs.ts';
import { type Lock, rootNode, showPath } from '../core/formats/lock/model.ts';
import { parseLock } from '../core/formats/lock/parse-lock.ts';
import type { Job, JobResult, Reader, ScratchFile } from '../core/host/host.ts';
import { type LockNeed, type LockWish, lockNeed, policyProblems } from '../core/lock-need.ts';
import type { Change, Owner } from '../core/model.ts';
import { oncePer } from '../core/once.ts';
import { type AbsPath, isWithin, join, relativeTo } from '../core/path.ts';
import { type Difference, NO_DIFFERENCE, provider } from '../core/provider.ts';
import { oddFile, ownerIn, putText, readText, type TextFile } from '../core/texts.ts';

interface Desired extends LockWish {
  readonly owner?: Owner;
  readonly offline: boolean;
}

type Observed =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'settled'; readonly diagnostics: readonly Diagnostic[] }
  | {
      readonly kind: 'needed';
      readonly file: TextFile;
      readonly need: LockNeed;
      readonly result: JobResult;
      readonly born: Owner;
    };

export const lock = provider<Desired, Observed>({
  name: 'lock',
  desire: ({ dir, owner, person, offline, now, lock: policy, inputs, git, isRunning, people }) => ({
    dir,
    person,
    offline,
    now,
    policy,
    urls: inputs.map(({ url }) => url),
    git,
    isRunning,
    home: (owner && people.user(owner.uid)?.home) ?? person.home,
    ...(owner && { owner }),
  }),
  async observe(desired, reader) {
    const { dir } = desired;
    const nixFile = readText(reader, join(dir, 'flake.nix'));
    if (nixFile.kind !== 'text') return { kind: 'nothing' };
    const path = join(dir, 'flake.lock');
    const file = readText(reader, path);
    if (file.kind === 'odd') return { kind: 'settled', diagnostics: [oddFile(path, file, '/lock')] };
    const need = await lockNeed(nixFile.text, file, desired, reader);
    if (need.reasons.length === 0)
      return { kind: 'settled', diagnostics: [...need.diagnostics, ...policyProblems(need.old, desired)] };
    const result = await reader.compute({
      label: 'locking the inputs with Nix',
      purpose: 'bytes',
      ...scratchFiles(dir, nixFile.text, need.start, need.inputs, reader),
      argv: [
        'nix',
        '--extra-experimental-features',
        'nix-command flakes',
        ...(desired.offline ? ['--offline'] : []),
        'flake',
        'lock',
        'path:{scratch}',
      ],
      outputs: ['flake.lock'],
      as: desired.person,
    });
    return { kind: 'needed', file, need, result, born: desired.owner ?? ownerIn(reader, dir) };
  },
  reconcile(desired, observed) {
    if (observed.kind === 'nothing') return NO_DIFFERENCE;
    if (observed.kind === 'settled') return { changes: [], edits: [], diagnostics: observed.diagnostics };
    return install(desired, observed);
  },
});

/** Nix copies the directory to the store, so it holds only what locking needs. */
function scratchFiles(
  dir: AbsPath,
  flakeText: string,
  start: string | undefined,
  inputs: readonly LockInput[],
  reader: Reader,
): Pick<Job, 'files' | 'from'> {
  const text = (path: string, content: string): ScratchFile => ({
    path,
    type: 'file',
    content: Buffer.from(content),
    mode: 0o644,
  });
  const local = inputs.flatMap(({ ref }) =>
    ref && isRelativePath(ref.attrs) ? [join(dir, `./${String(ref.attrs.path)}`)] : [],
  );
  const trees = local
    .filter((path) => isWithin(path, dir) && path !== dir)
    .flatMap((path) => [...treeAt(path, dir, reader)]);
  const texts = [text('flake.nix', flakeText), ...(start === undefined ? [] : [text('flake.lock', start)])];
  const files = [...texts, ...trees];
  return { files, from: files.flatMap(({ path, type }) => (type === 'file' ? [join(dir, `./${path}`)] : [])) };
}

function* treeAt(path: AbsPath, dir: AbsPath, reader: Reader): Generator<ScratchFile> {
  const entry = reader.stat(path);
  const name = relativeTo(path, dir);
  if (entry.type === 'link') yield { path: name, type: 'link', target: entry.target };
  if (entry.type === 'file')
    yield { path: name, type: 'file', content: reader.read(path) ?? new Uint8Array(), mode: entry.mode | 0o600 };
  if (entry.type !== 'dir') return;
  yield { path: name, type: 'dir', mode: entry.mode | 0o700 };
  for (const child of reader.list(path)) if (child !== '.git') yield* treeAt(join(path, `./${child}`), dir, reader);
}

/** The difference is there whether Nix could make the new bytes or not; without them there is no edit. */
function install(desired: Desired, { file, need, result, born }: Observed & { kind: 'needed' }): Difference {
  const path = join(desired.dir, 'flake.lock');
  const existed = file.kind === 'text';
  const unmade = (problems: readonly Diagnostic[]): Difference => ({
    changes: reasonChanges(path, need, existed),
    edits: [],
    diagnostics: [...need.diagnostics, ...problems],
  });
  if (result.status === 'withheld') return unmade([]);
  if (result.status !== 'done') return unmade([failed(result, path)]);
  const output = result.files.find((one) => one.path === 'flake.lock');
  if (output?.type !== 'file')
    return unmade([{ severity: 'error', code: 'RF4002', summary: 'nix wrote no flake.lock', path }]);
  const text = Buffer.from(output.content).toString('utf8');
  const parsed = parseLock(text);
  const next = parsed.ok ? parsed.lock : undefined;
  const diagnostics = [...need.diagnostics, ...policyProblems(next, desired)];
  if (existed && digestOf(file.text) === digestOf(text)) return { changes: [], edits: [], diagnostics };
  const { edit, blobs } = putText(path, file, text, born);
  return { changes: lockChanges(path, need, next, existed), edits: [edit], diagnostics, blobs };
}

/** What is known before Nix was asked: a change for each root input that has to be locked again, or one for the file. */
function reasonChanges(path: AbsPath, need: LockNeed, existed: boolean): readonly Change[] {
  const names = new Set(need.reasons.flatMap(({ input }) => (input === undefined ? [] : [input])));
  if (names.size === 0) return [fileChange(path, need, existed)];
  return [...names].map((name) => {
    const from = need.old && describe(need.old, name);
    const declared = declaredIn(need).has(name);
    const action = !declared ? 'remove' : from === undefined ? 'add' : 'change';
    return inputChange(path, name, action, { ...(from && { from }) }, need, existed);
  });
}

/** A change for each root input whose locked source changes; or one for the file, where only its edges do. */
function lockChanges(path: AbsPath, need: LockNeed, next: Lock | undefined, existed: boolean): readonly Change[] {
  const { old } = need;
  const names = new Set([old, next].flatMap((one) => (one ? [...rootNode(one).inputs.keys()] : [])));
  const changes = [...names].flatMap((name): Change[] => {
    const [from, to] = [old, next].map((one) => (one ? describe(one, name) : undefined));
    if (from === to && sourceOf(old, name) === sourceOf(next, name)) return [];
    const action = from === undefined ? 'add' : to === undefined ? 'remove' : 'change';
    return [inputChange(path, name, action, { ...(from && { from }), ...(to && { to }) }, need, existed)];
  });
  return changes.length > 0 ? changes : [fileChange(path, need, existed)];
}

const declaredIn = oncePer(({ inputs }: LockNeed) => new Set(inputs.map(({ name }) => name)));

function inputChange(
  path: AbsPath,
  name: string,
  action: Change['action'],
  ends: Pick<Change, 'from' | 'to'>,
  need: LockNeed,
  existed: boolean,
): Change {
  const own = reasonsFor(need, name);
  return {
    subject: `lock.${name}`,
    path,
    action,
    ...ends,
    reason: existed ? 'stale' : 'missing',
    because: own ?? inWords(need.reasons),
    pointer: `/inputs/${name}`,
  };
}

/** In words, the reasons that one input is locked again; undefined where none is its own. */
const reasonsFor = (need: LockNeed, name: string): string | undefined => {
  const found = reasonsByInput(need).get(name);
  return found && inWords(found);
};

const reasonsByInput = oncePer(({ reasons }: LockNeed) => {
  const found = new Map<string, LockNeed['reasons'][number][]>();
  for (const reason of reasons) {
    if (reason.input === undefined) continue;
    const known = found.get(reason.input);
    if (known) known.push(reason);
    else found.set(reason.input, [reason]);
  }
  return found;
});

const fileChange = (path: AbsPath, { reasons }: LockNeed, existed: boolean): Change => ({
  subject: 'lock',
  path,
  action: existed ? 'change' : 'add',
  reason: existed ? 'stale' : 'missing',
  because: inWords(reasons),
  pointer: '/lock',
});

function inWords(reasons: LockNeed['reasons']): string {
  const texts = [...new Set(reasons.map(({ text }) => text))];
  return texts.slice(0, 3).join('; ') + (texts.length > 3 ? `; and ${texts.length - 3} more` : '');
}

/** Everything that the lock says of an input's source, to be compared. */
const sourceOf = (lock: Lock | undefined, name: string): string => {
  const node = lock && findInput(lock, [name])?.node;
  return JSON.stringify([node?.locked, node?.original]);
};

function describe(lock: Lock, name: string): string | undefined {
  const edge = rootNode(lock).inputs.get(name);
  if (edge?.kind === 'follows') return `follows ${showPath(edge.path)}`;
  const locked = findInput(lock, [name])?.node.locked;
  return locked && describeLocked(locked);
}

const NETWORK =
  /resolve host|unable to download|network is unreachable|could not connect|failed to connect|connection refused|timed out/i;

function failed(result: Exclude<JobResult, { status: 'done' | 'withheld' }>, path: AbsPath): Diagnostic {
  if (result.status === 'missing')
    return {
      severity: 'error',
      code: 'RF4001',
      summary: `${result.tool} is not installed, and flake.lock has to be written`,
      hint: 'install Nix, or copy a flake.lock that fits',
      path,
      pointer: '/inputs',
    };
  if (result.status === 'closed')
    return {
      severity: 'error',
      code: 'RF2005',
      summary: `"${result.path}" can only be read by root, and Nix, which runs as its future owner, needs it for the lock`,
      hint: `make it readable for them, with the directories above it: sudo chmod a+r ${result.path}`,
      path: result.path,
      pointer: '/inputs',
    };
  const words = result.stderr.trim().split('\n').slice(-12).join('\n');
  const first = /error: (.*)/.exec(result.stderr)?.[1] ?? words.split('\n').at(-1) ?? '';
  return NETWORK.test(result.stderr)
    ? {
        severity: 'error',
        code: 'RF4005',
        summary: `an input cannot be fetched: ${first}`,
        hint: 'look at the network and run the command again; an in-sync plan needs none',
        path,
        pointer: '/inputs',
        snippet: words,
      }
    : {
        severity: 'error',
        code: 'RF4002',
        summary: `nix cannot lock the inputs: ${first}`,
        hint: 'the words of Nix follow',
        path,
        pointer: '/inputs',
        snippet: words,
      };
}
