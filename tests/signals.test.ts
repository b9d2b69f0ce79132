// Signals to the real program, at a moment that strace chooses and from a terminal. Exit code and machine must agree at
// any moment: 130 and 143 say that nothing was written, 4 that everything is as before, 0 that everything is done.

import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { BASES, specOf } from './support/plan-cases.ts';
import { layOut, type Rows, rowsOfDisk, temporary } from './support/trees.ts';

const PROGRAM = fileURLToPath(new URL('../dist/reflake.cjs', import.meta.url));

/** Without git, so that no other program renames anything. */
const SPEC = specOf({ spec: { git: 'off', config: { path: '~/a/nixos' } } });

const home = temporary({ fast: true });
const state = `${home.dir}/state`;
const machine = `${home.dir}/machine`;
const pristine = `${home.dir}/pristine`;
const spec = `${home.dir}/spec.json`;
const env = { PATH: process.env.PATH ?? '', HOME: home.dir, UV_USE_IO_URING: '0', TERM: 'dumb' };

let old: Rows;
let next: Rows;

const command = (...words: string[]): readonly string[] => [
  process.execPath,
  PROGRAM,
  ...words,
  '--root',
  machine,
  '--state',
  state,
];
const APPLY = command('apply', '--yes', '--offline', '--spec', spec);

interface Ran {
  readonly code: number | null;
  readonly out: string;
}

function run([program, ...words]: readonly string[], more: Record<string, string> = {}): Ran {
  const { status, stdout, stderr } = spawnSync(program!, words, { encoding: 'utf8', env: { ...env, ...more } });
  return { code: status, out: stdout + stderr };
}

/** Runs under strace, which sends signals at chosen calls, in whatever thread they occur. */
function traced(inject: readonly string[], argv: readonly string[] = APPLY): Ran {
  const flags = inject.flatMap((one) => ['-e', `inject=${one}`]);
  return run(['strace', '-f', '-o', '/dev/null', '-e', 'trace=rename,fsync', ...flags, ...argv]);
}

/** One signal at the nth rename. Another thread handles it, so later flushes are delayed for a moment. */
const signalled = (signal: string, at: number): Ran =>
  traced([`rename:signal=${signal}:when=${at}`, 'fsync:delay_exit=15000']);

/**
 * One signal at the nth rename, and more at the next ones after it was handled: on a busy machine, two pending signals
 * may merge into one.
 */
const signalledTwice = (signal: string, at: number): Ran =>
  traced([`rename:signal=${signal}:delay_exit=300000:when=${at}..${at + 3}`]);

/** The number of renames in an apply, and the one that begins it: before that one, nothing is visible. */
function renames(): { readonly count: number; readonly first: number } {
  const log = `${home.dir}/calls`;
  const ran = run(['strace', '-f', '-o', log, '-e', 'trace=rename', ...APPLY]);
  if (ran.code !== 0) throw new Error(ran.out);
  const calls = readFileSync(log, 'utf8').match(/ rename\(.*/g) ?? [];
  return { count: calls.length, first: calls.findIndex((call) => /journal\.new", /.test(call)) + 1 };
}

function begin(): void {
  rmSync(machine, { recursive: true, force: true });
  rmSync(state, { recursive: true, force: true });
  execFileSync('cp', ['-a', pristine, machine]);
}

/** Says what does not agree with the exit code; empty if all does. */
function wrong(where: string, { code, out }: Ran): readonly string[] {
  const due = code === 0 ? next : old;
  const problems = [];
  if (code === null || ![0, 4, 130, 143].includes(code)) problems.push(`${where}: exit ${code}: ${out}`);
  if (JSON.stringify(rowsOfDisk(machine)) !== JSON.stringify(due))
    problems.push(`${where}: exit ${code}, another machine`);
  if (existsSync(`${state}/journal`)) problems.push(`${where}: exit ${code}, and a journal is left`);
  if (existsSync(`${state}/history`) !== (code === 0)) problems.push(`${where}: exit ${code}, another history`);
  if ((code === 130 || code === 143) && existsSync(state)) problems.push(`${where}: exit ${code}, and a state`);
  return problems;
}

let count = 0;
let first = 0;
beforeAll(() => {
  if (!existsSync(PROGRAM)) throw new Error('dist/reflake.cjs is not built: npm run build');
  writeFileSync(spec, SPEC);
  mkdirSync(pristine);
  layOut(pristine, BASES.machines.fresh as never);
  old = rowsOfDisk(pristine);
  begin();
  ({ count, first } = renames());
  next = rowsOfDisk(machine);
});
beforeEach(begin);
afterAll(() => home.remove());

/** About `most` of the numbers from 1 to `count`, with the first and the last among them. */
const spread = (count: number, most: number): readonly number[] => [
  ...new Set(Array.from({ length: most }, (_, at) => 1 + Math.round((at * (count - 1)) / (most - 1)))),
];

const SAMPLE = (count: number, most: number): readonly number[] =>
  spread(count, process.env.CRASH === 'all' ? count : most);

/** Runs a program, calls `act` once its output matches `ready`, and waits for its end. */
async function meeting(argv: readonly string[], ready: RegExp, act: (child: ChildProcess) => void): Promise<Ran> {
  const child = spawn(argv[0]!, argv.slice(1), { env, stdio: 'pipe' });
  let out = '';
  let isReady = false;
  const hear = (chunk: Buffer): void => {
    out += chunk;
    if (isReady || !ready.test(out)) return;
    isReady = true;
    act(child);
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, out };
}

/** Another process that holds the mutex of the state directory until it is killed. */
async function locked(): Promise<ChildProcess> {
  mkdirSync(state, { recursive: true });
  const holder = spawn('flock', ['-xnF', `${state}/lock`, 'sh', '-c', 'echo held; exec sleep 60'], { stdio: 'pipe' });
  await once(holder.stdout!, 'data');
  return holder;
}

describe('the first signal', () => {
  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 143],
  ] as const)('%s while another apply is waited for: %d', async (signal, code) => {
    const holder = await locked();
    const ran = await meeting([...APPLY, '--wait', '50s', '-v'], /waiting for/, (child) => child.kill(signal));
    holder.kill('SIGKILL');
    rmSync(state, { recursive: true });
    expect([...wrong(signal, ran), ran.code]).toEqual([code]);
    expect(ran.out).toMatch(new RegExp(`stopped by ${signal}.*RF3009`));
  });

  test.each([
    ['INT', 130],
    ['TERM', 143],
  ] as const)('SIG%s while a program works for the plan: that is told, %d', (signal, code) => {
    // git runs with the owner's uid, here and in the directories in which it is found and works.
    chmodSync(home.dir, 0o755);
    const open = `${home.dir}/open`;
    rmSync(open, { recursive: true, force: true });
    for (const dir of [`${home.dir}/bin`, open]) mkdirSync(dir, { recursive: true });
    chmodSync(open, 0o777);
    // Undisturbed, it would come to its end and leave this file.
    const late = `setTimeout(() => fs.writeFileSync('${open}/ended', ''), 10_000)`;
    const git = `#!/bin/sh\n: > ${open}/begun\nexec ${process.execPath} -e "${late}"\n`;
    writeFileSync(`${home.dir}/bin/git`, git, { mode: 0o755 });
    const signalling = `(until [ -e ${open}/begun ]; do sleep 0.02; done; kill -${signal} $$) & exec "$@"`;
    for (const apply of [true, false]) {
      rmSync(`${open}/begun`, { force: true });
      writeFileSync(spec, specOf({ spec: { git: 'track', config: { path: '~/a/nixos' } } }));
      const argv = apply ? APPLY : command('plan', '--offline', '--spec', spec);
      const ran = run(['sh', '-c', signalling, 'sh', ...argv], { PATH: `${home.dir}/bin:${env.PATH}` });
      writeFileSync(spec, SPEC);
      expect([...wrong(signal, ran), ran.code]).toEqual([code]);
      expect(existsSync(`${open}/ended`)).toBe(false);
    }
  });

  test('at any write: it is the last one, and all is undone', () => {
    // The last renames are the journal's own; nothing that follows them matters.
    expect([count > 10, first > 1]).toEqual([true, true]);
    const problems = SAMPLE(count, 8).flatMap((at) => {
      begin();
      const signal = (['SIGINT', 'SIGTERM', 'SIGHUP'] as const)[at % 3]!;
      const ran = signalled(signal, at);
      const isLate = at > count - 3 && ran.code === 0;
      const due = at >= first ? 4 : signal === 'SIGINT' ? 130 : 143;
      return [
        ...wrong(`${signal} at rename ${at}`, ran),
        ...(ran.code === due || isLate ? [] : [`${signal} at rename ${at} of ${count}: exit ${ran.code}`]),
      ];
    });
    expect(problems).toEqual([]);
  });
});

test('a signal while it verifies: not committed, all is undone', async () => {
  // Slows the last look down, so that the signal comes before its end.
  const slow = ['strace', '-f', '-o', '/dev/null', '-e', 'trace=statx', '-e', 'inject=statx:delay_exit=4000'];
  const ran = await meeting([...slow, ...APPLY, '-v'], /verifying/, () => {
    const pid = /^process (\d+) of /.exec(readFileSync(`${state}/lock`, 'utf8'))?.[1];
    process.kill(Number(pid), 'SIGTERM');
  });
  expect([...wrong('verifying', ran), ran.code]).toEqual([4]);
});

describe('the second signal', () => {
  test.each(['SIGINT', 'SIGTERM'])('%s leaves at once, and recover undoes what was begun', (signal) => {
    const left = SAMPLE(count - 2 - first, 4).flatMap((behind) => {
      const at = first - 1 + behind;
      begin();
      const ran = signalledTwice(signal, at);
      const isUnfinished = existsSync(`${state}/journal`);
      // The signal may come when the undo is at its end; then the output says that.
      const words = isUnfinished ? /left at once.*reflake recover/ : /left at once|the machine is as it was before/;
      expect([at, ran.code, ran.out]).toEqual([at, 4, expect.stringMatching(words)]);
      const recovered = run(command('recover'));
      expect([at, recovered.code, recovered.out]).toEqual([at, 0, expect.any(String)]);
      expect(rowsOfDisk(machine)).toEqual(old);
      return isUnfinished ? [at] : [];
    });
    expect(left.length).toBeGreaterThan(0);
  });

  test('a closed terminal is told twice, and is no second signal', () => {
    const ran = signalledTwice('SIGHUP', first);
    expect([...wrong('SIGHUP', ran), ran.code]).toEqual([4]);
  });
});

describe('around the commit, at any instant', () => {
  /** Random, but the same in each run. */
  let seed = 7;
  const random = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return seed % below;
  };
  const TRIES = Number(process.env.TRIES ?? (process.env.CRASH === 'all' ? 200 : 8));

  /** Signals a run some milliseconds after `isNear` holds: once, twice, or with the signal of a closed terminal. */
  async function shot(argv: readonly string[], isNear: () => boolean): Promise<Ran & { readonly how: string }> {
    const child = spawn(argv[0]!, argv.slice(1), { env, stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (out += chunk));
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    let isOver = false;
    void ended.then(() => (isOver = true));
    while (!isOver && !isNear()) await new Promise((resume) => setImmediate(resume));
    const pause = random(120);
    await new Promise((resume) => setTimeout(resume, pause));
    const signals = [['SIGINT'], ['SIGTERM'], ['SIGHUP'], ['SIGINT', 'SIGTERM'], ['SIGTERM', 'SIGHUP', 'SIGINT']][
      random(5)
    ] as NodeJS.Signals[];
    for (const signal of signals) {
      child.kill(signal);
      await new Promise((resume) => setTimeout(resume, random(4)));
    }
    return { code: await ended, out, how: `${signals.join(' ')} after ${pause} ms` };
  }

  const applies = (): number => (existsSync(`${state}/history`) ? readdirSync(`${state}/history`).length : 0);
  const isUnfinished = (): boolean => existsSync(`${state}/journal`);

  test('an apply: 0 where it is in the history, and only there', async () => {
    const problems: string[] = [];
    const ends = new Set<number | null>();
    for (let n = 0; n < TRIES; n++) {
      begin();
      const { code, out, how } = await shot(APPLY, n % 4 === 0 ? isUnfinished : () => applies() === 1);
      ends.add(code);
      if ((code === 0) !== (applies() === 1)) problems.push(`${how}: exit ${code}, ${applies()}: ${out}`);
      if (code === null || ![0, 4, 130, 143].includes(code)) problems.push(`${how}: exit ${code}: ${out}`);
      if (code === 0 && !/In sync/.test(out)) problems.push(`${how}: exit 0, and no result: ${out}`);
    }
    expect(problems).toEqual([]);
    expect([...ends]).toContain(0);
  });

  test('a rollback: likewise', async () => {
    const problems: string[] = [];
    for (let n = 0; n < TRIES; n++) {
      begin();
      if (run(APPLY).code !== 0) throw new Error('not applied');
      const { code, out, how } = await shot(
        command('rollback', '--yes'),
        n % 4 === 0 ? isUnfinished : () => applies() === 2,
      );
      if ((code === 0) !== (applies() === 2)) problems.push(`${how}: exit ${code}, ${applies()}: ${out}`);
      if (code === null || ![0, 4, 130, 143].includes(code)) problems.push(`${how}: exit ${code}: ${out}`);
    }
    expect(problems).toEqual([]);
  });

  test('a recovery: 0 where nothing is unfinished any more, and only there', async () => {
    const problems: string[] = [];
    const cut = `${home.dir}-cut`;
    traced([`rename:signal=KILL:when=${count - 3}`]);
    if (!isUnfinished()) throw new Error('not cut off');
    execFileSync('cp', ['-a', home.dir, cut]);
    for (let n = 0; n < TRIES; n++) {
      for (const part of ['machine', 'state']) {
        rmSync(`${home.dir}/${part}`, { recursive: true, force: true });
        execFileSync('cp', ['-a', `${cut}/${part}`, home.dir]);
      }
      // The run makes this file when it takes the mutex, and by then it handles signals.
      rmSync(`${state}/lock`);
      const { code, out, how } = await shot(command('recover'), () => existsSync(`${state}/lock`));
      if ((code === 0) !== !isUnfinished()) problems.push(`${how}: exit ${code}: ${out}`);
      if (code === 0 && JSON.stringify(rowsOfDisk(machine)) !== JSON.stringify(old)) problems.push(`${how}: not old`);
      if (code === null || ![0, 4, 130, 143].includes(code)) problems.push(`${how}: exit ${code}: ${out}`);
    }
    rmSync(cut, { recursive: true, force: true });
    expect(problems).toEqual([]);
  });
});

describe('a closed pipe or terminal changes nothing', () => {
  test.each(['| head -c 1', '| true', '2>&1 | true', '> /dev/full 2>&1'])('apply %s', (rest) => {
    const ran = run(['bash', '-o', 'pipefail', '-c', `"$@" ${rest}`, 'bash', ...APPLY]);
    expect(wrong(rest, { ...ran, code: 0 })).toEqual([]);
    expect(ran.code).toBe(0);
  });

  test('a reader that is slow: the thread ends before all is printed, and that is no error', () => {
    const features = Array.from({ length: 250 }, (_, n) => `feature-${n}-${'x'.repeat(400)}`);
    writeFileSync(spec, specOf({ spec: { git: 'off', config: { path: '~/a/nixos' }, features } }));
    try {
      const words = [...APPLY, '--format', 'json'];
      const ran = run(['bash', '-o', 'pipefail', '-c', '"$@" | (sleep 3; cat)', 'bash', ...words]);
      expect(ran.out.length).toBeGreaterThan(1 << 17);
      expect(ran.out).not.toMatch(/internal error/);
      expect(ran.code === 0 ? '' : ran.out.slice(-2000)).toBe('');
    } finally {
      writeFileSync(spec, SPEC);
    }
  });

  const typescript = (...argv: readonly string[]): readonly string[] => [
    'script',
    '-qefc',
    argv.map((word) => `'${word}'`).join(' '),
    '/dev/null',
  ];
  const ASKING = command('apply', '--offline', '--spec', spec);

  test('Ctrl-C at the question: 130', async () => {
    const ran = await meeting(typescript(...ASKING), /Type yes/, (child) => child.stdin!.write('\u0003'));
    expect([...wrong('Ctrl-C', ran), ran.code]).toEqual([130]);
  });

  test.each([
    ['no', 'no\n', 1],
    ['Ctrl-D', '\u0004', 130],
  ])('%s at the question: nothing is done', async (what, typed, code) => {
    const ran = await meeting(typescript(...ASKING), /Type yes/, (child) => child.stdin!.write(typed));
    expect([...wrong(what, { ...ran, code: 130 }), ran.code, ran.out]).toEqual([
      code,
      expect.stringContaining('Cancelled. Nothing was changed.'),
    ]);
  });

  test('an answer in the terminal', async () => {
    const ran = await meeting(typescript(...ASKING), /Type yes/, (child) => child.stdin!.write('yes\n'));
    expect([...wrong('yes', ran), ran.code]).toEqual([0]);
  });

  test('the terminal is closed at the question, or while it is written', async () => {
    const problems: string[] = [];
    for (const [argv, ready] of [
      [ASKING, /Type yes/],
      [
        ['strace', '-f', '-o', '/dev/null', '-e', 'trace=fsync', '-e', 'inject=fsync:delay_exit=30000', ...APPLY],
        /move/,
      ],
    ] as const) {
      begin();
      const pid = `${home.dir}/pid`;
      const child = typescript('sh', '-c', `echo $$ > ${pid}; exec "$@"`, 'sh', ...argv);
      await meeting(child, ready, (script) => script.kill('SIGKILL'));
      while (existsSync(`/proc/${readFileSync(pid, 'utf8').trim()}/cwd`))
        await new Promise((resume) => setTimeout(resume, 20));
      problems.push(...wrong(`closed at ${ready}`, { code: 4, out: '' }));
    }
    expect(problems).toEqual([]);
  });
});
