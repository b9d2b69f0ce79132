// The real program, killed before a system call and started again: the machine is the old one or the new one, whole.
// strace kills the process at the nth call of one kind, which is then not made. By default a sample of the calls is
// tried; CRASH=all tries each of them (minutes).

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { BASES, specOf } from './plan-cases.ts';
import { type Literal, layOut, type Rows, rowsOfDisk, temporary } from './trees.ts';

const PROGRAM = fileURLToPath(new URL('../dist/reflake.cjs', import.meta.url));
const CALLS = [
  'rename',
  'unlink',
  'rmdir',
  'mkdir',
  'symlink',
  'chmod',
  'fchmod',
  'chown',
  'fchown',
  'lchown',
  'fsync',
  'ftruncate',
];
/** How many kills of each call, spread over all of them; and how many recoveries are killed in turn. */
const SAMPLE = process.env.CRASH === 'all' ? Number.POSITIVE_INFINITY : 3;

/** Lines of one run in which everything happens: parents, a move, births, links, owners and modes, a nix.conf. */
const MACHINE: Literal = {
  ...BASES.machines.fresh,
  '/etc/nixos/l': { link: 'configuration.nix' },
  '/etc/nixos/tool': { file: 'x', mode: '6755' },
  '/etc/nixos/closed': { dir: true, mode: '2500' },
  '/etc/nixos/closed/secret': { file: 'x', mode: '0400', owner: [1000, 0] },
};

const home = temporary({ fast: true });
const state = `${home.dir}/state`;
const machine = `${home.dir}/machine`;
const pristine = `${home.dir}/pristine`;
const spec = `${home.dir}/spec.json`;

interface Ran {
  readonly code: number | null;
  readonly out: string;
}

function reflake(words: readonly string[], kill?: { readonly call: string; readonly at: number }): Ran {
  const command = [process.execPath, PROGRAM, ...words, '--root', machine, '--state', state];
  const traced =
    kill === undefined
      ? command
      : [
          'strace',
          '-f',
          '-o',
          '/dev/null',
          '-e',
          `trace=${kill.call}`,
          '-e',
          `inject=${kill.call}:signal=KILL:when=${kill.at}`,
          ...command,
        ];
  const { status, stdout, stderr } = spawnSync(traced[0]!, traced.slice(1), {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, HOME: home.dir, UV_USE_IO_URING: '0' },
  });
  return { code: status, out: stdout + stderr };
}

const apply = (kill?: Parameters<typeof reflake>[1]): Ran =>
  reflake(['apply', '--yes', '--offline', '--spec', spec], kill);

/** A new machine, as it was before everything. */
function begin(): void {
  rmSync(machine, { recursive: true, force: true });
  rmSync(state, { recursive: true, force: true });
  execFileSync('cp', ['-a', pristine, machine]);
}

let old: Rows;
let next: Rows;
/** How often each call is made by what is run. */
function countCalls(words: readonly string[]): ReadonlyMap<string, number> {
  const log = `${home.dir}/calls`;
  const argv = [
    '-f',
    '-o',
    log,
    '-e',
    `trace=${CALLS.join(',')}`,
    process.execPath,
    PROGRAM,
    ...words,
    '--root',
    machine,
    '--state',
    state,
  ];
  const { status, stderr } = spawnSync('strace', argv, {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, HOME: home.dir, UV_USE_IO_URING: '0' },
  });
  if (status !== 0) throw new Error(`strace: ${status} ${stderr}`);
  const counts = new Map<string, number>();
  const calls = [...readFileSync(log, 'utf8').matchAll(/^(\d+) +(\w+)\(/gm)];
  // strace counts for each thread, and the file system is written to by the first.
  for (const [, pid, call] of calls) if (pid === calls[0]?.[1]) counts.set(call!, (counts.get(call!) ?? 0) + 1);
  return counts;
}

/** `count` numbers of 1…n, the first and the last among them. */
const spread = (n: number, count: number): readonly number[] =>
  n <= count
    ? Array.from({ length: n }, (_, at) => at + 1)
    : [...new Set(Array.from({ length: count }, (_, at) => 1 + Math.round((at * (n - 1)) / (count - 1))))];

beforeAll(() => {
  if (!existsSync(PROGRAM)) throw new Error('dist/reflake.cjs is not built: npm run build');
  writeFileSync(spec, specOf({ spec: { git: 'track', config: { path: '~/a/nixos' } } }));
  mkdirSync(pristine);
  layOut(pristine, MACHINE);
  old = rowsOfDisk(pristine);
  begin();
  const done = apply();
  if (done.code !== 0) throw new Error(`${done.code}: ${done.out}`);
  next = rowsOfDisk(machine);
});
afterAll(() => home.remove());

/** What was wrong after a kill and a recovery; empty where nothing was. */
function afterKill(where: string, due: readonly Rows[]): readonly string[] {
  const recovered = reflake(['recover']);
  const found = rowsOfDisk(machine);
  if (recovered.code !== 0) return [`${where}: recover ends with ${recovered.code}: ${recovered.out}`];
  if (due.some((rows) => JSON.stringify(rows) === JSON.stringify(found))) return [];
  const odd = found.filter((row) => !due.some((rows) => rows.includes(row)));
  return [`${where}: neither old nor new: ${odd.slice(0, 5).join('; ') || `${found.length} rows`}`];
}

describe('killed before a system call', () => {
  test('apply: recovered, the machine is old or new', () => {
    begin();
    const counts = countCalls(['apply', '--yes', '--offline', '--spec', spec]);
    expect(counts.get('rename')).toBeGreaterThan(10);
    const wrong: string[] = [];
    let killed = 0;
    for (const [call, count] of counts) {
      for (const at of spread(count, SAMPLE)) {
        begin();
        if (apply({ call, at }).code !== 0) killed++;
        wrong.push(...afterKill(`${call} ${at} of ${count}`, [old, next]));
      }
    }
    expect(wrong).toEqual([]);
    expect(killed).toBeGreaterThan(20);
  });

  test('rollback: recovered, the machine is old or new', () => {
    const applied = `${home.dir}/applied`;
    begin();
    apply();
    execFileSync('cp', ['-a', state, `${applied}-state`]);
    execFileSync('cp', ['-a', machine, applied]);
    const again = (): void => {
      rmSync(machine, { recursive: true, force: true });
      rmSync(state, { recursive: true, force: true });
      execFileSync('cp', ['-a', applied, machine]);
      execFileSync('cp', ['-a', `${applied}-state`, state]);
    };
    again();
    const counts = countCalls(['rollback', '--yes']);
    expect(rowsOfDisk(machine)).toEqual(old);
    const wrong: string[] = [];
    for (const [call, count] of counts) {
      for (const at of spread(count, Math.min(SAMPLE, SAMPLE === 3 ? 2 : SAMPLE))) {
        again();
        reflake(['rollback', '--yes'], { call, at });
        wrong.push(...afterKill(`rollback, ${call} ${at} of ${count}`, [old, next]));
      }
    }
    expect(wrong).toEqual([]);
  });

  test('recovery itself: the next one ends it', () => {
    begin();
    // Late in the apply, when there is most to undo.
    const late = {
      call: 'rename',
      at: (countCalls(['apply', '--yes', '--offline', '--spec', spec]).get('rename') ?? 0) - 2,
    };
    begin();
    expect(apply(late).code).not.toBe(0);
    const cut = `${home.dir}/cut`;
    execFileSync('cp', ['-a', machine, cut]);
    execFileSync('cp', ['-a', state, `${cut}-state`]);
    const again = (): void => {
      rmSync(machine, { recursive: true, force: true });
      rmSync(state, { recursive: true, force: true });
      execFileSync('cp', ['-a', cut, machine]);
      execFileSync('cp', ['-a', `${cut}-state`, state]);
    };
    again();
    const counts = countCalls(['recover']);
    expect(rowsOfDisk(machine)).toEqual(old);
    const wrong: string[] = [];
    for (const [call, count] of counts) {
      for (const at of spread(count, Math.min(SAMPLE, SAMPLE === 3 ? 2 : SAMPLE))) {
        again();
        reflake(['recover'], { call, at });
        wrong.push(...afterKill(`recover, ${call} ${at} of ${count}`, [old]));
      }
    }
    expect(wrong).toEqual([]);
  });
});
