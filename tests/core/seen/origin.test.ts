// Where a difference comes from, judged from what an apply granted and wrote, the wish and the file of today: each cause, and what is
// not known says why.

import { describe, expect, test } from '@jest/globals';
import { digestOf } from '../../../core/canonical.ts';
import type { JsonPointer } from '../../../core/diagnostic.ts';
import type { Digest, Edit, Finding, Puttable } from '../../../core/model.ts';
import { type AbsPath, absolute } from '../../../core/path.ts';
import { type Ground, originOf } from '../../../core/seen/origin.ts';
import type { Standing } from '../../../core/seen/past.ts';
import { memoryHost, type Paths } from '../../support/memory-host.ts';

const PATH = absolute('/f');
const WISH: JsonPointer = '/features';
const [OLD, NEW] = [digestOf('old'), digestOf('new')];
const ROOTS = { uid: 0, gid: 0 };
const FINDING: Finding = {
  code: 'RF2104',
  wish: WISH,
  subject: 'features',
  path: PATH,
  because: 'x',
  remedy: { by: 'you', hint: '' },
};
const fileOf = (content: Digest): Puttable => ({ type: 'file', content, mode: 0o644, owner: ROOTS });
const wrote = (content: Digest): Edit => ({
  op: 'put',
  path: PATH,
  before: { type: 'absent' },
  after: fileOf(content),
});
const apply = (wishes: Standing['transaction']['wishes'], edits: readonly Edit[] = []): Standing => ({
  number: 3,
  finishedAt: '2026-11-01T00:00:00Z',
  by: 'srid',
  transaction: { batches: [edits], ...(wishes && { wishes }) },
});

/** A machine whose file has the text; `writtenAt` in seconds since 1970. */
function ground(
  applies: readonly Standing[],
  more: { unknown?: string; text?: string; writtenAt?: number } = {},
): Ground {
  const { text = 'old', writtenAt, unknown } = more;
  const bytes = Buffer.from(text);
  const paths: Paths = new Map([[PATH, { entry: { type: 'file', mode: 0o644, owner: ROOTS }, bytes }]]);
  const host = memoryHost(paths, { name: 'n', system: 'x86_64-linux', machineId: '' });
  return {
    reader: { ...host, writtenAt: () => writtenAt },
    past: { applies, ...(unknown !== undefined && { unknown }) },
    asked: { [WISH]: OLD },
    userName: (uid) => (uid === 0 ? 'root' : String(uid)),
  };
}
const causeOf = (...given: Parameters<typeof ground>): string => originOf(FINDING, [WISH], ground(...given)).cause;
const SAME = { [WISH]: OLD };
const OTHER = { [WISH]: NEW };
const AFTER = Date.parse('2026-11-02T00:00:00Z') / 1000;

describe('the cause', () => {
  const CAUSES: readonly (readonly [string, string, Parameters<typeof ground>])[] = [
    ['never applied', 'no apply at all', [[]]],
    ['never applied', 'an apply granted another wish', [[apply({ '/host/name': OLD })]]],
    ['spec', 'another wish, the file as it was left', [[apply(OTHER, [wrote(OLD)])]]],
    ['spec', 'another wish, of a file that was not written', [[apply(OTHER)]]],
    ['machine', 'another file than was written', [[apply(SAME, [wrote(NEW)])]]],
    ['machine', 'a file that was written later', [[apply(SAME)], { writtenAt: AFTER }]],
    ['both', 'another wish and another file', [[apply(OTHER, [wrote(NEW)])]]],
    ['both', 'another wish and a later file', [[apply(OTHER)], { writtenAt: AFTER }]],
    ['neither', 'the same wish and the same file', [[apply(SAME, [wrote(OLD)])]]],
    ['unknown', 'nothing tells of the file', [[apply(SAME)]]],
    ['unknown', 'a file older than the apply', [[apply(SAME)], { writtenAt: AFTER - 10 * 86_400 }]],
    ['unknown', 'an old record', [[apply(undefined)]]],
    ['unknown', 'records that are closed', [[], { unknown: 'only root can look' }]],
  ];
  test.each(CAUSES)('%s: %s', (cause, _, given) => {
    expect(causeOf(...given)).toBe(cause);
  });

  test('the newest apply that granted the wish counts, and the last write of the file', () => {
    const later = { ...apply({ '/host/name': OLD }, [wrote(OLD)]), number: 4 };
    const origin = originOf(FINDING, [WISH], ground([apply(OTHER, [wrote(NEW)]), later]));
    expect(origin).toMatchObject({ cause: 'spec', apply: { number: 3, by: 'srid' } });
  });

  test('another mode or owner is another file', () => {
    const private_: Edit = {
      op: 'put',
      path: PATH,
      before: { type: 'absent' },
      after: { type: 'file', mode: 0o600, owner: ROOTS },
    };
    expect(causeOf([apply(SAME, [private_])])).toBe('machine');
  });
});

test('the file: its owner, its last change; a link into the store by its end', () => {
  expect(originOf(FINDING, [WISH], ground([], { writtenAt: AFTER })).file).toEqual({
    path: PATH,
    owner: 'root',
    writtenAt: '2026-11-02T00:00:00Z',
  });
  const STORE = absolute('/nix/store/abc-etc');
  const dir = { entry: { type: 'dir', mode: 0o755, owner: ROOTS } } as const;
  const paths: Paths = new Map<AbsPath, Paths extends ReadonlyMap<AbsPath, infer Leaf> ? Leaf : never>([
    [absolute('/nix'), dir],
    [absolute('/nix/store'), dir],
    [STORE, { entry: { type: 'file', mode: 0o444, owner: ROOTS }, bytes: Buffer.from('') }],
    [PATH, { entry: { type: 'link', target: STORE, owner: ROOTS } }],
  ]);
  const reader = memoryHost(paths, { name: 'n', system: 'x86_64-linux', machineId: '' });
  expect(originOf(FINDING, [WISH], { ...ground([]), reader }).file?.store).toBe(STORE);
});
