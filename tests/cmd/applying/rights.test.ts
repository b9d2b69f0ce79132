// A command that needs root says so before it writes anything; to move another user's tree needs root too.
import { expect, test } from '@jest/globals';
import { missingRights } from '../../../cmd/applying/rights.ts';
import type { Edit, Entry, Owner } from '../../../core/model.ts';
import { absolute } from '../../../core/path.ts';

const ME: Owner = { uid: 1234, gid: 1234 };
const ROOT: Owner = { uid: 0, gid: 0 };
const host = { stat: (path: string): Entry => ({ type: 'dir', mode: 0o755, owner: path === '/mine' ? ME : ROOT }) };
const move = (from: string): Edit => ({ op: 'move', from: absolute(from), to: absolute('/to') });
const put = (owner: Owner): Edit => ({
  op: 'put',
  path: absolute('/x'),
  before: { type: 'absent' },
  after: { type: 'file', mode: 0o644, owner },
});

test.each<[string, Edit, boolean]>([
  ['a move of theirs', move('/theirs'), true],
  ['a move of mine', move('/mine'), false],
  ['a file for root', put(ROOT), true],
  ['a file of mine', put(ME), false],
])('%s', (_what, edit, needed) => {
  if (process.geteuid?.() !== 0) return;
  expect(missingRights([edit], host)).toBeUndefined();
  process.seteuid?.(ME.uid);
  try {
    expect(missingRights([edit], host)?.code).toBe(needed ? 'RF3013' : undefined);
  } finally {
    process.seteuid?.(0);
  }
});
