// The oracle: runs commands of the real program as root over a hostile tree under strace, and asks the law about each
// call with effective uid 0. Returns the calls that the law does not allow, each once, and the harm that was done.

import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { follow, tracing } from './follow.ts';
import { type Ground, HOME, type How, PROGRAM, type Ran, SRID } from './ground.ts';
import { judge } from './law.ts';
import type { EditWords, Trusted } from './words.ts';
import { wordsOf } from './words.ts';
import { worldOf } from './world.ts';

export interface Violation {
  readonly command: string;
  readonly call: string;
  readonly path: string;
  readonly why: string;
}

export interface Judged {
  readonly ran: Ran;
  readonly calls: number;
  readonly violations: readonly Violation[];
}

/** The places that a spec wishes for; empty if the spec may not be believed. */
export interface Wished {
  readonly path?: string | undefined;
  readonly from?: string | undefined;
}

/** Places whose content no test here changes, and that are not reflake's own. */
const SYSTEM = ['/usr', '/proc', '/dev', '/sys', '/nix/store', '/nix/var', '/opt/reflake', '/opt/node', '/opt/bin'];
const LOG = '/opt/log';

export async function judged(place: Ground, words: readonly string[], wished: Wished, how: How = {}): Promise<Judged> {
  const at = place.machine.dir;
  const world = worldOf(at, SYSTEM);
  rmSync(at + LOG, { force: true });
  const ran = await place.run(words, { ...how, prefix: tracing(LOG) });
  // A second apply of the same plan, or a rollback, names what the first one did: so records are read before and after.
  const program = how.program ?? PROGRAM;
  const trusted: Trusted = {
    prefix: place.prefix,
    path: wished.path?.replace(/^~/, HOME),
    from: wished.from?.replace(/^~/, HOME),
    edits: [...savedPlan(place, how), ...recorded(place)],
    person: { ...SRID, home: HOME },
    callerIsRoot: how.caller === 'root',
    given: [
      program,
      program.replace(/\.cjs$/, '.cache'),
      ...discovered(how.cwd ?? (how.caller === 'root' ? '/root' : HOME)),
      place.spec,
      // The place at which init looks for the channel that root follows.
      `${place.prefix}/nix/var/nix/profiles/per-user/root/channels`,
    ],
  };
  const law = wordsOf(world, trusted);
  const found = new Map<string, Violation>();
  let calls = 0;
  const log = existsSync(at + LOG) ? readFileSync(at + LOG, 'latin1') : '';
  follow(log, world, ({ call, touch }) => {
    calls++;
    const why = judge(touch, law);
    if (why === undefined) return;
    const path = Buffer.from(touch.path, 'latin1').toString('utf8');
    const violation = { command: words.join(' '), call: call.name, path, why };
    found.set(`${call.name}\t${path}\t${why}`, violation);
  });
  return { ran, calls, violations: [...found.values()] };
}

/** The paths at which a spec is searched: in a directory and all above it. */
function discovered(cwd: string): readonly string[] {
  const found: string[] = [];
  for (let dir = cwd; ; dir = dir.slice(0, dir.lastIndexOf('/'))) {
    found.push(...['reflake.yaml', 'reflake.yml', 'reflake.json', '.git'].map((name) => `${dir}/${name}`));
    if (dir === '') return found;
  }
}

/** The file of the plan before an apply: at root's place or the person's. */
export const planFile = (how: How): string => (how.caller === 'root' ? '/root/plan.json' : `${HOME}/plan.json`);

function savedPlan(place: Ground, how: How): readonly EditWords[] {
  const file = place.machine.dir + planFile(how);
  if (!existsSync(file)) return [];
  const { steps } = JSON.parse(readFileSync(file, 'utf8')) as { steps: readonly { edits: readonly EditWords[] }[] };
  return steps.flatMap(({ edits }) => edits);
}

/** The edits of every journal and history record. */
function recorded(place: Ground): readonly EditWords[] {
  const state = `${place.machine.dir}${place.prefix}/var/lib/reflake`;
  const dirs = [
    'journal',
    ...(existsSync(`${state}/history`) ? readdirSync(`${state}/history`) : []).map((n) => `history/${n}`),
  ];
  return dirs.flatMap((dir) => {
    const file = `${state}/${dir}/begin`;
    if (!existsSync(file)) return [];
    const text = readFileSync(file, 'utf8');
    const { batches } = JSON.parse(text.slice(text.indexOf('\n') + 1)) as {
      batches: readonly (readonly EditWords[])[];
    };
    return batches.flat();
  });
}

/** A violation in one line. */
export const lineOf = ({ command, call, path, why }: Violation): string => `${command}: ${call} ${path}: ${why}`;
