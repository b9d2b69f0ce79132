// A started program ends at its time limit, even if it ignores signals, and its children with it. A path in the environment is
// trusted only if root alone controls it.
import {
  chmodSync,
  chownSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Limit, limitOf, type RunResult, run, runTool } from '../../../../core/host/process/run.ts';
import { LOOKS } from '../../../../core/host/process/trusted.ts';
import type { Argv } from '../../../../core/machine/job.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(`${tmpdir()}/reflake-run-`);
  chmodSync(dir, 0o755);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** A process that got SIGKILL is gone only once the kernel has run it: on a busy machine not at once. */
async function isAlive(pid: string): Promise<boolean> {
  for (let tries = 0; isThere(pid); tries++) {
    if (tries === 200) return true;
    await new Promise((resume) => setTimeout(resume, 25));
  }
  return false;
}
const isThere = (pid: string): boolean => {
  try {
    // A zombie is dead: nobody may be there to wait for it.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};
const sh = (script: string, limit?: Limit, as?: Parameters<typeof run>[1]['as']): Promise<RunResult> =>
  run(['/bin/sh', '-c', script], { cwd: dir, ...(limit && { limit }), ...(as && { as }) });
const textOf = (result: RunResult): string => (result.status === 'failed' ? result.stderr : '');

describe('limits', () => {
  test.each<[Argv, Limit]>([
    [['git', 'init'], { whole: 60 }],
    [['nix', '--version'], { whole: 30 }],
    [['nix', 'flake', 'lock'], { silent: 600 }],
  ])('of %j', (argv, limit) => {
    expect(limitOf(argv)).toEqual(limit);
  });

  test('one that sleeps is ended, with words', async () => {
    const ran = await sh('echo said >&2; echo out; sleep 1000', { whole: 1 });
    expect(ran).toEqual({
      status: 'failed',
      exitCode: undefined,
      stdout: 'out\n',
      stderr: 'said\nit was stopped: not done in 1 s',
    });
  });

  test('one that ignores SIGTERM is killed, and its children with it', async () => {
    const ran = await sh('trap "" TERM; sleep 1000 & echo $! $$; while :; do sleep 0.1; done', { whole: 1 });
    expect(textOf(ran)).toMatch(/not done in 1 s/);
    const pids = (ran as { stdout: string }).stdout.trim().split(' ');
    expect(pids).toHaveLength(2);
    expect(await Promise.all(pids.map(isAlive))).toEqual([false, false]);
  });

  test('one that ends and leaves a child with the pipe: what it said is there, the child is not', async () => {
    const ran = await sh('sleep 1000 & echo $!');
    expect(ran.status).toBe('done');
    const { stdout } = ran as { stdout: string };
    expect(stdout).toMatch(/^\d+\n$/);
    expect(await isAlive(stdout.trim())).toBe(false);
  });

  test('a child that left the group and keeps the pipe is not waited for', async () => {
    const ran = await sh('setsid sleep 1000 & echo $!; exit 3');
    expect(ran).toMatchObject({ status: 'failed', exitCode: 3 });
    process.kill(Number((ran as { stdout: string }).stdout), 'SIGKILL');
  });

  test('one that reports is not silent; one that stops reporting is', async () => {
    expect(await sh('for i in 1 2 3 4 5 6 7 8; do echo $i >&2; sleep 0.5; done', { silent: 3 })).toMatchObject({
      status: 'done',
    });
    const ran = await sh('echo a >&2; while :; do echo out; sleep 0.2; done', { silent: 1 });
    expect(textOf(ran)).toMatch(/^a\nit was stopped: not a word in 1 s$/);
  });

  test.each([
    ['output', 'yes'],
    ['messages', 'yes >&2'],
  ])('a program that never ends its %s', async (what, script) => {
    expect(textOf(await sh(script, { silent: 100 }))).toMatch(
      new RegExp(`it was stopped: more than \\d+ bytes of ${what}$`),
    );
  });

  test('a tool', () => {
    const ran = runTool('sleep', ['1000'], { limit: 1 });
    expect([ran?.status, ran?.error?.message]).toEqual([null, expect.stringContaining('ETIMEDOUT')]);
    expect(runTool('no-such-tool', [], { limit: 1 })).toBeUndefined();
  });
});

test('output is kept in order, lines are heard, a program that is not there is a failure in words', async () => {
  const heard: string[] = [];
  const ran = await run(['/bin/sh', '-c', 'printf "ä\\nb" >&2; printf "%0100000d" 0'], {
    cwd: dir,
    onLine: (line) => heard.push(line),
  });
  expect(ran).toMatchObject({ status: 'done', stdout: '0'.repeat(100_000), stderr: 'ä\nb' });
  expect(heard).toEqual(['ä']);
  expect(await run(['no-such-tool'], { cwd: dir })).toEqual({ status: 'missing', tool: 'no-such-tool' });
  expect(textOf(await run(['/no/such/tool'], { cwd: dir }))).toMatch(/ENOENT/);
  expect(textOf(await run(['/bin/sh'], { cwd: `${dir}/gone` }))).toMatch(/ENOENT/);
});

test('it has no terminal, and is in nobody else’s group or session', async () => {
  const ran = await sh('cat /proc/self/stat; (: < /dev/tty) 2>&1 || echo none');
  const { stdout } = ran as { stdout: string };
  const [, , group, session, terminal] = stdout.split(') ')[1]!.split(' ');
  expect([group === session, terminal]).toEqual([true, '0']);
  expect(stdout).toMatch(/none\n$/);
});

const ifRoot = process.geteuid?.() === 0 ? describe : describe.skip;

ifRoot('as root', () => {
  const eve = { uid: 54321, name: 'eve', home: '/' };
  test('one that another person runs ends as well', async () => {
    const nobody = { uid: 65534, gid: 65534, name: 'nobody', home: '/' };
    const ran = await sh('trap "" TERM; id -u; sleep 1000 & echo $!; wait; wait', { whole: 1 }, nobody);
    expect(textOf(ran)).toMatch(/not done in 1 s/);
    const [uid, child] = (ran as { stdout: string }).stdout.trim().split('\n');
    expect([uid, await isAlive(child!)]).toEqual(['65534', false]);
  });

  test('what root alone controls', () => {
    const at = `/root/reflake-trusted-${process.pid}`;
    mkdirSync(at);
    try {
      const make = (name: string, mode: number, uid = 0): string => {
        mkdirSync(`${at}/${name}`, { recursive: true });
        writeFileSync(`${at}/${name}/file`, '');
        chmodSync(`${at}/${name}`, mode);
        chownSync(`${at}/${name}`, uid, 0);
        return `${at}/${name}`;
      };
      const link = (name: string, target: string, uid = 0): string => {
        symlinkSync(target, `${at}/${name}`);
        lchownSync(`${at}/${name}`, uid, 0);
        return `${at}/${name}`;
      };
      const roots = [
        make('good', 0o755),
        `${at}/good/file`,
        `${at}/good/../good/./file`,
        `${make('sticky', 0o1777)}/file`,
        link('to-good', 'good'),
        link('absolute', `${at}/to-good/file`),
      ];
      const theirs = [
        make('sticky-end', 0o1777),
        make('open', 0o777),
        `${at}/open/file`,
        make('group', 0o775),
        make('eve', 0o755, eve.uid),
        `${at}/eve/file`,
        link('eves', 'good', eve.uid),
        link('to-eves', 'eve/file'),
        link('round', 'round'),
        `${at}/none`,
      ];
      expect(roots.filter((path) => !LOOKS.isRoots(path))).toEqual([]);
      expect(theirs.filter(LOOKS.isRoots)).toEqual([]);

      const root = { uid: 0, name: 'root', home: '/root' };
      const usable = (who: typeof eve): string[] =>
        [...roots, ...theirs].filter((path) => LOOKS.isUsable(path, who)).map((path) => path.slice(at.length + 1));
      expect(usable(root)).toEqual(['good', 'sticky-end']);
      expect(usable(eve)).toEqual(['sticky-end', 'eve', 'eve/file']);
    } finally {
      rmSync(at, { recursive: true });
    }
  });
});
