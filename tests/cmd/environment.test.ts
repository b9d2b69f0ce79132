// Under sudo, variables of the caller's environment that make root load code are refused before any look.

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from '@jest/globals';

const PROGRAM = fileURLToPath(new URL('../../dist/reflake.cjs', import.meta.url));

beforeAll(() => {
  if (!existsSync(PROGRAM)) throw new Error('dist/reflake.cjs is not built: npm run build');
});

const reflake = (env: Record<string, string>) =>
  spawnSync(process.execPath, [PROGRAM, 'schema'], { encoding: 'utf8', env: { PATH: process.env.PATH, ...env } });

test.each([
  ['NODE_OPTIONS', '--no-warnings'],
  ['NODE_PATH', '/nowhere'],
  ['LD_LIBRARY_PATH', '/nowhere'],
])('%s', (name, value) => {
  const ran = reflake({ SUDO_UID: '1000', SUDO_GID: '100', SUDO_USER: 'srid', [name]: value });
  expect([ran.status, ran.stdout]).toEqual([64, '']);
  expect(ran.stderr).toMatch(new RegExp(`^error: ${name} is set.*sudo env -u ${name} reflake`));
  expect(reflake({ SUDO_UID: '1000', SUDO_GID: '100', SUDO_USER: 'srid', [name]: '' }).status).toBe(0);
  // Root without a caller, and an ordinary user, may set them.
  expect(reflake({ [name]: value }).status).toBe(0);
  expect(reflake({ SUDO_UID: '0', SUDO_GID: '0', SUDO_USER: 'root', [name]: value }).status).toBe(0);
});
