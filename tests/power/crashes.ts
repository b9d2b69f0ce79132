// The states that a power cut may leave of a recording: everything that was flushed, and any part of the rest, as long
// as no two changes of one name swap.

import { type Disk, diskOf, type Effect, keyOf, take } from './disk.ts';
import type { Moment, Recording, Unit } from './recording.ts';

/**
 * `all`: the flushes as recorded. The others are controls, in which the replay must find something wrong. A number: the
 * flush to leave out.
 */
export type Flushes = 'all' | 'none' | 'no-directories' | number;

export interface Crash {
  /** The program's words before the cut, if it had spoken. */
  readonly told: string | undefined;
  /** The number of changes before the cut. */
  readonly after: number;
  /** By the number of a unit. `kept`: 1 if it is on the disk. `flushed`: 1 if it had been flushed before the cut. */
  readonly kept: Uint8Array;
  readonly flushed: Uint8Array;
}

export interface Choice {
  readonly flushes?: Flushes;
  /** Random subsets for each cut. */
  readonly random: number;
  readonly seed: number;
  /** Try all-but-one and only-one after each change; otherwise only before the next flush. */
  readonly everywhere: boolean;
  /** Keys of states that are known and are left out; new ones are added. */
  readonly known?: Set<string>;
}

/** Yields each state once; and once more if it first occurs before the program has told its outcome, and again after. */
export function* crashesOf(recording: Recording, choice: Choice): Generator<Crash> {
  const { units, moments } = recording;
  const keep = keeperOf(units, choice.flushes ?? 'all');
  const dependents = dependentsOf(units);
  const number = numbering();
  const random = randomOf(choice.seed);
  const seen = choice.known ?? new Set<string>();
  const sets = new Set<string>();
  let told: string | undefined;
  let after = 0;
  const pinned = new Uint8Array(units.length);

  const crash = function* (kept: Uint8Array): Generator<Crash> {
    const bits = `${told !== undefined}${Buffer.from(kept).toString('latin1')}`;
    if (sets.has(bits)) return;
    sets.add(bits);
    const key = keyOf(diskAfter(recording, kept), number);
    // What must hold after the program has told its outcome includes what must hold before.
    if (seen.has(`true${key}`) || seen.has(`${told !== undefined}${key}`)) return;
    seen.add(`${told !== undefined}${key}`);
    yield { told, after, kept, flushed: pinned.slice() };
  };

  for (const [at, moment] of moments.entries()) {
    if (moment.kind === 'told') told = moment.text;
    else if (moment.kind === 'unit') after = moment.unit + 1;
    else {
      keep(pinned, after, moment, moments.slice(0, at).filter(({ kind }) => kind === 'flush').length);
      continue;
    }
    const next = moments[at + 1];
    const isEdge = next === undefined || next.kind !== 'unit';
    const whole = pinned.slice().fill(1, 0, after);
    yield* crash(whole);
    yield* crash(pinned.slice());
    if (!isEdge && !choice.everywhere) continue;
    const open = [...units.keys()].slice(0, after).filter((unit) => !pinned[unit]);
    for (const unit of open) {
      const without = whole.slice();
      for (const lost of dependents(unit, after)) without[lost] = 0;
      yield* crash(without);
      const alone = pinned.slice();
      mark(units, alone, unit);
      yield* crash(alone);
    }
    for (let tries = 0; tries < choice.random; tries++) {
      const some = pinned.slice();
      const share = random();
      for (const unit of open) if (random() < share) mark(units, some, unit);
      yield* crash(some);
    }
  }
}

/** The disk with exactly these changes. */
export function diskAfter({ inodes, entries, units }: Recording, kept: Uint8Array): Disk {
  const disk = diskOf(inodes, entries);
  for (const [at, { effects }] of units.entries()) if (kept[at]) for (const effect of effects) take(disk, effect);
  return disk;
}

/** Marks `unit`, and everything that is on the disk whenever it is. */
export function mark(units: readonly Unit[], set: Uint8Array, unit: number): void {
  if (set[unit]) return;
  set[unit] = 1;
  for (const need of units[unit]!.needs) mark(units, set, need);
}

/** A change, and the changes that cannot be on the disk without it. */
function dependentsOf(units: readonly Unit[]): (unit: number, below: number) => ReadonlySet<number> {
  const direct = units.map((): number[] => []);
  for (const [at, { needs }] of units.entries()) for (const need of needs) direct[need]!.push(at);
  return (unit, below) => {
    const found = new Set([unit]);
    for (const one of found) for (const next of direct[one]!) if (next < below) found.add(next);
    return found;
  };
}

type Flush = Extract<Moment, { kind: 'flush' }>;

/**
 * Marks what a flush makes durable: for a file its content but not its name; for a directory its names but not what
 * they lead to.
 */
function keeperOf(units: readonly Unit[], flushes: Flushes) {
  const isKept = (effect: Effect, flush: Flush): boolean => {
    if (flush.of === 'device') return true;
    if (effect.kind === 'entry') return flush.of === 'dir' && effect.dir === flush.inode;
    return effect.inode === flush.inode && (flush.of !== 'bytes' || effect.kind !== 'meta');
  };
  return (pinned: Uint8Array, after: number, flush: Flush, number: number): void => {
    if (flushes === 'none' || flushes === number) return;
    if (flushes === 'no-directories' && flush.of === 'dir') return;
    for (let at = 0; at < after; at++) {
      const { effects, device } = units[at]!;
      if (pinned[at] || (flush.of === 'device' && flush.device !== undefined && flush.device !== device)) continue;
      if (effects.some((effect) => isKept(effect, flush))) mark(units, pinned, at);
    }
  };
}

function numbering(): (effect: Effect) => number {
  const known = new Map<Effect, number>();
  return (effect) => {
    const number = known.get(effect) ?? known.size;
    known.set(effect, number);
    return number;
  };
}

/** mulberry32: the same states for the same seed. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
