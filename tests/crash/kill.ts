// SIGKILL before every system call that changes something: of an apply, a rollback, the undo of a failed apply, and the
// recovery from such a death. After recovery, the machine must be old or new.

import type { Group, Outcome } from './group.ts';
import { chosen, mixed, recovered, repeats, tally, type Verdict } from './judge.ts';
import { ACROSS, EDITS, FRESH, ROLLBACK, ROLLBACK_ALL, USERS } from './scenarios.ts';
import { callsOf, hit, killPoints, type Point } from './trace.ts';
import { injecting, open, type Place, recorded, type Scenario, type Workshop } from './workshop.ts';

/** Runs that are killed at every point, and the same for the recovery from a death near their end. */
export const KILLS: readonly Group[] = [
  ...[FRESH, USERS, ACROSS, EDITS, ROLLBACK, ROLLBACK_ALL].map(killed),
  ...[FRESH, ACROSS, ROLLBACK_ALL].map(recoveryKilled),
  undoKilled(FRESH),
  draftKilled(EDITS),
  draftRecoveryKilled(EDITS),
];

function killed(scenario: Scenario): Group {
  return {
    name: `kill: ${scenario.name}`,
    describe: 'SIGKILL before each system call that changes the machine or the state directory; then `recover`.',
    run: (options) =>
      inWorkshop(scenario, async (shop) => {
        const points = killPoints(await recordedAfresh(shop), dirsOf(shop));
        options.log(`  ${points.length} calls change something`);
        const picked = chosen(points, options, [4, 6]).map((point, at) => ({ point, at }));
        const verdicts = await shop.each(picked, async (place, { point, at }): Promise<Verdict> => {
          if (!(await struck(place, point, scenario.words, kill(point)))) return { end: 'missed' };
          // Every run recovers first; `recover` is only one way to ask for it.
          if (at % 4 === 3) return await repeats(shop, place);
          return await recovered(shop, place);
        });
        return tally(
          picked.map(({ point }, at) => ({ label: point.label, verdict: verdicts[at]! })),
          options.log,
        );
      }),
  };
}

function recoveryKilled(scenario: Scenario): Group {
  return {
    name: `kill: recovery of ${scenario.name}`,
    describe:
      'The run killed as late as it is still undone, its recovery before each of its calls; then `recover` again.',
    run: (options) =>
      inWorkshop(scenario, async (shop) => {
        const cut = await lastUndone(shop);
        const cutOff = async (place: Place): Promise<void> => {
          await place.run(scenario.words, { prefix: kill(cut) });
        };
        shop.place.reset();
        await cutOff(shop.place);
        const points = killPoints(await recorded(shop, ['recover']), dirsOf(shop));
        options.log(`  cut off at ${cut.label}; its recovery makes ${points.length} calls that change something`);
        const picked = chosen(points, options, [3, 4]);
        const verdicts = await shop.each(picked, async (place, point): Promise<Verdict> => {
          if (!(await struck(place, point, ['recover'], kill(point), cutOff))) return { end: 'missed' };
          return mustBe('old', await recovered(shop, place));
        });
        return tally(
          picked.map((point, at) => ({ label: point.label, verdict: verdicts[at]! })),
          options.log,
        );
      }),
  };
}

function undoKilled(scenario: Scenario): Group {
  return {
    name: `kill: undo of ${scenario.name}`,
    describe:
      'A late flush fails, so that the run undoes itself; killed before each call from there on; then `recover`.',
    run: (options) =>
      inWorkshop(scenario, async (shop) => {
        const fault = await lastFlushUndone(shop);
        const inject = `${fault.call}:error=EIO:when=${fault.nth}`;
        shop.place.reset();
        const calls = await recorded(shop, scenario.words, [inject]);
        const at = calls.findIndex(({ name, nth }) => name === fault.call && nth === fault.nth);
        const behind = new Set(calls.slice(at + 1));
        const after = killPoints(calls, dirsOf(shop)).filter(({ call, nth }) =>
          [...behind].some((one) => one.name === call && one.nth === nth),
        );
        // strace takes one injection for each call name; and killing at a flush shows nothing that other points do not.
        const points = after.filter(({ call }) => call !== fault.call);
        options.log(`  ${fault.label} fails; ${points.length} calls undo it`);
        const picked = chosen(points, options, [3, 4]);
        const verdicts = await shop.each(picked, async (place, point): Promise<Verdict> => {
          const both = injecting(inject, `${point.call}:signal=KILL:when=${point.nth}`);
          if (!(await struck(place, point, scenario.words, both))) return { end: 'missed' };
          return mustBe('old', await recovered(shop, place));
        });
        return tally(
          picked.map((point, n) => ({ label: point.label, verdict: verdicts[n]! })),
          options.log,
        );
      }),
  };
}

function draftKilled(scenario: Scenario): Group {
  return {
    name: `kill: a draft of ${scenario.name} is forgotten`,
    describe: 'A link fails while the run is prepared, so that it is refused; killed before each call from there on.',
    run: (options) =>
      inWorkshop(scenario, async (shop) => {
        const fault = callsOf(await recordedAfresh(shop), dirsOf(shop), new Set(['link']))[0]!;
        const inject = `${fault.call}:error=EIO:when=${fault.nth}`;
        shop.place.reset();
        const calls = await recorded(shop, scenario.words, [inject]);
        const at = calls.findIndex(({ name, nth }) => name === fault.call && nth === fault.nth);
        const before = new Set(calls.slice(0, at + 1).map(({ name, nth }) => `${name} ${nth}`));
        const points = killPoints(calls, dirsOf(shop)).filter(({ call, nth }) => !before.has(`${call} ${nth}`));
        options.log(`  ${fault.label} fails; ${points.length} calls forget the draft`);
        const picked = chosen(points, options, [4, 6]);
        const verdicts = await shop.each(picked, async (place, point): Promise<Verdict> => {
          const both = injecting(inject, `${point.call}:signal=KILL:when=${point.nth}`);
          if (!(await struck(place, point, scenario.words, both))) return { end: 'missed' };
          return mustBe('old', await recovered(shop, place));
        });
        return tally(
          picked.map((point, n) => ({ label: point.label, verdict: verdicts[n]! })),
          options.log,
        );
      }),
  };
}

function draftRecoveryKilled(scenario: Scenario): Group {
  return {
    name: `kill: recovery of a draft of ${scenario.name}`,
    describe: 'The run killed before the rename that begins it, its recovery before each of its calls; then `recover`.',
    run: (options) =>
      inWorkshop(scenario, async (shop) => {
        const renames = callsOf(await recordedAfresh(shop), dirsOf(shop), new Set(['rename']));
        const cut = renames.find(({ args }) => args.includes('/journal.new",') || args.includes('/journal.new"'))!;
        const cutOff = async (place: Place): Promise<void> => {
          await place.run(scenario.words, { prefix: kill(cut) });
        };
        shop.place.reset();
        await cutOff(shop.place);
        const points = killPoints(await recorded(shop, ['recover']), dirsOf(shop));
        options.log(`  cut off at ${cut.label}; its recovery makes ${points.length} calls that change something`);
        const picked = chosen(points, options, [4, 6]);
        const verdicts = await shop.each(picked, async (place, point): Promise<Verdict> => {
          if (!(await struck(place, point, ['recover'], kill(point), cutOff))) return { end: 'missed' };
          return mustBe('old', await recovered(shop, place));
        });
        return tally(
          picked.map((point, n) => ({ label: point.label, verdict: verdicts[n]! })),
          options.log,
        );
      }),
  };
}

/** Runs and kills in a place; tries again if another call was hit than the one that was meant. */
async function struck(
  place: Place,
  point: Point,
  words: readonly string[],
  prefix: readonly string[],
  before: (place: Place) => Promise<void> = async () => {},
): Promise<boolean> {
  for (let tries = 0; ; tries++) {
    place.reset();
    await before(place);
    await place.run(words, { prefix });
    const where = hit(place.trace(), point);
    // A death at the wrong place counts as a death, too.
    if (where === 'there' || (where === 'elsewhere' && tries >= 3)) return true;
    if (where === 'no' && tries >= 3) return false;
  }
}

/** Lays the scenario out for one use. */
export async function inWorkshop(scenario: Scenario, use: (shop: Workshop) => Promise<Outcome>): Promise<Outcome> {
  const shop = await open(scenario);
  try {
    return await use(shop);
  } finally {
    shop.remove();
  }
}

/** The strace options that kill at a point. */
export const kill = (point: Point): readonly string[] => injecting(`${point.call}:signal=KILL:when=${point.nth}`);

export const dirsOf = ({ place }: Workshop): readonly string[] => [place.machine, place.state];

/** The calls of the undisturbed run. */
export async function recordedAfresh(shop: Workshop): Promise<Awaited<ReturnType<typeof recorded>>> {
  shop.place.reset();
  return await recorded(shop, shop.scenario.words);
}

/**
 * The last point whose kill makes the run undone: everything is published, and nothing is committed. Found by
 * bisection, once.
 */
export async function lastUndone(shop: Workshop): Promise<Point> {
  const known = LAST.get(shop.scenario);
  if (known !== undefined) return known;
  const points = killPoints(await recordedAfresh(shop), dirsOf(shop));
  const isUndone = async (point: Point): Promise<boolean> => {
    shop.place.reset();
    await shop.place.run(shop.scenario.words, { prefix: kill(point) });
    return (await recovered(shop, shop.place)).end !== 'new';
  };
  // The commit is near the end.
  let [undone, done] = [Math.max(0, points.length - 16), points.length];
  if (!(await isUndone(points[undone]!))) [undone, done] = [0, undone];
  while (done - undone > 1) {
    const middle = (undone + done) >> 1;
    if (await isUndone(points[middle]!)) undone = middle;
    else done = middle;
  }
  LAST.set(shop.scenario, points[undone]!);
  return points[undone]!;
}

/** The same run makes the same calls, so this is computed once. */
const LAST = new Map<Scenario, Point>();

/** The last flush whose failure makes the run undo itself (exit 4). */
async function lastFlushUndone(shop: Workshop): Promise<Point> {
  const flushes = callsOf(await recordedAfresh(shop), dirsOf(shop), new Set(['fsync', 'fdatasync']));
  for (const flush of flushes.toReversed().slice(0, 30)) {
    shop.place.reset();
    const ran = await shop.place.run(shop.scenario.words, {
      prefix: injecting(`${flush.call}:error=EIO:when=${flush.nth}`),
    });
    if (ran.code === 4) return flush;
  }
  throw new Error('no flush whose failure is undone');
}

const mustBe = (end: 'old' | 'new', verdict: Verdict): Verdict =>
  verdict.end === 'mixed' || verdict.end === end ? verdict : mixed(`ended ${verdict.end} where ${end} is due`);
