// Judges a place after a disturbance, exactly old, exactly new, or wrong and why; and counts such verdicts.

import type { Options, Outcome } from './group.ts';
import { difference, type Snapshot, snapshotOf } from './snapshot.ts';
import { type Place, type Ran, stateNames, type Workshop } from './workshop.ts';

/** The end of one point. */
export type Verdict =
  | { readonly end: 'old' | 'new' | 'refused' }
  | { readonly end: 'mixed'; readonly why: string }
  /** The disturbance did not happen where it was meant to: not counted as tried. */
  | { readonly end: 'missed' };

export const mixed = (why: string): Verdict => ({ end: 'mixed', why });

/** The exit codes that a run may have (README, "Exit codes"). */
const DOCUMENTED = new Set([0, 1, 2, 3, 4, 5, 6, 7, 64, 65, 130, 143]);

/**
 * Says what is wrong with the way a run ended, whatever it did: a hang, a signal, an unknown code, a stack trace on the
 * screen.
 */
export function misbehaviour({ code, out, isHung }: Ran): string | undefined {
  if (isHung) return 'it hangs';
  if (code === null || !DOCUMENTED.has(code)) return `it ends with ${code}: ${brief(out)}`;
  if (/^ +at .*(:\d+:\d+|<anonymous>)\)?$/m.test(out) || /\bnode:internal\//.test(out))
    return `a stack trace is on the screen: ${firstOfStack(out)}`;
  if (code !== 0 && out.trim() === '') return `it ends with ${code} and without a word`;
  return undefined;
}

/** Old or new, with nothing of a transaction left beside it or in the state directory. */
export function world(shop: Workshop, place: Place): Verdict {
  const verdict = oldOrNew(shop, snapshotOf(place.machine));
  if (verdict.end === 'mixed') return verdict;
  const left = stateNames(place.state).filter((name) => !shop.settled.has(name));
  return left.length === 0
    ? verdict
    : mixed(`${verdict.end}, but the state directory still holds ${left.slice(0, 5).join(', ')}`);
}

/** The same, without names of a transaction and second names of files, which the next run may still sweep. */
export function worldToBeSwept(shop: Workshop, place: Place): Verdict {
  const visible = ({ rows, contents }: Snapshot): Snapshot => ({
    rows: rows.filter((row) => !/^[^\t]*\/\.reflake-/.test(row)).map((row) => row.replace(/ \d+ names$/, '')),
    contents,
  });
  const { old, new: next, kept } = shop;
  return oldOrNew({ old: visible(old), new: visible(next), kept }, visible(snapshotOf(place.machine)));
}

function oldOrNew({ old, new: next, kept }: Pick<Workshop, 'old' | 'new' | 'kept'>, found: Snapshot): Verdict {
  const fromOld = difference(old, found, kept);
  if (fromOld === undefined) return { end: 'old' };
  const fromNew = difference(next, found, kept);
  if (fromNew === undefined) return { end: 'new' };
  // The difference to the nearer of the two.
  return mixed(fromOld.count <= fromNew.count ? `not old: ${fromOld.text}` : `not new: ${fromNew.text}`);
}

/** After a crash: `recover` must succeed and leave old or new, and a second one must find nothing to do. */
export async function recovered(shop: Workshop, place: Place): Promise<Verdict> {
  const ran = await place.run(['recover']);
  const wrong = misbehaviour(ran);
  if (wrong !== undefined) return mixed(`recover: ${wrong}`);
  if (ran.code !== 0) return mixed(`recover ends with ${ran.code}: ${brief(ran.out)}`);
  return world(shop, place);
}

/** The scenario's own run, undisturbed, must lead to new from wherever it stands. */
export async function repeats(shop: Workshop, place: Place): Promise<Verdict> {
  const again = await place.run(shop.scenario.words);
  const wrong = misbehaviour(again);
  if (wrong !== undefined) return mixed(`the next run: ${wrong}`);
  if (again.code !== 0) return mixed(`the next run ends with ${again.code}: ${brief(again.out)}`);
  const now = world(shop, place);
  return now.end === 'old' ? mixed('the next run says applied and is old') : now;
}

/** The line before a stack trace, and the first call in it. */
const firstOfStack = (out: string): string => {
  const lines = out.split('\n').map((line) => line.trim());
  const at = lines.findIndex((line) => line.startsWith('at '));
  return lines
    .slice(Math.max(0, at - 1), at + 3)
    .join(' / ')
    .slice(0, 500);
};

/** The last lines that matter, joined to one. */
export const brief = (out: string): string => {
  const lines = out.split('\n').filter((line) => line.trim() !== '' && !/^(edit|change|plan:|undone) ?/.test(line));
  return lines.slice(-8).join(' / ').slice(0, 600);
};

/** Counts verdicts. A failure begins with the label of its point. */
export function tally(
  points: readonly { readonly label: string; readonly verdict: Verdict }[],
  log: Options['log'],
): Outcome {
  const count = (end: Verdict['end']): number => points.filter(({ verdict }) => verdict.end === end).length;
  const missed = points.filter(({ verdict }) => verdict.end === 'missed');
  if (missed.length > 0)
    log(
      `  ${missed.length} points not reached: ${missed
        .slice(0, 5)
        .map(({ label }) => label)
        .join(', ')}`,
    );
  return {
    tried: points.length - missed.length,
    old: count('old'),
    new: count('new'),
    mixed: count('mixed'),
    refused: count('refused'),
    failures: points.flatMap(({ label, verdict }) => (verdict.end === 'mixed' ? [`${label}: ${verdict.why}`] : [])),
  };
}

/**
 * Picks points for the time that there is: `few` for npm test, `sample` for CI, or all. The first and the last are
 * among them.
 */
export function chosen<P>(
  points: readonly P[],
  { all, few: isFew = false }: Options,
  [few, sample]: readonly [number, number],
): readonly P[] {
  const count = all ? points.length : isFew ? few : sample;
  if (points.length <= count) return points;
  const at = (n: number): number => Math.round((n * (points.length - 1)) / Math.max(1, count - 1));
  return Array.from({ length: count }, (_, n) => points[at(n)]!);
}
