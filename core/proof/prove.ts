// Proves that two worlds are the same system, or tells in what they differ: evaluates both, compares the derivations, forces the
// options that must differ alike, and walks the .drv files where they still differ.

import { digestOfJson } from '../canonical.ts';
import type { Evaluating } from '../evaluation/evaluate.ts';
import { nixRelease } from '../machine/nix-version.ts';
import type { Reader } from '../machine/reader.ts';
import { fromBytes } from '../path.ts';
import type { Cause, ForcedOption, Proof, ProofVerdict, ProvenSide, ProvenSystem } from '../proven.ts';
import { causesOf, sourcesToRead } from './causes.ts';
import { derivationsThatDiffer, deriverOf, type InStore, sourceTexts } from './derivations.ts';
import { type ModuleText, optionFinder } from './option-of.ts';
import { type Ask, NORMALISER } from './question.ts';
import { type Answered, ask, type World } from './world.ts';

export interface Proving extends Evaluating {
  /** The attribute of nixosConfigurations. */
  readonly host: string;
  /** The second is to be built, so its derivation is asked for even where it decides nothing. */
  readonly isBuilt?: boolean;
  /** Both evaluations at once: memory is there for two. */
  readonly sideBySide: boolean;
  /** Milliseconds, only ever growing. */
  readonly now: () => number;
}

export interface Proved {
  readonly proof: Proof;
  /** What the evaluations of each side took, by the clock. */
  readonly seconds: readonly [first: number, second: number];
}

export async function prove(first: World, second: World, how: Proving, reader: Reader): Promise<Proved> {
  const release = await nixRelease(how.person, reader)();
  const seconds: [number, number] = [0, 0];
  const spent = (index: 0 | 1, milliseconds: number): void => {
    seconds[index] += milliseconds / 1000;
  };
  const { verdict, answers } = await settle([first, second], { ...how, spent }, reader);
  const side = (world: World, answer: Systems | undefined): ProvenSide => ({
    label: world.label,
    ...(answer?.tree !== undefined && { tree: answer.tree }),
    ...(answer?.plain && { plain: answer.plain }),
    ...(answer?.forced && { forced: answer.forced }),
  });
  const [one, other] = answers;
  const proof = {
    host: how.host,
    first: side(first, one),
    second: side(second, other),
    ...(release.version !== undefined && { nix: release.version }),
    ...((one?.forced || other?.forced) && { normaliser: NORMALISER }),
    verdict,
  };
  return { proof, seconds };
}

interface Settling extends Proving {
  readonly spent: (index: 0 | 1, milliseconds: number) => void;
  /** No kept answer is taken. */
  readonly isFresh?: boolean;
}

type Systems = Answered & { readonly kind: 'systems' };
type Both<T> = readonly [T, T];

interface Settled {
  readonly verdict: ProofVerdict;
  readonly answers: Both<Systems | undefined>;
}

/**
 * A channel and a flake have never one label, so there the forced systems are compared first, and the plain ones only where all
 * options were alike anyway; elsewhere the other way round.
 */
async function settle(worlds: Both<World>, how: Settling, reader: Reader): Promise<Settled> {
  const isMixed = (worlds[0].kind === 'channel') !== (worlds[1].kind === 'channel');
  const isBuilt = worlds.some(({ kind }) => kind === 'built');
  const begin: Ask = { plain: !isMixed || isBuilt, forced: isMixed && !isBuilt };
  const answers = await askBoth(worlds, begin, how, reader);
  const failed = notProven(answers);
  if (failed !== undefined) return failed;
  const known = answers as Both<Systems>;
  if (isBuilt) return { verdict: await comparedPlain(worlds, known, how, reader), answers: known };
  if (begin.plain && isSame(known[0].plain, known[1].plain))
    return { verdict: identical(known[1].plain!), answers: known };
  const more = await askBoth(
    worlds,
    { plain: !begin.plain && options(known).length === 0, forced: begin.plain },
    how,
    reader,
  );
  const failedLater = notProven(more);
  if (failedLater !== undefined) return { ...failedLater, answers: known };
  const all = known.map((one, index) => ({
    ...one,
    ...(more[index] as Systems),
    values: one.values,
  })) as unknown as Both<Systems>;
  return { verdict: await compared(worlds, all, how, reader), answers: all };
}

/** What both are asked; nothing where nothing is to be asked. */
async function askBoth(worlds: Both<World>, what: Ask, how: Settling, reader: Reader): Promise<Both<Answered>> {
  const nothing: Answered = { kind: 'systems', values: {} };
  if (!what.plain && !what.forced) return [nothing, nothing];
  const asking = { person: how.person, offline: how.offline, isFresh: how.isFresh ?? false };
  const timed = async (index: 0 | 1): Promise<Answered> => {
    const begun = how.now();
    const all = index === 1 && how.isBuilt ? { ...what, plain: true } : what;
    const answer = await ask(worlds[index], all, asking, reader);
    how.spent(index, how.now() - begun);
    return answer;
  };
  if (how.sideBySide) return await Promise.all([timed(0), timed(1)]);
  return [await timed(0), await timed(1)];
}

function notProven([one, other]: Both<Answered>): Settled | undefined {
  const answers = [one, other].map((answer) => (answer.kind === 'systems' ? answer : undefined)) as unknown as Both<
    Systems | undefined
  >;
  const cause = one.kind === 'failed' ? one : other.kind === 'failed' ? other : undefined;
  if (cause === undefined) return undefined;
  const side = one.kind === 'failed' ? (other.kind === 'failed' ? 'both' : 'first') : 'second';
  const { why, hint, log } = cause;
  return { verdict: { kind: 'not proven', side, why, hint, ...(log !== undefined && { log }) }, answers };
}

/** The same derivation, or another one with the same output (only how something is fetched differs). */
const isSame = (one: ProvenSystem | undefined, other: ProvenSystem | undefined): boolean =>
  one !== undefined &&
  other !== undefined &&
  (one.out === other.out || (one.drv !== undefined && one.drv === other.drv));

const identical = ({ out }: ProvenSystem): ProofVerdict => ({ kind: 'identical', system: out });

/** The options that are forced and differ. */
function options([{ values: from }, { values: to }]: Both<Systems>): readonly ForcedOption[] {
  const names = [...new Set([...Object.keys(from), ...Object.keys(to)])];
  return names
    .map((option) => ({ option, from: from[option] ?? null, to: to[option] ?? null }))
    .filter(({ from: old, to: fresh }) => digestOfJson(old) !== digestOfJson(fresh));
}

async function compared(
  worlds: Both<World>,
  answers: Both<Systems>,
  how: Settling,
  reader: Reader,
): Promise<ProofVerdict> {
  const [one, other] = answers;
  const different = options(answers);
  if (isSame(one.forced, other.forced)) {
    if (different.length > 0) return { kind: 'same', system: other.forced!.out, options: different };
    if (isSame(one.plain, other.plain)) return identical(other.plain!);
  }
  const member = isSame(one.forced, other.forced) ? 'plain' : 'forced';
  return differs(await causes(worlds, member, answers, how, reader), different);
}

async function comparedPlain(
  worlds: Both<World>,
  answers: Both<Systems>,
  how: Settling,
  reader: Reader,
): Promise<ProofVerdict> {
  const [one, other] = answers;
  if (isSame(one.plain, other.plain)) return identical(other.plain!);
  return differs(await causes(worlds, 'plain', answers, how, reader), []);
}

const differs = (found: readonly Cause[], different: readonly ForcedOption[]): ProofVerdict => ({
  kind: 'differs',
  id: digestOfJson({ causes: found.map(({ change, way }) => ({ change, way })), options: different }),
  causes: found,
  options: different,
});

/** At least one: where the derivations can't be read, the cause that says so. */
async function causes(
  worlds: Both<World>,
  member: 'plain' | 'forced',
  answers: Both<Systems>,
  how: Settling,
  reader: Reader,
): Promise<readonly Cause[]> {
  const tops = await Promise.all(worlds.map((world, index) => topOf(world, answers[index]?.[member], how, reader)));
  const [from, to] = tops;
  if (from === undefined || to === undefined) {
    const { label } = worlds[from === undefined ? 0 : 1];
    return [unknown(`the derivation that made ${label} is not in the store any more`)];
  }
  let read = await derivationsThatDiffer(from, to, how.person, reader);
  if (!read.ok) {
    // An answer that was kept may name derivations that somebody has removed since.
    await askBoth(
      worlds,
      { plain: member === 'plain', forced: member === 'forced' },
      { ...how, isFresh: true },
      reader,
    );
    read = await derivationsThatDiffer(from, to, how.person, reader);
  }
  if (!read.ok) return [unknown(`the derivations cannot be read: ${read.why}`)];
  const { derivations } = read;
  const top = { from: from.drv, to: to.drv };
  const sources = sourcesToRead(top, derivations);
  const texts = await sourceTexts(sources, [from.store, to.store], how.person, reader);
  const optionOf = optionFinder(modulesOf(worlds));
  return causesOf(top, derivations, (path) => texts.get(path)).map((cause): Cause => {
    const told = optionOf(cause);
    return told === undefined ? cause : { ...cause, told };
  });
}

/** The Nix files of the second world, or of the first where that one has none. */
function modulesOf([first, second]: Both<World>): readonly ModuleText[] {
  const world = second.kind === 'tree' ? second : first;
  if (world.kind !== 'tree') return [];
  return world.tree.files.flatMap((file) =>
    file.type === 'file' && file.path.endsWith('.nix')
      ? [{ name: file.path, text: fromBytes(Buffer.from(file.content)) }]
      : [],
  );
}

const unknown = (why: string): Cause => ({ change: { kind: 'unknown', why }, way: [], places: 1, reach: 1 });

async function topOf(
  world: World,
  system: ProvenSystem | undefined,
  { person }: Settling,
  reader: Reader,
): Promise<InStore | undefined> {
  if (system?.drv !== undefined) return { drv: system.drv, store: 'private' };
  if (world.kind !== 'built') return undefined;
  const drv = await deriverOf(world.system, person, reader);
  return drv === undefined ? undefined : { drv, store: 'machine' };
}
