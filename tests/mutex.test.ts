// Only one command writes at a time, through the real program: many applies at once, a holder that dies or is stopped,
// other state directories, a lock file that somebody deletes.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { BASES, specOf } from './support/plan-cases.ts';
import { layOut, type Rows, rowsOfDisk, temporary } from './support/trees.ts';

const PROGRAM = fileURLToPath(new URL('../dist/reflake.cjs', import.meta.url));

const home = temporary({ fast: true });
const state = `${home.dir}/state`;
const machine = `${home.dir}/machine`;
const pristine = `${home.dir}/pristine`;
const spec = `${home.dir}/spec.json`;

let old: Rows;
let next: Rows;
const running = new Set<ChildProcess>();

interface Ran {
  readonly code: number | null;
  readonly out: string;
}

/** Starts a program. `said` waits for words of its output, `end` for its end. */
function start(program: string, words: readonly string[], uid?: number) {
  const env = { PATH: process.env.PATH, HOME: home.dir, TERM: 'dumb' };
  const child = spawn(program, words, { env, stdio: 'pipe', ...(uid !== undefined && { uid, gid: 100 }) });
  running.add(child);
  let out = '';
  const waiting: (() => void)[] = [];
  const hear = (chunk: Buffer): void => {
    out += chunk;
    for (const look of [...waiting]) look();
  };
  child.stdout!.on('data', hear);
  child.stderr!.on('data', hear);
  const end = new Promise<Ran>((resolve) =>
    child.once('close', (code) => {
      running.delete(child);
      resolve({ code, out });
    }),
  );
  const said = (words: RegExp): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (words.test(out)) resolve();
      };
      waiting.push(look);
      look();
      void end.then(() => reject(new Error(`it has ended, and never said ${words}: ${out}`)));
    });
  return { child, end, said };
}

const place = (at = state): string[] => ['--root', machine, '--state', at];
const apply = (at = state, ...more: string[]): Promise<Ran> =>
  start(process.execPath, [PROGRAM, 'apply', '--yes', '--offline', '--spec', spec, ...place(at), ...more]).end;

/** Starts an apply in a terminal, which takes the mutex and asks; returns it with the id of its process. */
async function asking(at = state) {
  const words = [process.execPath, PROGRAM, 'apply', '--offline', '--spec', spec, ...place(at)];
  const one = start('script', ['-qefc', words.map((word) => `'${word}'`).join(' '), '/dev/null']);
  await one.said(/Type yes/);
  return { ...one, pid: Number(/^process (\d+) of /.exec(readFileSync(`${at}/lock`, 'utf8'))?.[1]) };
}

const history = (at = state): readonly string[] => (existsSync(`${at}/history`) ? readdirSync(`${at}/history`) : []);

beforeAll(() => {
  if (!existsSync(PROGRAM)) throw new Error('dist/reflake.cjs is not built: npm run build');
  writeFileSync(spec, specOf({ spec: { git: 'off', config: { path: '~/a/nixos' } } }));
  mkdirSync(pristine);
  layOut(pristine, BASES.machines.fresh as never);
  old = rowsOfDisk(pristine);
});
beforeEach(() => {
  for (const dir of [machine, state, `${home.dir}/other`]) rmSync(dir, { recursive: true, force: true });
  execFileSync('cp', ['-a', pristine, machine]);
});
afterAll(() => {
  for (const child of running) child.kill('SIGKILL');
  home.remove();
});

describe('many at once', () => {
  test('those that wait find nothing to do, and those that do not are refused', async () => {
    const waiting = await Promise.all(Array.from({ length: 5 }, () => apply(state, '--wait', '50s')));
    expect(waiting.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0]);
    expect(waiting.filter(({ out }) => /Applied in/.test(out))).toHaveLength(1);
    expect(history()).toEqual(['1']);
    next = rowsOfDisk(machine);
    expect(next).not.toEqual(old);

    rmSync(machine, { recursive: true });
    rmSync(state, { recursive: true });
    execFileSync('cp', ['-a', pristine, machine]);
    const refused = await Promise.all(Array.from({ length: 5 }, () => apply()));
    for (const { code, out } of refused) expect([0, 7]).toContain(code === 7 && !/RF3007/.test(out) ? out : code);
    expect(refused.filter(({ out }) => /Applied in/.test(out))).toHaveLength(1);
    expect(history()).toEqual(['1']);
    expect(rowsOfDisk(machine)).toEqual(next);
  });

  test('of different states, all meet at the configuration', async () => {
    const states = Array.from({ length: 5 }, (_, index) => `${home.dir}/other/${index}`);
    const ran = await Promise.all(states.map((at) => apply(at, '--wait', '50s')));
    expect(ran.map(({ code, out }) => (code === 0 ? 0 : out))).toEqual([0, 0, 0, 0, 0]);
    expect(states.flatMap((at) => history(at))).toEqual(['1']);
    // If there was nothing to do, nothing is left, not even an empty directory.
    expect(readdirSync(`${home.dir}/other`)).toHaveLength(1);
  });
});

describe('the holder', () => {
  test('is named; stopped, it still holds; killed, it is free at once', async () => {
    const one = await asking();
    const refused = await apply();
    expect(refused.code).toBe(7);
    expect(refused.out).toMatch(new RegExp(`process ${one.pid} of \\w+ since 20\\d\\d-.*RF3007`));
    process.kill(one.pid, 'SIGSTOP');
    expect((await apply(state, '--wait', '1s')).code).toBe(7);
    process.kill(one.pid, 'SIGKILL');
    expect((await apply(state, '--wait', '20s')).code).toBe(0);
    await one.end;
  });

  test('is found by its hold on the configuration, whatever its state', async () => {
    const one = await asking();
    const refused = await apply(`${home.dir}/other`);
    expect(refused.code).toBe(7);
    expect(refused.out).toMatch(new RegExp(`process ${one.pid} \\(node\\) since 20\\d\\d-.*/etc/nixos".*RF3007`));
    expect(existsSync(`${home.dir}/other`)).toBe(false);
    one.child.stdin!.write('yes\n');
    expect((await one.end).code).toBe(0);
    expect((await apply(`${home.dir}/other`)).code).toBe(0);
  });

  test.each(['-s', '-x'])('keeps root from nothing where it is another user (flock %s)', async (how) => {
    chmodSync(home.dir, 0o755);
    const other = start('flock', [how, '-F', `${machine}/etc/nixos`, 'sh', '-c', 'echo held; exec sleep 60'], 65_534);
    await other.said(/held/);
    const { code, out } = await apply();
    other.child.kill('SIGKILL');
    expect([code, out]).toEqual([0, expect.stringMatching(/\(sleep\) .*holds "\/etc\/nixos", and root does not wait/)]);
  });

  test('keeps others away though its lock file was deleted', async () => {
    const one = await asking();
    rmSync(`${state}/lock`);
    expect((await apply()).code).toBe(7);
    process.kill(one.pid, 'SIGKILL');
    await one.end;
    expect((await apply()).code).toBe(0);
  });

  test('is noticed where the lock file is replaced between the look at it and its lock', async () => {
    const slow = ['-f', '-o', '/dev/null', '-e', 'trace=flock', '-e', 'inject=flock:delay_enter=3000000:when=1'];
    const words = [process.execPath, PROGRAM, 'apply', '--yes', '--offline', '--spec', spec, ...place()];
    const one = start('strace', [...slow, ...words]);
    while (!existsSync(`${state}/lock`)) await new Promise((resume) => setTimeout(resume, 10));
    rmSync(`${state}/lock`);
    const other = start('flock', ['-xnF', `${state}/lock`, 'sh', '-c', 'echo held; exec sleep 60']);
    await other.said(/held/);
    const { code, out } = await one.end;
    other.child.kill('SIGKILL');
    expect([code, out]).toEqual([7, expect.stringMatching(/RF3007/)]);
    expect(rowsOfDisk(machine)).toEqual(old);
  });

  test('waits with the tree that it moved: rollback and recover meet it too', async () => {
    expect((await apply()).code).toBe(0);
    writeFileSync(
      `${machine}/home/srid/a/nixos/flake.nix`,
      readFileSync(`${machine}/home/srid/a/nixos/flake.nix`, 'utf8').replace('24.05', '23.11'),
    );
    const one = await asking(`${home.dir}/other`);
    const rollback = start(process.execPath, [PROGRAM, 'rollback', '--yes', ...place()]);
    const { code, out } = await rollback.end;
    expect([code, out]).toEqual([7, expect.stringMatching(/home\/srid\/a\/nixos.*RF3007/)]);
    process.kill(one.pid, 'SIGKILL');
    await one.end;
  });
});

test('an ordinary user who is refused leaves no state', async () => {
  chmodSync(home.dir, 0o755);
  const own = `${home.dir}/own`;
  mkdirSync(own, { mode: 0o777 });
  chmodSync(own, 0o777);
  const words = [PROGRAM, 'apply', '--yes', '--offline', '--spec', spec, ...place(`${own}/local/state/reflake`)];
  const { code, out } = await start(process.execPath, words, 1000).end;
  expect([code, out]).toEqual([1, expect.stringMatching(/RF3013|permission/)]);
  expect(readdirSync(own)).toEqual([]);
  expect(statSync(own).isDirectory()).toBe(true);
});
