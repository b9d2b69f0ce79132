// Whether flake.lock satisfies flake.nix, by Nix's own rules and the spec's policy, decided without Nix.
// Only a lock that must change is computed, while planning, by the real Nix in a scratch directory.

import { digestOf } from '../core/canonical.ts';
import { type Diagnostic, rangeOf } from '../core/diagnostic.ts';
import { isRelativePath } from '../core/formats/flake-ref/model.ts';
import { describeLocked } from '../core/formats/lock/describe.ts';
import { findInput } from '../core/formats/lock/find-input.ts';
import { type LockInput, lockInputsOf } from '../core/formats/lock/inputs.ts';
import { mergeLock } from '../core/formats/lock/merge.ts';
import { type Lock, rootNode, showPath } from '../core/formats/lock/model.ts';
import { parseLock } from '../core/formats/lock/parse-lock.ts';
import { lockPolicy, type PolicyViolation } from '../core/formats/lock/policy.ts';
import { printLock } from '../core/formats/lock/print-lock.ts';
import { lockVerdict } from '../core/formats/lock/verdict.ts';
import { readFlake } from '../core/formats/nix/flake.ts';
import type { JobResult, Reader, ScratchFile } from '../core/host/host.ts';
import type { Change, Owner, Person } from '../core/model.ts';
import { type AbsPath, isWithin, join, relativeTo } from '../core/path.ts';
import { type Difference, NO_DIFFERENCE, provider } from '../core/provider.ts';
import { oddFile, ownerIn, putText, readText, type TextFile } from '../core/texts.ts';
import type { Wishes } from '../core/wishes.ts';

interface Desired {
  readonly dir: AbsPath;
  readonly owner?: Owner;
  readonly person: Person;
  readonly offline: boolean;
  readonly now: number;
  readonly policy: Wishes['lock'];
}

/** Why the lock has to change: `reasons` in words, `start` the lock that Nix is to complete. */
interface Need {
  readonly reasons: readonly string[];
  readonly start: string | undefined;
  readonly warnings: readonly Diagnostic[];
}

type Observed =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'unreadable'; readonly diagnostics: readonly Diagnostic[] }
  | { readonly kind: 'settled'; readonly diagnostics: readonly Diagnostic[] }
  | {
      readonly kind: 'computed';
      readonly file: TextFile;
      readonly old: Lock | undefined;
      readonly need: Need;
      readonly result: JobResult;
      readonly born: Owner;
    };

export const lock = provider<Desired, Observed>({
  name: 'lock',
  desire: ({ dir, owner, person, offline, now, lock: policy }) => ({
    dir,
    person,
    offline,
    now,
    policy,
    ...(owner && { owner }),
  }),
  async observe(desired, reader) {
    const { dir } = desired;
    const nixFile = readText(reader, join(dir, 'flake.nix'));
    if (nixFile.kind !== 'text') return { kind: 'nothing' };
    const inputs = inputsIn(nixFile.text, dir);
    if (!inputs.ok) return { kind: 'unreadable', diagnostics: [inputs.diagnostic] };
    const path = join(dir, 'flake.lock');
    const file = readText(reader, path);
    if (file.kind === 'odd') return { kind: 'unreadable', diagnostics: [oddFile(path, file, '/lock')] };
    const { need, old } = judge(inputs.inputs, file, path, desired);
    if (need.reasons.length === 0)
      return { kind: 'settled', diagnostics: [...need.warnings, ...policyProblems(old, desired)] };
    const result = await reader.compute({
      label: 'locking the inputs with Nix',
      files: scratchFiles(dir, nixFile.text, need.start, inputs.inputs, reader),
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
    return { kind: 'computed', file, old, need, result, born: desired.owner ?? ownerIn(reader, dir) };
  },
  reconcile(desired, observed) {
    if (observed.kind === 'nothing') return NO_DIFFERENCE;
    if (observed.kind !== 'computed') return { changes: [], edits: [], diagnostics: observed.diagnostics };
    return install(desired, observed);
  },
});

function inputsIn(
  text: string,
  dir: AbsPath,
): { ok: true; inputs: readonly LockInput[] } | { ok: false; diagnostic: Diagnostic } {
  const path = join(dir, 'flake.nix');
  const flake = readFlake(text);
  const fail = (message: string, span: { start: number; end: number }) => {
    const at = rangeOf(path, text, span);
    const diagnostic: Diagnostic = {
      severity: 'error',
      code: 'RF2006',
      summary: `flake.nix cannot be read: ${message}`,
      hint: 'mend the file at the place shown',
      at,
      path,
    };
    return { ok: false as const, diagnostic };
  };
  if (!flake.ok) return fail(flake.error.message, flake.error.span);
  const inputs = lockInputsOf(flake);
  const wrong = inputs.ok ? undefined : inputs.errors[0];
  return inputs.ok ? inputs : fail(`input "${showPath(wrong!.path)}": ${wrong!.message}`, wrong!.span);
}

function judge(
  inputs: readonly LockInput[],
  file: TextFile,
  path: AbsPath,
  desired: Desired,
): { need: Need; old: Lock | undefined } {
  if (file.kind !== 'text') {
    const { verdict, reasons } = lockVerdict(inputs, undefined);
    const missing =
      verdict === 'fresh'
        ? []
        : ['there is no flake.lock', ...reasons.filter(({ kind }) => kind !== 'missing-lock').map(({ text }) => text)];
    return { need: { reasons: missing.slice(0, 1), start: undefined, warnings: [] }, old: undefined };
  }
  const parsed = parseLock(file.text);
  if (!parsed.ok) return { need: mend(file.text, path, parsed.problem), old: undefined };
  const { verdict, reasons } = lockVerdict(inputs, parsed.lock);
  const old = tooOld(parsed.lock, desired);
  const stale = verdict === 'stale' || verdict === 'error' ? reasons.map(({ text }) => text) : [];
  const warnings: Diagnostic[] =
    verdict === 'refetch'
      ? [
          {
            severity: 'note',
            code: 'RF2019',
            summary: `flake.lock cannot be decided offline: ${reasons[0]?.text ?? ''}`,
            path,
          },
        ]
      : [];
  return {
    need: {
      reasons: [...stale, ...old.map(({ text }) => text)],
      start:
        old.length > 0
          ? printLock(
              without(
                parsed.lock,
                old.map(({ input }) => input),
              ),
            )
          : file.text,
      warnings,
    },
    old: parsed.lock,
  };
}

/** A text that is no lock: conflict markers are merged by meaning, anything else is locked from nothing. */
function mend(text: string, path: AbsPath, problem: { readonly kind: string; readonly message: string }): Need {
  const merged = problem.kind === 'conflict-markers' ? mergeLock(text) : undefined;
  if (merged?.ok) {
    const conflicts = merged.conflicts.length > 0 ? `; locked again: ${merged.conflicts.join(', ')}` : '';
    const warning: Diagnostic = {
      severity: 'warning',
      code: 'RF2013',
      summary: `flake.lock has merge conflicts${conflicts}`,
      path,
    };
    return { reasons: ['flake.lock has merge conflicts'], start: printLock(merged.lock), warnings: [warning] };
  }
  const warning: Diagnostic = {
    severity: 'warning',
    code: 'RF2012',
    summary: `flake.lock is damaged: ${problem.message}`,
    hint: 'take it from git if you need the same revisions: git checkout flake.lock',
    path,
  };
  return { reasons: [`flake.lock is damaged: ${problem.message}`], start: undefined, warnings: [warning] };
}

const violations = (lock: Lock, { now, policy }: Desired): readonly PolicyViolation[] =>
  lockPolicy(lock, { now, ...policy });

const tooOld = (lock: Lock, desired: Desired): readonly PolicyViolation[] =>
  violations(lock, desired).filter(({ kind }) => kind === 'too-old');

/** What locking again can't mend: a source that is not allowed stands in flake.nix. */
function policyProblems(lock: Lock | undefined, desired: Desired): readonly Diagnostic[] {
  if (lock === undefined) return [];
  return violations(lock, desired).map((violation) => ({
    severity: 'error',
    code: 'RF2014',
    summary: violation.text,
    hint:
      violation.kind === 'not-allowed'
        ? 'change the input, or add its source to lock.allow'
        : 'update the input, or raise lock.maxAge',
    pointer: violation.kind === 'not-allowed' ? '/lock/allow' : '/lock/maxAge',
    path: join(desired.dir, 'flake.lock'),
  }));
}

/** The lock without some root inputs: what Nix then locks anew, with flags that every version takes. */
function without(lock: Lock, names: readonly string[]): Lock {
  const root = rootNode(lock);
  const inputs = new Map([...root.inputs].filter(([name]) => !names.includes(name)));
  return { ...lock, nodes: new Map(lock.nodes).set(lock.root, { ...root, inputs }) };
}

/** Nix copies the directory to the store, so it holds only what locking needs. */
function scratchFiles(
  dir: AbsPath,
  flakeText: string,
  start: string | undefined,
  inputs: readonly LockInput[],
  reader: Reader,
): readonly ScratchFile[] {
  const text = (path: string, content: string): ScratchFile => ({
    path,
    type: 'file',
    content: Buffer.from(content),
    mode: 0o644,
  });
  const local = inputs.flatMap(({ ref }) =>
    ref && isRelativePath(ref.attrs) ? [join(dir, `./${String(ref.attrs.path)}`)] : [],
  );
  return [
    text('flake.nix', flakeText),
    ...(start === undefined ? [] : [text('flake.lock', start)]),
    ...local.filter((path) => isWithin(path, dir) && path !== dir).flatMap((path) => [...treeAt(path, dir, reader)]),
  ];
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

function install(desired: Desired, { file, old, need, result, born }: Observed & { kind: 'computed' }): Difference {
  const path = join(desired.dir, 'flake.lock');
  if (result.status !== 'done')
    return { changes: [], edits: [], diagnostics: [...need.warnings, failed(result, path)] };
  const output = result.files.find((one) => one.path === 'flake.lock');
  if (output?.type !== 'file') {
    const summary = 'nix wrote no flake.lock';
    return {
      changes: [],
      edits: [],
      diagnostics: [...need.warnings, { severity: 'error', code: 'RF4002', summary, path }],
    };
  }
  const text = Buffer.from(output.content).toString('utf8');
  const parsed = parseLock(text);
  const problems = parsed.ok ? policyProblems(parsed.lock, desired) : [];
  const diagnostics = [...need.warnings, ...problems];
  if (file.kind === 'text' && digestOf(file.text) === digestOf(text)) return { changes: [], edits: [], diagnostics };
  const { edit, blobs } = putText(path, file, text, born);
  return {
    changes: lockChanges(path, old, parsed.ok ? parsed.lock : undefined, need, file.kind === 'text'),
    edits: [edit],
    diagnostics,
    blobs,
  };
}

/** A change for each root input whose locked source changes; or one for the file, where only its edges do. */
function lockChanges(
  path: AbsPath,
  old: Lock | undefined,
  next: Lock | undefined,
  { reasons }: Need,
  existed: boolean,
): readonly Change[] {
  const because = reasons.slice(0, 3).join('; ') + (reasons.length > 3 ? `; and ${reasons.length - 3} more` : '');
  const reason = existed ? 'stale' : 'missing';
  const names = new Set([old, next].flatMap((one) => (one ? [...rootNode(one).inputs.keys()] : [])));
  const changes = [...names].flatMap((name): Change[] => {
    const [from, to] = [old, next].map((one) => (one ? describe(one, name) : undefined));
    if (from === to) return [];
    const action = from === undefined ? 'add' : to === undefined ? 'remove' : 'change';
    return [
      {
        subject: `lock.${name}`,
        path,
        action,
        ...(from && { from }),
        ...(to && { to }),
        reason,
        because,
        pointer: '/inputs' + `/${name}`,
      },
    ];
  });
  return changes.length > 0
    ? changes
    : [{ subject: 'lock', path, action: existed ? 'change' : 'add', reason, because, pointer: '/lock' }];
}

function describe(lock: Lock, name: string): string | undefined {
  const edge = rootNode(lock).inputs.get(name);
  if (edge?.kind === 'follows') return `follows ${showPath(edge.path)}`;
  const locked = findInput(lock, [name])?.node.locked;
  return locked && describeLocked(locked);
}

const NETWORK =
  /resolve host|unable to download|network is unreachable|could not connect|failed to connect|connection refused|timed out/i;

function failed(result: Exclude<JobResult, { status: 'done' }>, path: AbsPath): Diagnostic {
  if (result.status === 'missing')
    return {
      severity: 'error',
      code: 'RF4001',
      summary: `${result.tool} is not installed, and flake.lock has to be written`,
      hint: 'install Nix, or copy a flake.lock that fits',
      path,
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
