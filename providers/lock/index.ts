// Keeps flake.lock as flake.nix and the spec ask for; need.ts decides that without Nix.
// The real Nix makes only the bytes of a lock that must change, while planning, in a scratch directory.

import { digestOf } from '../../core/canonical.ts';
import type { Documents } from '../../core/documents/documents.ts';
import { noConfiguration } from '../../core/finding.ts';
import { isRelativePath } from '../../core/formats/flake-ref/model.ts';
import { describeLocked } from '../../core/formats/lock/describe.ts';
import { findInput } from '../../core/formats/lock/find-input.ts';
import type { LockInput } from '../../core/formats/lock/inputs.ts';
import { type Lock, rootNode, showPath } from '../../core/formats/lock/model.ts';
import { parseLock } from '../../core/formats/lock/parse-lock.ts';
import { failureIn, OFFLINE_HINT } from '../../core/formats/tool-hints.ts';
import type { Job, JobResult, ScratchFile } from '../../core/machine/job.ts';
import type { Reader } from '../../core/machine/reader.ts';
import { oddFile, ownerIn, putText, type TextFile } from '../../core/machine/texts.ts';
import type { Change, Finding, Owner, Remedy } from '../../core/model.ts';
import { oncePer } from '../../core/once.ts';
import { type AbsPath, isWithin, join, toBytes } from '../../core/path.ts';
import { isTextOf, puts } from '../../core/plan/places.ts';
import { barred, type Difference, provider } from '../../core/plan/provider.ts';
import { fromChannel } from './channel.ts';
import { type LockNeed, type LockWish, lockNeed, policyProblems, type Reason } from './need.ts';

interface Desired extends LockWish {
  readonly from?: AbsPath;
  readonly owner?: Owner;
  readonly offline: boolean;
}

type Observed =
  /** There is no flake.nix, or none that can be read. */
  | { readonly kind: 'barred'; readonly finding: Finding }
  | { readonly kind: 'settled'; readonly need: Pick<LockNeed, 'findings' | 'bar'> }
  | {
      readonly kind: 'needed';
      readonly file: TextFile;
      readonly need: LockNeed;
      readonly result: JobResult;
      readonly born: Owner;
    };

export const lock = provider<Desired, Observed>({
  name: 'lock',
  answers: [
    '/lock',
    '/lock/maxAge',
    '/lock/allow',
    '/lock/eol',
    '/lock/indirect',
    '/lock/narHash',
    '/lock/duplicates',
    '/lock/conditions',
  ],
  codes: [
    'RF1008',
    'RF2004',
    'RF2005',
    'RF2006',
    'RF2008',
    'RF2012',
    'RF2013',
    'RF2014',
    'RF2019',
    'RF2022',
    'RF2023',
    'RF2024',
    'RF2025',
    'RF2026',
    'RF2027',
    'RF2028',
    'RF2030',
    'RF2032',
    'RF2034',
    'RF2035',
    'RF2036',
    'RF2051',
    'RF2052',
    'RF2071',
    'RF2072',
    'RF2073',
    'RF2074',
    'RF2075',
    'RF2076',
    'RF2077',
    'RF2078',
    'RF2106',
    'RF4001',
    'RF4002',
    'RF4005',
  ],
  mayWrite: puts((put, ground) => put.path === join(ground.wishes.dir, 'flake.lock') && isTextOf(put, ground)),
  desire: ({
    dir,
    from,
    owner,
    person,
    offline,
    now,
    lock: policy,
    inputs,
    git,
    isRunning,
    people,
    ends,
    leftAlone,
  }) => ({
    dir,
    person,
    offline,
    now,
    policy,
    ends,
    leftAlone,
    urls: inputs.flatMap(({ url, overrides }) => [url, ...overrides.flatMap((one) => one.url?.value ?? [])]),
    git,
    isRunning,
    home: (owner && people.user(owner.uid)?.home) ?? person.home,
    ...(owner && { owner }),
    ...(from && { from }),
  }),
  async observe(desired, reader, documents) {
    const { dir } = desired;
    const nixFile = documents.flake();
    if (nixFile.kind !== 'text') return { kind: 'barred', finding: unseen(nixFile, desired, reader) };
    const path = join(dir, 'flake.lock');
    const file = documents.lock();
    if (file.kind === 'odd') return { kind: 'barred', finding: oddFile(path, file, '/lock') };
    const asked = await lockNeed(nixFile.nix, file, desired, reader);
    if (asked.bar !== undefined) return { kind: 'settled', need: asked };
    if (asked.reasons.length === 0) {
      const findings = [...asked.findings, ...policyProblems(asked.old, desired)];
      return { kind: 'settled', need: { findings } };
    }
    const born = desired.owner ?? ownerIn(reader, dir);
    const { need, failed: unadded } = desired.isRunning
      ? await fromChannel(asked, desired.person, reader)
      : { need: asked };
    if (unadded !== undefined) return { kind: 'needed', file, need, result: unadded, born };
    const result = await reader.compute({
      label: 'locking the inputs with Nix',
      purpose: 'bytes',
      ...scratchFiles(dir, nixFile.text, need.start, need.inputs, documents),
      argv: [
        'nix',
        '--extra-experimental-features',
        'nix-command flakes',
        // One attempt, since each further one would only wait.
        ...(desired.offline ? ['--offline', '--option', 'download-attempts', '1'] : []),
        'flake',
        'lock',
        'path:{scratch}',
      ],
      outputs: ['flake.lock'],
      offline: desired.offline,
      as: desired.person,
    });
    return { kind: 'needed', file, need, result, born };
  },
  reconcile(desired, observed) {
    if (observed.kind === 'barred') return barred(observed.finding);
    if (observed.kind === 'needed') return install(desired, observed);
    const { findings, bar } = observed.need;
    return { findings, edits: [], ...(bar && { rest: [{ verdict: 'blocked', by: bar }] }) };
  },
});

/** The finding for a missing or unreadable flake.nix. */
function unseen(file: Exclude<TextFile, { kind: 'text' }>, { dir, from }: Desired, reader: Reader): Finding {
  const path = join(dir, 'flake.nix');
  if (file.kind === 'odd') return oddFile(path, file, '/lock');
  if (reader.stat(dir).type !== 'dir') return noConfiguration(dir, from);
  return {
    code: 'RF2004',
    wish: '/lock',
    subject: 'flake.nix',
    because: `there is no flake.nix in "${dir}"`,
    path,
    remedy: { by: 'you', hint: 'let reflake write one: leave out --skip' },
  };
}

/** The files that locking needs, and no others, since Nix copies the directory to the store. */
function scratchFiles(
  dir: AbsPath,
  flakeText: string,
  start: string | undefined,
  inputs: readonly LockInput[],
  documents: Documents,
): Pick<Job, 'files' | 'from'> {
  const text = (path: string, content: string): ScratchFile => ({
    path,
    type: 'file',
    content: toBytes(content),
    mode: 0o644,
  });
  const local = inputs.flatMap(({ ref }) =>
    ref && isRelativePath(ref.attrs) ? [join(dir, `./${String(ref.attrs.path)}`)] : [],
  );
  const trees = documents.materialise(local.filter((path) => isWithin(path, dir) && path !== dir));
  const texts = [text('flake.nix', flakeText), ...(start === undefined ? [] : [text('flake.lock', start)])];
  return {
    files: [...texts, ...trees.files],
    from: [...texts.map(({ path }) => join(dir, `./${path}`)), ...trees.from],
  };
}

/** The difference of a lock that must change. It is told even if Nix could not make the new bytes; then without an edit. */
function install(desired: Desired, { file, need, result, born }: Observed & { kind: 'needed' }): Difference {
  const path = join(desired.dir, 'flake.lock');
  const existed = file.kind === 'text';
  // An input that is too old is already among the reasons.
  const policy = policyProblems(need.old, desired).filter(
    ({ wish, because }) => !need.reasons.some((one) => one.wish === wish && one.text === because),
  );
  const unmade = (problems: readonly Finding[]): Difference => ({
    findings: [...reasonChanges(path, need, existed), ...need.findings, ...problems, ...policy],
    edits: [],
  });
  if (result.status === 'withheld') return unmade([]);
  if (result.status !== 'done')
    return unmade([{ ...failed(result, path, desired.offline), wish: need.reasons[0]?.wish ?? '/lock' }]);
  const output = result.files.find((one) => one.path === 'flake.lock');
  if (output?.type !== 'file')
    return unmade([found('RF4002', 'nix wrote no flake.lock', 'report it, with the version of Nix', path)]);
  const text = Buffer.from(output.content).toString('utf8');
  const parsed = parseLock(text);
  const next = parsed.ok ? parsed.lock : undefined;
  const findings = [...need.findings, ...policyProblems(next, desired)];
  if (existed && digestOf(file.text) === digestOf(text)) return { findings, edits: [] };
  const { edit, blobs } = putText(path, file, text, born);
  return { findings: [...lockChanges(path, need, next, existed), ...findings], edits: [edit], blobs };
}

/** The changes known without Nix's result: one for each root input to be locked again, or one for the file. */
function reasonChanges(path: AbsPath, need: LockNeed, existed: boolean): readonly Change[] {
  const names = new Set(need.reasons.flatMap(({ input }) => (input === undefined ? [] : [input])));
  const whole = need.reasons.filter(({ input }) => input === undefined);
  if (names.size === 0) return [fileChange(path, whole, existed)];
  return [...names].flatMap((name) => {
    const from = need.old && describe(need.old, name);
    const declared = declaredIn(need).has(name);
    const action = !declared ? 'remove' : from === undefined ? 'add' : 'change';
    return inputChanges(path, name, action, { ...(from && { from }) }, need);
  });
}

/** A change for each root input whose locked source changes; or one for the file if only edges change. */
function lockChanges(path: AbsPath, need: LockNeed, next: Lock | undefined, existed: boolean): readonly Change[] {
  const { old } = need;
  const names = new Set([old, next].flatMap((one) => (one ? [...rootNode(one).inputs.keys()] : [])));
  const changes = [...names].flatMap((name): readonly Change[] => {
    const [from, to] = [old, next].map((one) => (one ? describe(one, name) : undefined));
    if (from === to && sourceOf(old, name) === sourceOf(next, name)) return [];
    const action = from === undefined ? 'add' : to === undefined ? 'remove' : 'change';
    return inputChanges(path, name, action, { ...(from && { from }), ...(to && { to }) }, need);
  });
  return changes.length > 0 ? changes : [fileChange(path, need.reasons, existed)];
}

const declaredIn = oncePer(({ inputs }: LockNeed) => new Set(inputs.map(({ name }) => name)));

/** A change of one input for each wish that asks for it: that the lock is fresh, that it is not too old. */
function inputChanges(
  path: AbsPath,
  name: string,
  action: Extract<Remedy, { by: 'plan' }>['action'],
  ends: Pick<Change, 'from' | 'to'>,
  need: LockNeed,
): readonly Change[] {
  const own = reasonsByInput(need).get(name) ?? need.reasons;
  return [...new Set(own.map(({ wish }) => wish))].map((wish) => {
    const reasons = own.filter((reason) => reason.wish === wish);
    return { ...changeFor(path, reasons, action), subject: `lock.${name}`, wish, ...ends };
  });
}

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

const fileChange = (path: AbsPath, reasons: readonly Reason[], existed: boolean): Change =>
  changeFor(path, reasons, existed ? 'change' : 'add');

const changeFor = (
  path: AbsPath,
  reasons: readonly Reason[],
  action: Extract<Remedy, { by: 'plan' }>['action'],
): Change => ({
  code: reasons[0]?.code ?? 'RF2106',
  wish: reasons[0]?.wish ?? '/lock',
  subject: 'lock',
  path,
  because: inWords(reasons),
  evidence: reasons.map(({ text }) => ({ path, saw: text })),
  remedy: { by: 'plan', action },
});

function inWords(reasons: readonly Reason[]): string {
  const texts = [...new Set(reasons.map(({ text }) => text))];
  return texts.slice(0, 3).join('; ') + (texts.length > 3 ? `; and ${texts.length - 3} more` : '');
}

/** Everything in the lock about an input's source, for comparison. */
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

const found = (code: Finding['code'], because: string, hint: string, path: AbsPath, log?: string): Finding => ({
  code,
  wish: '/lock',
  subject: 'flake.lock',
  because,
  path,
  ...(log && { evidence: [{ saw: log }] }),
  remedy: { by: 'you', hint },
});

function failed(result: Exclude<JobResult, { status: 'done' | 'withheld' }>, path: AbsPath, offline: boolean): Finding {
  if (result.status === 'missing')
    return found(
      'RF4001',
      `${result.tool} is not installed, and flake.lock has to be written`,
      'install Nix, or copy a flake.lock that fits',
      path,
    );
  if (result.status === 'closed')
    return found(
      'RF2005',
      `"${result.path}" can only be read by root, and Nix, which runs as its future owner, needs it for the lock`,
      `make it readable for them, with the directories above it: sudo chmod a+r ${result.path}`,
      result.path,
    );
  const words = result.stderr.trim().split('\n').slice(-12).join('\n');
  const first = /error: (.*)/.exec(result.stderr)?.[1] ?? words.split('\n').at(-1) ?? '';
  const why = failureIn(result.stderr);
  if (why?.kind !== 'network') {
    const hint = why?.hint ?? 'the words of Nix follow';
    return found('RF4002', `nix cannot lock the inputs: ${first}`, hint, path, words);
  }
  const hint = offline ? OFFLINE_HINT : why.hint;
  return found('RF4005', `an input cannot be fetched: ${first}`, hint, path, words);
}
