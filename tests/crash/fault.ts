// Injects an error into one system call, or into it and all that follow. The run must end with a documented exit code
// that is true of the machine, which is old or new; the next run does what is left to do.

import type { Group } from './group.ts';
import {
  brief,
  chosen,
  misbehaviour,
  mixed,
  recovered,
  repeats,
  tally,
  type Verdict,
  worldToBeSwept,
} from './judge.ts';
import { dirsOf, inWorkshop, recordedAfresh } from './kill.ts';
import { ACROSS, EDITS, FRESH, ROLLBACK_ALL, USERS } from './scenarios.ts';
import { callsOf, hit, type Point } from './trace.ts';
import { injecting, type Place, type Ran, type Scenario, type Workshop } from './workshop.ts';

const ERRORS = ['EIO', 'ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EMFILE'];

/** Calls that may fail on a bad or full disk, or for missing rights. */
const CALLS = new Set(
  (
    'open openat creat write pwrite64 writev fsync fdatasync syncfs mkdir mkdirat rename renameat renameat2 link linkat ' +
    'symlink symlinkat unlink unlinkat rmdir chmod fchmod fchmodat chown fchown lchown fchownat utimensat truncate ' +
    'ftruncate fallocate copy_file_range sendfile'
  ).split(' '),
);

/** One error at every call; and an error at a call and every later one. */
export const FAULTS: readonly Group[] = [
  ...[FRESH, USERS, ACROSS, EDITS, ROLLBACK_ALL].map((scenario) => failing(scenario, 'once')),
  ...[FRESH, ROLLBACK_ALL].map((scenario) => failing(scenario, 'from then on')),
];

function failing(scenario: Scenario, how: 'once' | 'from then on'): Group {
  return {
    name: `fault ${how}: ${scenario.name}`,
    describe:
      how === 'once'
        ? `${ERRORS.join(', ')} at each open, write, flush, rename, link, chown, chmod, mkdir, symlink, unlink, one run each.`
        : 'One of these errors at each such call and at all later ones of its name.',
    run: (options) =>
      inWorkshop(scenario, async (shop) => {
        const points = callsOf(await recordedAfresh(shop), dirsOf(shop), CALLS).filter(
          // Node also writes to its own pipes and to the screen; real.ts tries a full disk for real.
          ({ call }) => how === 'once' || !call.includes('write'),
        );
        const faults =
          how === 'once' && options.all
            ? points.flatMap((point) => ERRORS.map((error) => ({ point, error })))
            : chosen(points, options, [6, 6]).map((point, at) => ({ point, error: ERRORS[at % ERRORS.length]! }));
        // Each call fails with six errors; after one of them the run is repeated.
        const isLast = new Set(faults.filter((_, at) => at % ERRORS.length === 5));
        options.log(`  ${points.length} calls may fail`);
        const verdicts = await shop.each(faults, (place, fault) => {
          const { point, error } = fault;
          const when = how === 'once' ? `${point.nth}` : `${point.nth}+`;
          return failed(shop, place, point, `${point.call}:error=${error}:when=${when}`, isLast.has(fault));
        });
        return tally(
          faults.map(({ point, error }, at) => ({ label: `${error} at ${point.label}`, verdict: verdicts[at]! })),
          options.log,
        );
      }),
  };
}

async function failed(
  shop: Workshop,
  place: Place,
  point: Point,
  inject: string,
  isThorough: boolean,
): Promise<Verdict> {
  let ran = await place.run(shop.scenario.words, { prefix: injecting(inject) });
  // The call may have been a write that wakes the event loop, which no bad disk makes fail: then the try is repeated.
  for (let tries = 0; hit(place.trace(), point) !== 'there'; tries++) {
    if (tries === 4) return { end: 'missed' };
    place.reset();
    ran = await place.run(shop.scenario.words, { prefix: injecting(inject) });
  }
  const verdict = await told(shop, place, ran);
  if (verdict.end === 'mixed' || !isThorough) return verdict;
  const again = await repeats(shop, place);
  return again.end === 'mixed' ? again : verdict;
}

/**
 * Checks that the disturbed run told the truth, and that after `recover` without disturbance (`lift` ends it) nothing
 * is left.
 */
export async function told(shop: Workshop, place: Place, ran: Ran, lift: () => void = () => {}): Promise<Verdict> {
  const wrong = misbehaviour(ran);
  const at = worldToBeSwept(shop, place);
  if (wrong !== undefined) return mixed(`exit ${ran.code}, ${at.end === 'mixed' ? at.why : at.end}; ${wrong}`);
  if (ran.code !== 5) {
    const due = ran.code === 0 ? 'new' : 'old';
    if (at.end === 'mixed') return mixed(`it ends with ${ran.code}; ${at.why} (${brief(ran.out)})`);
    if (at.end !== due) return mixed(`it ends with ${ran.code}, but the machine is ${at.end}: ${brief(ran.out)}`);
  }
  lift();
  const later = await recovered(shop, place);
  if (later.end === 'mixed') return mixed(`after ${ran.code}: ${later.why}`);
  if (ran.code !== 5 && at.end !== later.end)
    return mixed(`it ends with ${ran.code}, ${at.end}; recover makes it ${later.end}`);
  return later;
}
