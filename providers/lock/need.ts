// Whether flake.lock has to change, and why: by Nix's own rules, by what Nix overlooks, and by the spec's policy.
// Starts from the texts; asks for the version of Nix only where versions disagree, and for nothing else.

import type { Code } from '../../core/codes.ts';
import { type JsonPointer, rangeOf } from '../../core/diagnostic.ts';
import type { NixText } from '../../core/documents/nix-text.ts';
import { isRelativePath } from '../../core/formats/flake-ref/model.ts';
import type { LockReason } from '../../core/formats/lock/compare.ts';
import { type LockInput, lockInputsOf } from '../../core/formats/lock/inputs.ts';
import { type Lock, rootNode, showPath } from '../../core/formats/lock/model.ts';
import { type LockResult, parseLock } from '../../core/formats/lock/parse-lock.ts';
import { lockPolicy, type PolicyViolation } from '../../core/formats/lock/policy.ts';
import { printLock } from '../../core/formats/lock/print-lock.ts';
import { type LockVerdict, lockVerdict } from '../../core/formats/lock/verdict.ts';
import type { NixVersion } from '../../core/formats/nix-version.ts';
import { localTrees } from '../../core/machine/local-trees.ts';
import { nixVersion } from '../../core/machine/nix-version.ts';
import type { Reader } from '../../core/machine/reader.ts';
import type { TextFile } from '../../core/machine/texts.ts';
import type { Finding, Person } from '../../core/model.ts';
import { type AbsPath, join } from '../../core/path.ts';
import type { Wishes } from '../../core/spec/wishes.ts';
import { auditOf, dependencyIn, doubleInputs, type FlakeText, lockVisibility, placed } from './audit.ts';
import { type Mended, mendLock } from './mend.ts';
import { flakeTraps } from './traps.ts';

export interface LockWish {
  readonly dir: AbsPath;
  readonly policy: Wishes['lock'];
  /** Seconds since 1970. */
  readonly now: number;
  readonly isRunning: boolean;
  /** The references that the spec has, which are judged with it. */
  readonly urls: readonly string[];
  /** Another provider sees to it that git shows the lock to Nix. */
  readonly git: boolean;
  /** Of whoever owns the repository. */
  readonly home: string;
  readonly person: Person;
}

/** One thing that locking again mends: about a root input, or about the file as a whole. */
export interface Reason {
  readonly input?: string;
  readonly text: string;
  readonly code: Code;
  /** The wish that asks for it. */
  readonly wish: JsonPointer;
}

/** No `reasons`: nothing is to be locked. `start`: the lock that Nix is to complete; `old`: the one that is there. */
export interface LockNeed {
  readonly inputs: readonly LockInput[];
  readonly reasons: readonly Reason[];
  readonly start: string | undefined;
  readonly old: Lock | undefined;
  /** What locking again does not mend, and advice. */
  readonly findings: readonly Finding[];
  /** The code of what bars the look. */
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
  const read = lockInputsOf(flake);
  if (!read.ok) {
    const wrong = read.errors.map((error) =>
      unparsable(path, flakeText, `input "${showPath(error.path)}": ${error.message}`, error.span),
    );
    if (isSome(wrong)) return hopeless(wrong);
    throw new Error('inputs that cannot be read have an error');
  }
  const { inputs } = read;
  const lockPath = join(wish.dir, 'flake.lock');
  const visibility = wish.git || inputs.length === 0 ? [] : lockVisibility(lockPath, wish.home, reader);
  const besides = [...flakeTraps(source, wish.urls), ...visibility];
  if (file.kind !== 'text') return { ...fromNothing(inputs), findings: besides };
  const version = nixVersion(wish.person, reader);
  const parsed = await parsedBy(version, file.text);
  const newer = parsed.ok ? await needsNewerNix(version, parsed.lock, file.text, lockPath) : undefined;
  if (newer !== undefined) return hopeless([newer, ...besides]);
  const need = parsed.ok
    ? await judge(source, inputs, file.text, parsed.lock, { ...wish, version }, reader)
    : mended(inputs, mendLock(file.text, lockPath, parsed.problem, reader));
  return { ...need, findings: [...need.findings, ...besides] };
}

const mended = (inputs: readonly LockInput[], { reasons, start, findings }: Mended): LockNeed => ({
  inputs,
  old: undefined,
  reasons: reasons.map(({ text }) => reasonFor(undefined, text)),
  start,
  findings,
});

/**
 * By the rules of Nix 2.34; where those of 2.26 come to another end (it wants a revision beside the hash), by those of the Nix
 * that is there.
 */
async function parsedBy(version: Version, text: string): Promise<LockResult> {
  const newest = parseLock(text);
  const older = parseLock(text, { nix: '2.26' });
  return newest.ok !== older.ok && (await version()) === '2.26' ? older : newest;
}

/** A relative input that a newer Nix has locked, where the one that is there is older: all its commands fail. */
async function needsNewerNix(version: Version, lock: Lock, text: string, path: AbsPath): Promise<Finding | undefined> {
  // Most locks have none, and to read one once more takes its time.
  if (![...lock.nodes.values()].some(({ locked }) => locked !== undefined && isRelativePath(locked))) return undefined;
  const older = parseLock(text, { nix: '2.8' });
  if (older.ok || older.problem.kind !== 'unlocked-input') return undefined;
  if ((await version()) !== '2.8') return undefined;
  return {
    code: 'RF2028',
    ...FRESH,
    because: `the Nix of this machine refuses flake.lock: the relative path of node "${older.problem.node}" needs Nix 2.26`,
    remedy: { by: 'you', hint: 'update Nix, or give the input a path that is absolute' },
    path,
  };
}

/** What a lock must satisfy besides flake.nix; what locking again can't mend stands in flake.nix or in the spec. */
export function policyProblems(lock: Lock | undefined, { dir, ...wish }: LockWish): readonly Finding[] {
  const path = join(dir, 'flake.lock');
  if (lock === undefined) return unjudged(wish.policy, path);
  return violations(lock, wish).map(({ kind, text }): Finding => {
    const isSource = kind === 'not-allowed';
    return {
      code: 'RF2014',
      wish: isSource ? '/lock/allow' : '/lock/maxAge',
      subject: isSource ? 'lock.allow' : 'lock.maxAge',
      because: text,
      path,
      remedy: {
        by: 'you',
        hint: isSource ? 'change the input, or add its source to lock.allow' : 'update the input, or raise lock.maxAge',
      },
    };
  });
}

/** Where there is no lock to hold the policy against. */
const unjudged = (policy: LockWish['policy'], path: AbsPath): readonly Finding[] =>
  [...(policy.maxAgeSeconds === undefined ? [] : ['maxAge']), ...(policy.allow === undefined ? [] : ['allow'])].map(
    (member) => ({
      code: 'RF2032',
      wish: `/lock/${member}`,
      subject: `lock.${member}`,
      because: `lock.${member} cannot be judged: flake.lock has still to be made`,
      path,
      remedy: { by: 'you', hint: 'reflake plan makes the lock, in a scratch directory, and judges it' },
    }),
  );

const violations = (lock: Lock, { now, policy }: Pick<LockWish, 'now' | 'policy'>): readonly PolicyViolation[] =>
  lockPolicy(lock, { now, ...policy });

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

/** By Nix's own rules. */
const reasonFor = (input: string | undefined, text: string): Reason => ({
  ...(input && { input }),
  text,
  code: 'RF2106',
  wish: FRESH.wish,
});

function fromNothing(inputs: readonly LockInput[]): LockNeed {
  const { verdict } = lockVerdict(inputs, undefined);
  const text = 'there is no flake.lock';
  const reasons = verdict === 'fresh' ? [] : inputs.map(({ name }) => reasonFor(name, text));
  return { inputs, reasons, start: undefined, old: undefined, findings: [] };
}

async function judge(
  source: FlakeText,
  inputs: readonly LockInput[],
  text: string,
  lock: Lock,
  wish: LockWish & { readonly version: Version },
  reader: Reader,
): Promise<LockNeed> {
  const trees = localTrees(wish.dir, reader);
  const verdict = await verdictOf(wish.version, (nix) => {
    const read = lockInputsOf(source.flake, nix);
    return read.ok ? lockVerdict(read.inputs, lock, { nix, dependency: dependencyIn(trees, reader, nix) }) : undefined;
  });
  const leading = verdict.reasons.filter(leadsNowhere);
  const nowhereTo = leading.map((reason) => nowhere(reason, source));
  if (verdict.verdict === 'error' && isSome(nowhereTo)) return hopeless(nowhereTo);
  const audit = auditOf({ source, inputs, lock, verdict, trees, reader, isRunning: wish.isRunning });
  const old = violations(lock, wish).filter(({ kind }) => kind === 'too-old');
  const again: readonly (Reason & { readonly input: string })[] = [
    ...audit.relock.map((one) => ({ ...one, wish: FRESH.wish })),
    ...old.map(({ input, text: why }) => ({ input, text: why, code: 'RF2014', wish: '/lock/maxAge' }) as const),
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

/** Of the Nix of the machine. */
type Version = () => Promise<NixVersion>;

const OTHERS: readonly NixVersion[] = ['2.26', '2.8'];

/** By the rules of Nix 2.34; where older rules come to another end, by those of the Nix that is there. */
async function verdictOf(version: Version, by: (nix: NixVersion) => LockVerdict | undefined): Promise<LockVerdict> {
  const newest = by('2.34') as LockVerdict;
  const older = new Map(OTHERS.map((nix) => [nix, by(nix)]));
  const disagree = [...older.values()].some((one) => one !== undefined && endOf(one) !== endOf(newest));
  return (disagree ? older.get(await version()) : undefined) ?? newest;
}

/** What it comes to: a lock to be made anew, for whatever reason; one that stays; one that can't be judged here. */
const endOf = ({ verdict }: LockVerdict): string => (verdict === 'error' ? 'stale' : verdict);

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

/** The lock without some root inputs: what Nix then locks anew, with flags that every version takes. */
function without(lock: Lock, names: readonly string[]): Lock {
  const root = rootNode(lock);
  const inputs = new Map([...root.inputs].filter(([name]) => !names.includes(name)));
  return { ...lock, nodes: new Map(lock.nodes).set(lock.root, { ...root, inputs }) };
}
