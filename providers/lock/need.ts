// Decides whether flake.lock has to change, and for which reasons: Nix's own rules, what Nix overlooks, and the spec's policy.
// Starts from the texts; asks for the version of Nix only where versions disagree, and for nothing else.

import type { Code } from '../../core/codes.ts';
import { type JsonPointer, rangeOf } from '../../core/diagnostic.ts';
import type { NixText } from '../../core/documents/nix-text.ts';
import type { LockInput } from '../../core/formats/lock/inputs.ts';
import { type Lock, rootNode, showPath } from '../../core/formats/lock/model.ts';
import { isTableStale, lockPolicy, type PolicyViolation } from '../../core/formats/lock/policy.ts';
import { printLock } from '../../core/formats/lock/print-lock.ts';
import type { LockReason } from '../../core/formats/lock/stale-entry.ts';
import { type LockVerdict, lockVerdict } from '../../core/formats/lock/verdict.ts';
import { localTrees } from '../../core/machine/local-trees.ts';
import { byItsRules, nixRelease } from '../../core/machine/nix-version.ts';
import type { Reader } from '../../core/machine/reader.ts';
import type { TextFile } from '../../core/machine/texts.ts';
import type { Finding, Person } from '../../core/model.ts';
import { type AbsPath, join } from '../../core/path.ts';
import type { Wishes } from '../../core/spec/resolve.ts';
import { auditOf, dependencyIn, doubleInputs, type FlakeText, placed } from './audit.ts';
import { inputsBy, inputsIn, type LockRead, lockBy, type Release } from './by-version.ts';
import { type Mended, mendLock } from './mend.ts';
import { unshown } from './shown.ts';
import { flakeTraps } from './traps.ts';

export interface LockWish {
  readonly dir: AbsPath;
  readonly policy: Wishes['lock'];
  readonly ends: Wishes['ends'];
  /** Acknowledged wishes: what breaks them is not told, and nothing is locked for them. */
  readonly leftAlone: Wishes['leftAlone'];
  /** Seconds since 1970. */
  readonly now: number;
  readonly isRunning: boolean;
  /** The references in the spec, which are judged with it. */
  readonly urls: readonly string[];
  /** True if the git provider makes the lock visible to Nix. */
  readonly git: boolean;
  /** The home of the repository's owner. */
  readonly home: string;
  readonly person: Person;
}

/** A reason to lock again: about a root input, or about the file as a whole. */
export interface Reason {
  readonly input?: string;
  readonly text: string;
  readonly code: Code;
  /** The wish that asks for it. */
  readonly wish: JsonPointer;
}

/** No `reasons`: nothing is to be locked. `start`: the lock that Nix is to complete; `old`: the present one. */
export interface LockNeed {
  readonly inputs: readonly LockInput[];
  readonly reasons: readonly Reason[];
  readonly start: string | undefined;
  readonly old: Lock | undefined;
  /** Findings that locking again does not mend, and advice. */
  readonly findings: readonly Finding[];
  /** The code of the finding that bars the look. */
  readonly bar?: Code;
}

/** `nix` and `file`: flake.nix and flake.lock as they will be. Throws `unreadable`. */
export async function lockNeed(
  nix: NixText,
  file: Exclude<TextFile, { kind: 'odd' }>,
  wish: LockWish,
  reader: Reader,
): Promise<LockNeed> {
  const path = join(wish.dir, 'flake.nix');
  const { text: flakeText } = nix;
  const opened = nix.flake();
  if (!opened.ok) return hopeless([unparsable(path, flakeText, opened.error.message, opened.error.span)]);
  const { flake } = opened;
  const source: FlakeText = { path, text: flakeText, flake };
  const doubles = doubleInputs(source);
  if (isSome(doubles)) return hopeless(doubles);
  const release = nixRelease(wish.person, reader);
  const declared = await inputsBy(release, flake, wish.dir, reader);
  if (declared.refusal !== undefined) return hopeless([declared.refusal]);
  const { read } = declared;
  if (!read.ok) {
    const wrong = read.errors.map((error) =>
      unparsable(path, flakeText, `input "${showPath(error.path)}": ${error.message}`, error.span),
    );
    if (isSome(wrong)) return hopeless(wrong);
    throw new Error('inputs that cannot be read have an error');
  }
  const { inputs } = read;
  const names = inputs.length === 0 ? ['flake.nix'] : ['flake.nix', 'flake.lock'];
  const hidden = wish.git ? [] : await unshown(wish.dir, names, wish.home, reader, release);
  const besides = [...flakeTraps(source, wish.urls), ...hidden];
  const locked = file.kind === 'text' ? await lockBy(release, file.text, wish.dir) : undefined;
  if (locked?.refusal !== undefined) return hopeless([locked.refusal, ...besides]);
  const need =
    file.kind !== 'text' || locked === undefined
      ? await fromNothing(source, inputs, release, reader)
      : locked.read.ok
        ? await judge(source, inputs, file.text, locked.read, { ...wish, release }, reader)
        : mended(inputs, mendLock(file.text, join(wish.dir, 'flake.lock'), locked.read.problem, reader));
  return { ...need, findings: [...need.findings, ...besides] };
}

const mended = (inputs: readonly LockInput[], { reasons, start, findings }: Mended): LockNeed => ({
  inputs,
  old: undefined,
  reasons: reasons.map(({ text }) => reasonFor(undefined, text)),
  start,
  findings,
});

/** Violations of the spec's policy in a lock. What locking again can't mend must be changed in flake.nix or in the spec. */
export function policyProblems(lock: Lock | undefined, { dir, ...wish }: LockWish): readonly Finding[] {
  const path = join(dir, 'flake.lock');
  if (lock === undefined) return unjudged(wish.policy, path);
  const broken = violations(lock, wish).map((one): Finding => {
    const { kind, text, severity } = one;
    return {
      code: CODE_OF[kind],
      ...(severity === 'error' ? { wish: wishOf(one) } : { severity }),
      subject: `lock.${one.rule}`,
      because: text,
      path,
      remedy: { by: 'you', hint: HINTS[kind] },
    };
  });
  if (!isTableStale(wish.policy, wish.ends, wish.now)) return broken;
  const { asOf, file } = wish.ends;
  const stale: Finding = {
    code: 'RF2074',
    subject: 'lock.eol',
    because: `the dates of ends of support are of ${asOf}${file === undefined ? ' (built in)' : ''}, and a release may have ended since`,
    remedy: { by: 'you', hint: 'update reflake, or give newer dates: --eol FILE' },
  };
  return [...broken, stale];
}

/** The place in the spec that asks for it. */
const wishOf = ({ rule, isConditional }: PolicyViolation): JsonPointer =>
  isConditional ? '/lock/conditions' : `/lock/${rule}`;

const CODE_OF: Readonly<Record<PolicyViolation['kind'], Code>> = {
  'too-old': 'RF2014',
  ahead: 'RF2014',
  'no-date': 'RF2014',
  undated: 'RF2078',
  'not-allowed': 'RF2071',
  'past-end': 'RF2072',
  'end-unknown': 'RF2073',
  indirect: 'RF2075',
  'no-hash': 'RF2076',
  twice: 'RF2077',
};

const HINTS: Readonly<Record<PolicyViolation['kind'], string>> = {
  'not-allowed': 'change the input, or add its source to lock.allow',
  'too-old': 'update the input, or raise lock.maxAge',
  'no-date': 'update the input, or raise lock.maxAge',
  undated: 'update it once, with the network: nix flake update',
  ahead: 'look at the clock of the machine, or lock the input again: nix flake update',
  'past-end': 'name a newer release, once its release notes are read',
  'end-unknown': 'name a branch with a release, or give newer dates: --eol FILE',
  indirect: 'write where it comes from: github:NixOS/nixpkgs/nixos-26.05',
  'no-hash': 'lock it again: nix flake update',
  twice: 'let the others follow yours: write follows in the spec',
};

/** The findings for a policy without a lock to judge. */
const unjudged = (policy: LockWish['policy'], path: AbsPath): readonly Finding[] =>
  Object.entries({
    maxAge: policy.maxAgeSeconds !== undefined,
    allow: policy.allow !== undefined,
    eol: policy.eol === 'error',
    indirect: policy.indirect === 'error',
    narHash: policy.narHash === 'error',
    duplicates: policy.duplicates === 'error',
    conditions: policy.conditions !== undefined,
  }).flatMap(([member, isAsked]): Finding[] =>
    isAsked
      ? [
          {
            code: 'RF2032',
            wish: `/lock/${member}`,
            subject: `lock.${member}`,
            because: `lock.${member} cannot be judged: flake.lock has still to be made`,
            path,
            remedy: { by: 'you', hint: 'reflake plan makes the lock, in a scratch directory, and judges it' },
          },
        ]
      : [],
  );

const violations = (
  lock: Lock,
  { now, policy, ends, leftAlone }: Pick<LockWish, 'now' | 'policy' | 'ends' | 'leftAlone'>,
): readonly PolicyViolation[] =>
  lockPolicy(lock, { now, ends, ...policy }).filter((one) => one.severity !== 'error' || !leftAlone.has(wishOf(one)));

/** The first finding bars the look. */
const hopeless = (findings: readonly [Finding, ...Finding[]]): LockNeed => ({
  inputs: [],
  reasons: [],
  start: undefined,
  old: undefined,
  findings,
  bar: findings[0].code,
});

/** The wish behind most of what is found here: that the lock is fresh. */
const FRESH = { wish: '/lock', subject: 'flake.lock' } as const;

const unparsable = (path: AbsPath, text: string, message: string, span: { start: number; end: number }): Finding => ({
  code: 'RF2006',
  ...FRESH,
  because: `flake.nix cannot be read: ${message}`,
  remedy: { by: 'you', hint: 'mend the file at the place shown' },
  at: rangeOf(path, text, span),
  path,
});

const isSome = <T>(list: readonly T[]): list is readonly [T, ...T[]] => list.length > 0;

/** The reasons by Nix's own rules. */
const reasonFor = (input: string | undefined, text: string): Reason => ({
  ...(input && { input }),
  text,
  code: 'RF2106',
  wish: FRESH.wish,
});

async function fromNothing(
  source: FlakeText,
  inputs: readonly LockInput[],
  release: Release,
  reader: Reader,
): Promise<LockNeed> {
  const found = await byItsRules<LockVerdict>(
    release,
    (nix) => {
      const read = inputsIn(source.flake, nix, reader);
      return read.ok ? lockVerdict(read.inputs, undefined, { nix }) : undefined;
    },
    endOf,
  );
  const wrong = nowhereIn(found, source);
  if (wrong !== undefined) return hopeless(wrong);
  const text = 'there is no flake.lock';
  const reasons = found.verdict === 'fresh' ? [] : inputs.map(({ name }) => reasonFor(name, text));
  return { inputs, reasons, start: undefined, old: undefined, findings: [] };
}

async function judge(
  source: FlakeText,
  inputs: readonly LockInput[],
  text: string,
  { lock, by }: LockRead & { readonly ok: true },
  wish: LockWish & { readonly release: Release },
  reader: Reader,
): Promise<LockNeed> {
  const trees = localTrees(wish.dir, reader);
  const verdict = await byItsRules<LockVerdict>(
    wish.release,
    (nix) => {
      const read = inputsIn(source.flake, nix, reader);
      return read.ok
        ? lockVerdict(read.inputs, by(nix), { nix, dependency: dependencyIn(trees, reader, nix) })
        : undefined;
    },
    endOf,
  );
  const wrong = nowhereIn(verdict, source);
  if (wrong !== undefined) return hopeless(wrong);
  const audit = auditOf({ source, inputs, lock, verdict, trees, reader, isRunning: wish.isRunning });
  // Only an input of the flake itself can be locked again by itself.
  const old = violations(lock, wish).filter(
    ({ kind, severity, isDirect }) => kind === 'too-old' && severity === 'error' && isDirect,
  );
  const again: readonly (Reason & { readonly input: string })[] = [
    ...audit.relock.map((one) => ({ ...one, wish: FRESH.wish })),
    ...old.map((one) => ({ input: one.input, text: one.text, code: 'RF2014', wish: wishOf(one) }) as const),
  ];
  const stale = verdict.verdict === 'stale' ? verdict.reasons.filter(isDecided) : [];
  const start = without(
    lock,
    again.map(({ input }) => input),
  );
  return {
    inputs,
    reasons: [...stale.map((reason) => reasonFor(reason.path[0], reason.text)), ...again],
    start: again.length > 0 ? printLock(start) : text,
    old: lock,
    findings: [...(verdict.verdict === 'refetch' ? [undecided(verdict, wish.dir)] : []), ...audit.findings],
  };
}

const endOf = ({ verdict }: LockVerdict): string => verdict;

/** The follows that lead nowhere, if Nix fails for that. */
function nowhereIn({ verdict, reasons }: LockVerdict, source: FlakeText): readonly [Finding, ...Finding[]] | undefined {
  const found = reasons.filter(leadsNowhere).map((reason) => nowhere(reason, source));
  return verdict === 'error' && isSome(found) ? found : undefined;
}

const leadsNowhere = ({ kind }: LockReason): boolean => kind === 'unsatisfied-follows' || kind === 'follows-cycle';

const isDecided = ({ kind }: LockReason): boolean => kind !== 'own-follows' && kind !== 'override-refetch';

const nowhere = ({ path, text }: LockReason, source: FlakeText): Finding => ({
  code: 'RF2027',
  wish: FRESH.wish,
  subject: `inputs.${path.join('.inputs.')}`,
  because: text,
  remedy: { by: 'you', hint: 'declare the input that is followed, or correct its name' },
  ...placed(source, path),
});

const undecided = ({ reasons }: LockVerdict, dir: AbsPath): Finding => ({
  code: 'RF2019',
  ...FRESH,
  because: `flake.lock cannot be decided offline: ${reasons[0]?.text ?? ''}`,
  remedy: { by: 'you', hint: 'nix flake lock decides it, with the network' },
  path: join(dir, 'flake.lock'),
});

/** The lock without some root inputs: Nix locks these anew, with flags that every version takes. */
function without(lock: Lock, names: readonly string[]): Lock {
  const root = rootNode(lock);
  const inputs = new Map([...root.inputs].filter(([name]) => !names.includes(name)));
  return { ...lock, nodes: new Map(lock.nodes).set(lock.root, { ...root, inputs }) };
}
