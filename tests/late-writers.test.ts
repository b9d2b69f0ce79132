// A process that has a file open when it is replaced, removed or moved may write to it at any time later: then the old
// file is kept, and the report says where. A process that only reads keeps nothing.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readlinkSync } from 'node:fs';
import { afterEach, describe, expect, test } from '@jest/globals';
import { digestOf } from '../core/canonical.ts';
import { realHost } from '../core/host/real-host.ts';
import { ABSENT, type Edit, type Owner, type Puttable } from '../core/model.ts';
import { type AbsPath, absolute } from '../core/path.ts';
import { carryOut } from './support/carry-out.ts';
import { type Literal, layOut, rowsOfDisk, temporary } from './support/trees.ts';

const TX = 'f00d';
const USERS = [1000, 100] as const;
const OLD = 'old\n';
const NEW = 'new\n';
const LATE = 'late\n';
const BLOBS = Object.fromEntries([OLD, NEW].map((text) => [digestOf(text), Buffer.from(text)]));

const TREE: Literal = {
  '/home/f': { file: OLD, owner: USERS },
  '/etc/f': OLD,
  '/etc/tree/sub/f': OLD,
  '/mnt': { dir: true },
};
// A user's directory, where names are taken and given, and one of root's, where one rename(2) replaces.
const DIRECTORIES = ['/home', '/etc'];

const cleanups: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean();
});

function machine(): string {
  const { dir, remove } = temporary();
  cleanups.push(remove);
  layOut(dir, TREE);
  execFileSync('chown', ['1000:100', `${dir}/home`]);
  return dir;
}

const fileOf = (dir: string, text: string): Puttable => ({
  type: 'file',
  mode: 0o644,
  owner: dir === '/home' ? ownerOf(USERS) : ownerOf([0, 0]),
  content: digestOf(text),
});
const ownerOf = ([uid, gid]: readonly [number, number]): Owner => ({ uid, gid });

/** A program that has the file open. When told to, it writes a line and ends. */
async function opened(file: string, how: '>>' | '<'): Promise<{ readonly writes: () => Promise<void> }> {
  const script = `exec 3${how}"$1"; echo ready; read -r _; printf '${LATE.trim()}\\n' >&3`;
  const child: ChildProcess = spawn('sh', ['-c', script, 'sh', file], { stdio: ['pipe', 'pipe', 'ignore'] });
  const ended = once(child, 'close');
  cleanups.push(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  await once(child.stdout!, 'data');
  return {
    async writes() {
      child.stdin!.end('\n');
      await ended;
    },
  };
}

/** Returns the names of what was kept. */
const apply = (root: string, edit: Edit): readonly AbsPath[] => carryOut(realHost(absolute(root)), edit, BLOBS, TX);

describe.each(DIRECTORIES)('of %s', (dir) => {
  const path = absolute(`${dir}/f`);
  const before = fileOf(dir, OLD);
  const kept = `${path}.reflake-conflict-${TX}`;
  const REPLACED: Edit = { op: 'put', path, before, after: fileOf(dir, NEW) };
  const REMOVED: Edit = { op: 'put', path, before, after: ABSENT };

  test.each([
    ['replaced', REPLACED],
    ['removed', REMOVED],
  ] as const)('a file that is %s', async (_what, edit) => {
    const root = machine();
    const writer = await opened(root + path, '>>');
    expect(apply(root, edit)).toEqual([kept]);
    await writer.writes();
    expect(readFileSync(root + kept, 'utf8')).toBe(OLD + LATE);
  });

  test('but not what is only read', async () => {
    const root = machine();
    await opened(root + path, '<');
    expect(apply(root, REPLACED)).toEqual([]);
    expect(rowsOfDisk(root).filter((row) => row.includes('reflake'))).toEqual([]);
  });

  test('what was put, and is undone while somebody has it open', async () => {
    const root = machine();
    const work = realHost(absolute(root)).work([REPLACED], TX);
    work.prepare(BLOBS);
    work.publish(0);
    const writer = await opened(root + path, '>>');
    work.undo(0, BLOBS);
    expect(work.sweep()).toEqual([kept]);
    await writer.writes();
    expect(readFileSync(root + path, 'utf8')).toBe(OLD);
    expect(readFileSync(root + kept, 'utf8')).toBe(NEW + LATE);
  });
});

test('what a process holds open under a name too long to be told stops nobody', async () => {
  const { dir } = temporary();
  // Node's rm works with whole paths, which are too long here.
  cleanups.push(() => void execFileSync('rm', ['-rf', dir]));
  // Step by step, because no path of more than 4,096 bytes can be named at once.
  const script = `cd "$1"; d=$(printf 'd%.0s' $(seq 200)); for n in $(seq 25); do mkdir $d; cd -P $d; done
    exec 3> f; echo ready; read -r _`;
  const child = spawn('bash', ['-c', script, 'bash', dir], { stdio: ['pipe', 'pipe', 'ignore'] });
  const ended = once(child, 'close');
  cleanups.push(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  await once(child.stdout!, 'data');
  expect(() => readlinkSync(`/proc/${child.pid}/fd/3`)).toThrow(/ENAMETOOLONG/);
  const root = machine();
  const path = absolute('/etc/f');
  expect(apply(root, { op: 'put', path, before: fileOf('/etc', OLD), after: fileOf('/etc', NEW) })).toEqual([]);
  expect(readFileSync(root + path, 'utf8')).toBe(NEW);
});

test('of a tree that goes to another file system', async () => {
  const root = machine();
  try {
    execFileSync('mount', ['-t', 'tmpfs', 'none', `${root}/mnt`], { stdio: 'pipe' });
  } catch (thrown) {
    process.stderr.write(`not tried across file systems: nothing can be mounted here (${String(thrown)})\n`);
    return;
  }
  cleanups.push(() => void execFileSync('umount', [`${root}/mnt`]));
  const writer = await opened(`${root}/etc/tree/sub/f`, '>>');
  const edit: Edit = { op: 'move', from: absolute('/etc/tree'), to: absolute('/mnt/tree') };
  const kept = `/etc/tree.reflake-conflict-${TX}`;
  expect(apply(root, edit)).toEqual([kept]);
  await writer.writes();
  expect(readFileSync(`${root}${kept}/sub/f`, 'utf8')).toBe(OLD + LATE);
  expect(readFileSync(`${root}/mnt/tree/sub/f`, 'utf8')).toBe(OLD);
});
