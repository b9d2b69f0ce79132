// A program that runs one attack against one victim, in namespaces of its own, so that everything ends with it:
//   main.mjs naive|reflake NAME TRIES DIR ATTACKER.PL
// Prints a line of JSON for each try, and a summary at the end. It hangs if its victim does; groups.ts notices that.

import childProcess, { execFileSync, type SpawnSyncReturns } from 'node:child_process';
import { chmodSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import type { Diagnostic } from '../../core/diagnostic.ts';
import { realHost } from '../../core/host/real-host.ts';
import { diskStore } from '../../core/host/state-directory.ts';
import { type Host, isTheirLink } from '../../core/machine/host.ts';
import { isUnreadable } from '../../core/machine/reader.ts';
import type { StateStore } from '../../core/machine/state-store.ts';
import type { Outcome } from '../../core/model.ts';
import { absolute } from '../../core/path.ts';
import { execute, recover } from '../../core/transaction/executor.ts';
import { undoing } from '../../core/transaction/going-back.ts';
import { past, select } from '../../core/transaction/history.ts';
import type { Transaction } from '../../core/transaction/model.ts';
import { around, dieBefore, FACTS, untilDeath, watched } from '../support/faults.ts';
import { type Rows, rowsOfDisk } from '../support/trees.ts';
import { arena, machineIn } from './arena.ts';
import { attacker, type Struck } from './attacker.ts';
import { ATTACKS, type Attack, BLOBS } from './catalogue.ts';
import { naively, naivelyBack } from './naive.ts';

/** The last line of output. `struck`: how often the attacker acted. `failures`: a line for each wrong try. */
export interface Summary {
  readonly tried: number;
  readonly applied: number;
  readonly undone: number;
  readonly refused: number;
  readonly stuck: number;
  readonly struck: number;
  readonly wrong: number;
  readonly failures: readonly string[];
  /** The reasons of the first tries that were stuck. */
  readonly reasons: readonly string[];
}

const NONE: Summary = {
  tried: 0,
  applied: 0,
  undone: 0,
  refused: 0,
  stuck: 0,
  struck: 0,
  wrong: 0,
  failures: [],
  reasons: [],
};

const KINDS = {
  unchanged: 'refused',
  refused: 'refused',
  applied: 'applied',
  'rolled-back': 'undone',
  stuck: 'stuck',
} as const;

/** Names that wrecking leaves of a transaction in progress. */
const CARRIED_OFF = /^[^\t]*\/(stolen-|\.reflake-)/;

const [victim, name, tries, dir, script] = process.argv.slice(2);
const found = ATTACKS.find((one) => one.name === name);
if (found === undefined || dir === undefined || script === undefined) throw new Error(`no such attack: ${name}`);
const attack: Attack = found;
const spares = sparing();
mount(dir);
if (attack.mount !== undefined) mount(machineIn(dir) + attack.mount);
const place = arena(dir);
mkdirSync(`${dir}/control`);
const pace = victim === 'naive' ? 300 : 15_000;
const owner = attacker({ script, control: `${dir}/control`, pace }, attack.words(place.root));
say(victim === 'naive' ? naiveTwin(Number(tries)) : await reflake(Number(tries)));
owner.end();

/**
 * Makes most tries run without the programs that keep attributes and flush: nothing in the arena has attributes, a disk
 * in memory needs no flush, and starting the programs takes as long as all the rest. Without this there could not be
 * thousands.
 */
function sparing(): { tries: boolean } {
  const spared = { tries: false };
  const run = childProcess.spawnSync;
  const nothing: SpawnSyncReturns<Buffer> = {
    ...{ pid: 0, output: [], status: 0, signal: null },
    ...{ stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) },
  };
  childProcess.spawnSync = ((...args: Parameters<typeof run>) => (spared.tries ? nothing : run(...args))) as typeof run;
  syncBuiltinESMExports();
  return spared;
}

/** Mounts a disk in memory, which vanishes with this process. */
function mount(at: string): void {
  mkdirSync(at, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'mode=755', 'none', at]);
  chmodSync(at, 0o755);
}

function say(what: unknown): void {
  writeSync(1, `${JSON.stringify(what)}\n`);
}

/** Stops at the first harm, since then it has fallen. */
function naiveTwin(limit: number): Summary {
  let struck = 0;
  for (let n = 1; n <= limit; n++) {
    say({ n });
    place.layOut(() => attack.scene(place, n));
    owner.go(n);
    try {
      naively(place.root, attack.edits, BLOBS);
    } catch {
      // It saw in time that something is not as planned, or the kernel stopped it.
    }
    if (attack.shuns !== undefined) naivelyBack(place.root, attack.edits);
    const seen = owner.rest();
    struck += seen.times;
    const failures = [...place.harm(), ...shunned(), ...place.lost(seen.told)];
    if (failures.length > 0) return { ...NONE, tried: n, struck, wrong: 1, failures };
  }
  return { ...NONE, tried: limit, struck };
}

async function reflake(limit: number): Promise<Summary> {
  const counts = { applied: 0, undone: 0, refused: 0, stuck: 0 };
  const failures: string[] = [];
  const reasons: string[] = [];
  let [struck, wrong] = [0, 0];
  const [old, due] = await undisturbed();
  for (let n = 1; n <= limit; n++) {
    say({ n });
    if (n % 50 === 0) rmSync(place.state, { recursive: true, force: true });
    place.layOut(() => attack.scene(place, n));
    spares.tries = n % 10 !== 0;
    owner.go(n);
    const { outcome, ends } = await attempt(n);
    const seen = owner.rest();
    struck += seen.times;
    const problems = await judged(outcome, seen, ends === 'new' ? due : old);
    if (!(outcome instanceof Error) && outcome.status === 'stuck' && reasons.length < 3)
      reasons.push(`try ${n}, ${wordsOf(outcome)}`);
    if (problems.length === 0 && !(outcome instanceof Error)) {
      counts[KINDS[outcome.status]]++;
      continue;
    }
    wrong++;
    if (failures.length < 12) failures.push(`try ${n}, ${wordsOf(outcome)}: ${problems.slice(0, 14).join('; ')}`);
  }
  return { tried: limit, ...counts, struck, wrong, failures, reasons };
}

function wordsOf(outcome: Outcome | Error): string {
  if (outcome instanceof Error) return `thrown ${outcome.stack?.split('\n').slice(0, 8).join(' ')}`;
  return `${outcome.status}${'cause' in outcome ? ` (${outcome.cause.map(({ summary }) => summary).join(', ')})` : ''}`;
}

/**
 * The tree before, and after a transaction that nobody disturbs. Throws if the transaction fails: then the attack would
 * test nothing.
 */
async function undisturbed(): Promise<readonly [Rows, Rows]> {
  place.layOut(() => attack.scene(place, 1));
  const old = rowsOfDisk(place.root);
  const { outcome } = await attempt(5);
  if (outcome instanceof Error || outcome.status !== 'applied') throw new Error(`undisturbed: ${wordsOf(outcome)}`);
  return [old, rowsOfDisk(place.root)];
}

/** The end of a try. `ends`: the tree that it must end with, after a recovery if it is stuck. */
interface Attempt {
  readonly outcome: Outcome | Error;
  readonly ends: 'old' | 'new';
}

/**
 * Every third transaction fails at the end, so that undo is attacked too; of five, one dies on its way and is
 * recovered, and one is undone by a rollback, with the attacker at work all the time.
 */
async function attempt(n: number): Promise<Attempt> {
  const transaction: Transaction = {
    tx: `${n.toString(16)}`.padStart(8, '0'),
    kind: 'apply',
    plan: 'sha256:00',
    host: FACTS,
    undoes: [],
    startedAt: '2026-01-01T00:00:00Z',
    by: 'attacked',
    batches: [attack.edits],
  };
  const failing: Diagnostic = { severity: 'error', code: 'RF3003', summary: 'it fails at the end' };
  const verify = async (): Promise<readonly Diagnostic[]> => (n % 3 === 0 ? [failing] : []);
  if (n % 5 === 1) return applying(await settled(() => diedAndRecovered(transaction, n)));
  const outcome = await settled(() => execute(transaction, BLOBS, around(opened(), { verify })));
  if (outcome instanceof Error || outcome.status !== 'applied' || n % 5 !== 2) return applying(outcome);
  const after = await settled(() => rolledBack(outcome, n));
  // If a rollback is stuck, recovery undoes it, and the apply stands.
  return { outcome: after, ends: isOf(after, 'rolled-back') ? 'old' : 'new' };
}

function applying(outcome: Outcome | Error): Attempt {
  return { outcome, ends: isOf(outcome, 'applied') ? 'new' : 'old' };
}

function isOf(outcome: Outcome | Error, status: Outcome['status']): boolean {
  return !(outcome instanceof Error) && outcome.status === status;
}

/** Dies before some step; the next process undoes the rest, or finds that all was committed. */
async function diedAndRecovered(transaction: Transaction, n: number): Promise<Outcome> {
  const committed = opened().store.list('history').length;
  const living = watched(opened(), dieBefore((n * 7) % (attack.edits.length + 8)));
  const outcome = await untilDeath(() => execute(transaction, BLOBS, around(living)));
  if (outcome !== undefined) return outcome;
  const after = await recover(around(opened()));
  if (after !== undefined) return after;
  return {
    status: opened().store.list('history').length > committed ? 'applied' : 'rolled-back',
    cause: [],
  } as Outcome;
}

/** Undoes the last apply. If the rollback is refused or undone, the apply stands. */
async function rolledBack(applied: Outcome, n: number): Promise<Outcome> {
  const { host, store } = opened();
  const known = past(store);
  const last = known.ok ? select(known.applies, { kind: 'newest' }) : undefined;
  if (!known.ok || last === undefined || last.length === 0) return applied;
  const stamp = { tx: `${n.toString(16)}`.padStart(12, 'b'), startedAt: '2026-01-01T00:00:00Z', by: 'attacked' };
  // Looks as the command does, through open directories, so that no link of the owner's leads it elsewhere.
  const seen = { ...host, ...host.held };
  const { transaction, blobs } = undoing(last, known.applies, seen, stamp, false);
  const outcome = await execute(transaction, blobs, around(opened()));
  if (outcome.status === 'applied') return { status: 'rolled-back', cause: [] };
  if (outcome.status === 'stuck') return outcome;
  // The rollback has reported what it could not put back.
  return 'cause' in outcome ? ({ ...applied, cause: outcome.cause } as Outcome) : applied;
}

function opened(): { host: Host; store: StateStore } {
  return { host: realHost(absolute(place.root)), store: diskStore(place.state) };
}

async function settled(run: () => Promise<Outcome>): Promise<Outcome | Error> {
  try {
    return await run();
  } catch (thrown) {
    if (isUnreadable(thrown) || isTheirLink(thrown)) return { status: 'refused', cause: [] };
    return thrown instanceof Error ? thrown : new Error(String(thrown));
  }
}

/**
 * Says if the text that the attacker wanted in a directory of root's is there, or if a part of the directory is not
 * root's.
 */
function shunned(): readonly string[] {
  if (attack.shuns === undefined) return [];
  const { dir, text } = attack.shuns;
  const top = place.root + dir;
  if (!existsSync(top)) return [];
  return ['', ...readdirSync(top, { recursive: true, encoding: 'utf8' })].flatMap((name) => {
    const at = name === '' ? top : `${top}/${name}`;
    const stat = lstatSync(at);
    const isTheirs = stat.isFile() && readFileSync(at, 'utf8') === text;
    return isTheirs ? [`${dir}/${name} has come to root`] : [];
  });
}

/** With the attacker at rest: says what is wrong with the end of the try, and with the machine after a recovery. */
async function judged(outcome: Outcome | Error, seen: Struck, expected: Rows): Promise<readonly string[]> {
  const problems = [...place.harm()];
  if (outcome instanceof Error) problems.push('it threw');
  const after = await settled(async () => (await recover(around(opened()))) ?? { status: 'unchanged' });
  if (after instanceof Error) problems.push(`recovery: ${wordsOf(after)}`);
  else if (after.status === 'stuck' && !attack.conflicts) problems.push(`recovery: ${wordsOf(after)}`);
  problems.push(...[...place.harm(), ...shunned()].map((line) => `after recovery: ${line}`));
  const laid = attack.laid === undefined ? [] : [{ kind: 'laid', token: attack.laid, shows: true }];
  problems.push(...place.lost([...seen.told, ...laid]));
  const isStuck = !(after instanceof Error) && after.status === 'stuck';
  if (!isStuck && !attack.steals) problems.push(...place.leftOver().map((path) => `left over: ${path}`));
  // If undo put something aside and reported it, the attacker could not put it back.
  if (attack.exact && !isStuck && !hasKept(outcome) && !hasKept(after)) problems.push(...difference(expected, tree()));
  // A conflict is left for people to solve; the next try begins anew.
  if (isStuck || after instanceof Error) rmSync(place.state, { recursive: true, force: true });
  return problems;
}

function hasKept(outcome: Outcome | Error): boolean {
  return !(outcome instanceof Error) && 'cause' in outcome && outcome.cause.some(({ code }) => code === 'RF3005');
}

/** What was carried off is left out: it has other names of files that are still there. */
function tree(): Rows {
  const rows = rowsOfDisk(place.root);
  return attack.steals ? rows.filter((row) => !CARRIED_OFF.test(row)).map((row) => row.replace(' shared', '')) : rows;
}

function difference(expected: Rows, there: Rows): readonly string[] {
  const gone = expected.filter((row) => !there.includes(row)).map((row) => `- ${row}`);
  return [...gone, ...there.filter((row) => !expected.includes(row)).map((row) => `+ ${row}`)];
}
