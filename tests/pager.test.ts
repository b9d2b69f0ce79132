// Long output on a terminal goes through the pager, and nothing else does; under sudo the pager has the caller's rights.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Machine, makeMachine } from './fixtures/machine.ts';

const PROGRAM = fileURLToPath(new URL('../dist/reflake.cjs', import.meta.url));
const MARK = 'sed s/^/PAGED:/';

/** At a terminal that script(1) makes, which is taken for one of 24 lines. */
function atTerminal(line: string, env: Readonly<Record<string, string>>, input = '') {
  const { status, stdout } = spawnSync('script', ['-qec', `${process.execPath} ${PROGRAM} ${line}`, '/dev/null'], {
    encoding: 'utf8',
    input,
    env: { PATH: process.env.PATH, HOME: '/root', TERM: 'xterm', ...env },
  });
  return { status, screen: stdout };
}

test.each([
  ['schema event', { PAGER: MARK }, true],
  ['explain', { PAGER: MARK }, true],
  ['help', { PAGER: MARK }, true],
  ['man plan', { PAGER: MARK }, true],
  ['explain RF1001', { PAGER: MARK }, false],
  ['schema event --no-pager', { PAGER: MARK }, false],
  ['help --no-pager', { PAGER: MARK }, false],
  ['schema event --format json', { PAGER: MARK }, false],
  ['schema event', { PAGER: '' }, false],
  ['schema event', { PAGER: 'cat' }, false],
  ['schema event', { PAGER: MARK, TERM: 'dumb' }, false],
  ['schema event', { PAGER: 'no-such-pager' }, false],
])('%s with %j', (line, env, isPaged) => {
  const { status, screen } = atTerminal(line, env);
  expect(status).toBe(0);
  expect(screen.includes('PAGED:')).toBe(isPaged);
  // Whatever the pager: all of it is shown.
  if (line.startsWith('schema')) expect(screen).toContain('urn:reflake:event:2');
});

test('problems stand in it too, in their place, and the exit code stays', () => {
  const { status, screen } = atTerminal('validate --spec /none.yaml', { PAGER: MARK });
  expect([status, screen]).toEqual([1, expect.stringContaining('RF1001')]);
});

test('a pipe is never paged', () => {
  const argv = ['-c', `"$0" "$1" schema event | cat`, process.execPath, PROGRAM];
  const env = { PATH: process.env.PATH, PAGER: MARK, TERM: 'xterm' };
  expect(spawnSync('sh', argv, { encoding: 'utf8', env }).stdout).not.toContain('PAGED:');
});

test('less is the default: it waits for a key, and whoever leaves it early has no error', () => {
  const { status, screen } = atTerminal('schema event', {}, 'q');
  expect(status).toBe(0);
  expect(screen).toContain('urn:reflake:event:2');
  expect(screen).not.toContain('"causes"');
});

let machine: Machine;
beforeAll(async () => {
  machine = await makeMachine({ kind: 'plain' });
});
afterAll(async () => await machine.remove());

test('under sudo it runs as the caller', async () => {
  const paged = (how: object) =>
    machine.sh(`PAGER='id -un; cat > /dev/null' TERM=xterm script -qec 'reflake schema event' /dev/null`, how);
  expect((await paged({ sudo: 'srid' })).stdout).toBe('srid\r\n');
  expect((await paged({ user: 'srid' })).stdout).toBe('srid\r\n');
  expect((await paged({})).stdout).toBe('root\r\n');
});
