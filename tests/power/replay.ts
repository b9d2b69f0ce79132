// Records a command once, and recovers from every state that a power cut may leave of it: each must be old or new
// completely, and what the program had told before the cut must be true after it.

import { readFileSync } from 'node:fs';
import type { Rows } from '../support/trees.ts';
import { type Bench, demand, type Ran, reflake } from './bench.ts';
import { type Choice, type Crash, crashesOf, diskAfter, mark } from './crashes.ts';
import { contentOf, type Disk, diskOf, reachable } from './disk.ts';
import { type Findings, oneLine, type Verdict } from './findings.ts';
import { reflakeHere } from './here.ts';
import { type Pretence, pretend } from './pretend.ts';
import { type Recording, record, type Start } from './recording.ts';
import { rowsOf, type Scenario, same } from './scenarios.ts';
import { materialise, snapshot } from './snapshot.ts';
import { straceOf } from './strace-log.ts';

/** A recorded command, and the trees that it may end as. */
export interface Recorded {
  readonly scenario: Scenario;
  readonly bench: Bench;
  readonly recording: Recording;
  readonly old: Rows;
  readonly new: Rows;
  /** The output of `reflake history` if the machine is old, and if it is new. */
  readonly pasts: readonly string[];
}

/** Runs the scenario under strace on its bench. Throws if the end of the recording differs from the real directory. */
export async function recordScenario(
  scenario: Scenario,
  bench: Bench,
  options?: { splitRename: boolean },
): Promise<Recorded> {
  const { disk } = bench;
  pretend(new Map());
  scenario.prepare(bench);
  const before = rowsOf(bench);
  const start = snapshot(disk);
  const log = `${bench.home}/log`;
  demand(reflake(bench, [...scenario.words(bench), '--format', 'json'], straceOf(log)));
  const recording = record(start, readFileSync(log, 'latin1'), options);
  const [told, real] = [listing(recording.end), listing(diskOf(...parts(snapshot(disk))))];
  const odd = [...told.filter((line) => !real.includes(line)), ...real.filter((line) => !told.includes(line))];
  if (odd.length > 0) throw new Error(`the recording does not end as the disk does: ${odd.slice(0, 6).join('; ')}`);
  const next = rowsOf(bench);
  const seen = alsoSeen(recording, snapshot(disk));
  const old = scenario.isDecided === true ? next : before;
  // A recovery that finds nothing to do says nothing.
  if (old !== next && !recording.moments.some(({ kind }) => kind === 'told'))
    throw new Error('the program never told how it went');
  const pasts = [(await past(bench)).out];
  lay(bench, diskOf(start.inodes, start.entries));
  demand(await reflakeHere(bench, 'recover'));
  pasts.unshift((await past(bench)).out);
  return { scenario, bench, recording: seen, old, new: next, pasts };
}

/** Lays the machine out as a disk says, with the inodes as the writing process saw them. */
function lay(bench: Bench, disk: Disk): Pretence {
  pretend(new Map());
  const pretence = materialise(bench.disk, disk);
  pretend(pretence);
  return pretence;
}

/**
 * Adds the numbers that inodes born meanwhile have at the end. For inodes that are gone by then, no note that matters
 * can name them.
 */
function alsoSeen(recording: Recording, end: Start): Recording {
  const inos = new Map<string, number>();
  for (const [path, id] of reachable(diskOf(end.inodes, end.entries))) inos.set(path, end.inodes[id]!.seen!.ino);
  const inodes = [...recording.inodes];
  for (const [path, id] of reachable(recording.end)) inodes[id] = { seen: { ino: inos.get(path)! }, ...inodes[id]! };
  return { ...recording, inodes };
}

const parts = ({ inodes, entries }: ReturnType<typeof snapshot>) => [inodes, entries] as const;

const past = (bench: Bench): Promise<Ran> => reflakeHere(bench, 'history');

const listing = (disk: Disk): readonly string[] =>
  [...reachable(disk)].map(([path, , found]) => {
    const { born, mode, uid, gid } = found;
    const bytes = born.kind === 'file' ? contentOf(found).toString('latin1') : born.target;
    return `${path} ${born.kind} ${mode.toString(8)} ${uid}:${gid} ${bytes ?? ''}`;
  });

export interface Extent {
  /** The most states to try, evenly spread. */
  readonly limit?: number;
  /** Every how many states goes through the real program. */
  readonly real?: number;
  readonly stopAtFirst?: boolean;
}

/** Tries the states that `choice` allows. */
export async function replay(
  recorded: Recorded,
  choice: Choice,
  { limit = Number.POSITIVE_INFINITY, real = 0, stopAtFirst = false }: Extent = {},
): Promise<Findings> {
  const counts: Record<Verdict, number> = { old: 0, new: 0, mixed: 0, refused: 0 };
  const failures = new Map<string, number>();
  const all = [...crashesOf(recorded.recording, choice)];
  // Late in a recording, more can go wrong.
  if (stopAtFirst) all.reverse();
  let shrunk = 0;
  const step = Math.max(1, all.length / limit);
  for (let at = 0; at < all.length; at += step) {
    const crash = all[Math.floor(at)]!;
    const isReal = real > 0 && Math.floor(at / step) % real === 0;
    const { verdict, why } = await judge(recorded, crash, isReal);
    counts[verdict]++;
    if (why === undefined) continue;
    if (stopAtFirst) return { counts, failures: [tell(recorded, crash, why)] };
    // To find the smallest difference takes long, and only the first few are read.
    const words = shrunk++ < MOST_SHRUNK ? await smallest(recorded, crash, why) : tell(recorded, crash, why);
    failures.set(words, (failures.get(words) ?? 0) + 1);
  }
  return {
    counts,
    failures: [...failures].map(([words, times]) => (times === 1 ? words : `${times} times: ${words}`)),
  };
}

const MOST_SHRUNK = 10;

interface Judged {
  readonly verdict: Verdict;
  /** Says what is wrong; undefined if nothing is. */
  readonly why?: string;
}

async function judge(recorded: Recorded, crash: Crash, isReal = false): Promise<Judged> {
  const { bench, pasts, recording } = recorded;
  const pretence = lay(bench, diskAfter(recording, crash.kept));
  const { code, out } = isReal ? reflake(bench, ['recover'], [], pretence) : await reflakeHere(bench, 'recover');
  const rows = rowsOf(bench);
  if (code !== 0) return { verdict: 'refused', why: `recover ends with ${code}: ${out.trim().slice(0, 400)}` };
  const isNew = same(rows, recorded.new);
  if (!isNew && !same(rows, recorded.old)) return { verdict: 'mixed', why: oddRows(recorded, rows) };
  if (crash.told !== undefined && !isNew) return { verdict: 'mixed', why: 'told to be done, and is not' };
  if (isReal) {
    const again = await reflakeHere(bench, 'recover');
    if (again.code !== 0 || !same(rowsOf(bench), rows))
      return { verdict: 'mixed', why: `a second recover: ${again.out}` };
  }
  const remembered = await past(bench);
  if (remembered.out !== pasts[isNew ? 1 : 0] && !(same(recorded.old, recorded.new) && pasts.includes(remembered.out)))
    return { verdict: 'mixed', why: `${isNew ? 'new' : 'old'}, but the history tells: ${remembered.out.slice(-300)}` };
  return { verdict: isNew ? 'new' : 'old' };
}

/** The rows that are neither old nor new, and those of old and new that are missing. */
export function oddRows(recorded: Pick<Recorded, 'old' | 'new'>, rows: Rows): string {
  const odd = rows.filter((row) => !recorded.old.includes(row) && !recorded.new.includes(row));
  const both = [recorded.old, recorded.new].map((due) =>
    due
      .filter((row) => !rows.includes(row))
      .slice(0, 3)
      .join('; '),
  );
  return `neither old nor new: ${odd.slice(0, 4).join('; ') || 'parts of both'} | of old is missing: ${both[0]} | of new: ${both[1]}`;
}

/** Restores lost changes as long as the state stays wrong: the changes still lost at the end are the cause. */
async function smallest(recorded: Recorded, crash: Crash, why: string): Promise<string> {
  const { units } = recorded.recording;
  let least = crash;
  let words = why;
  for (let unit = 0; unit < crash.after; unit++) {
    if (least.kept[unit]) continue;
    const kept = least.kept.slice();
    mark(units, kept, unit);
    const judged = await judge(recorded, { ...least, kept });
    if (judged.why === undefined) continue;
    least = { ...least, kept };
    words = judged.why;
  }
  return tell(recorded, least, words);
}

function tell(
  { recording: { units }, scenario }: Recorded,
  { after, kept, flushed, told }: Crash,
  why: string,
): string {
  const open = [...units.keys()].slice(0, after).filter((unit) => !flushed[unit]);
  const words = (found: readonly number[]): string =>
    `${found.length}${
      found.length === 0
        ? ''
        : `: ${found
            .slice(0, 4)
            .map((unit) => units[unit]!.what)
            .join(', ')}${found.length > 4 ? '…' : ''}`
    }`;
  const lost = open.filter((unit) => !kept[unit]);
  const last = units[after - 1]?.what ?? 'nothing';
  return oneLine(
    `${scenario.name}, cut after change ${after} of ${units.length} (${last})${told === undefined ? '' : ', told'}; ` +
      `lost ${words(lost)}; kept unflushed ${words(open.filter((unit) => kept[unit]))}; ${why}`,
  );
}
