// The users who can write a file, judged by the entries on the way to it.

import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type Trusted, trustOf, type Waypoint } from '../../../core/machine/file-trust.ts';

const CALLER = 1000;
const AUTHOR = 1001;
const THIRD = 1002;
const NIXBLD = 30_000;
const TRUSTED: Trusted = { caller: CALLER, isSafe: (gid) => gid === 0 || gid === NIXBLD };

type Row = readonly [type: Waypoint['type'], uid: number, mode: number, gid?: number, links?: number];

const wayOf = (rows: readonly Row[], top = '/p'): readonly Waypoint[] => [
  { path: '/', type: 'dir', uid: 0, gid: 0, mode: 0o755, links: 20 },
  ...rows.map(([type, uid, mode, gid = 0, links = 1], index) => ({
    path: `${top}${index}`,
    type,
    uid,
    gid,
    mode,
    links,
  })),
];

const HOME: Row = ['dir', CALLER, 0o700];

test.each<[about: string, rows: readonly Row[], caller: string, withAuthor: string]>([
  ['root’s', [['file', 0, 0o644]], 'whole', 'whole'],
  ['the caller’s, at home', [HOME, ['file', CALLER, 0o644]], 'whole', 'whole'],
  ['the author’s', [HOME, ['file', AUTHOR, 0o644]], 'owner', 'limited'],
  ['somebody else’s', [HOME, ['file', THIRD, 0o644]], 'owner', 'owner'],
  ['everybody can write it', [HOME, ['file', CALLER, 0o646]], 'everybody', 'everybody'],
  ['a group can write it', [HOME, ['file', CALLER, 0o664, 100]], 'group', 'group'],
  ['the group root can', [HOME, ['file', CALLER, 0o664, 0]], 'whole', 'whole'],
  [
    'root’s, in the author’s directory',
    [
      ['dir', AUTHOR, 0o755],
      ['file', 0, 0o644],
    ],
    'owner',
    'limited',
  ],
  [
    'in an open directory',
    [
      ['dir', 0, 0o777],
      ['file', 0, 0o644],
    ],
    'everybody',
    'everybody',
  ],
  [
    'in a directory that a group can write',
    [
      ['dir', 0, 0o775, 100],
      ['file', 0, 0o644],
    ],
    'group',
    'group',
  ],
  [
    'in /nix/store',
    [
      ['dir', 0, 0o1775, NIXBLD],
      ['file', 0, 0o444],
    ],
    'whole',
    'whole',
  ],
  [
    'in a sticky directory of root’s',
    [
      ['dir', 0, 0o1777],
      ['file', CALLER, 0o644],
    ],
    'whole',
    'whole',
  ],
  [
    'in a sticky one of the caller’s',
    [
      ['dir', CALLER, 0o1777],
      ['file', CALLER, 0o644],
    ],
    'everybody',
    'everybody',
  ],
  [
    'in a sticky one, with two names',
    [
      ['dir', 0, 0o1777],
      ['file', 0, 0o644, 0, 2],
    ],
    'names',
    'names',
  ],
  ['two names in a closed directory', [HOME, ['file', 0, 0o644, 0, 2]], 'whole', 'whole'],
  ['a link of root’s', [['link', 0, 0o777], HOME, ['file', CALLER, 0o644]], 'whole', 'whole'],
  ['a link of the author’s', [['link', AUTHOR, 0o777], HOME, ['file', CALLER, 0o644]], 'owner', 'limited'],
  [
    'a link of a third user’s',
    [
      ['dir', 0, 0o1777],
      ['link', THIRD, 0o777],
      ['file', 0, 0o644],
    ],
    'owner',
    'owner',
  ],
  [
    'a FIFO of somebody else’s',
    [
      ['dir', 0, 0o1777],
      ['other', THIRD, 0o644],
    ],
    'owner',
    'owner',
  ],
  ['nothing is there', [['absent', 0, 0]], 'whole', 'whole'],
  [
    'nothing is there, in an open directory',
    [
      ['dir', 0, 0o777],
      ['absent', 0, 0],
    ],
    'everybody',
    'everybody',
  ],
])('%s', (_about, rows, caller, withAuthor) => {
  const kindOf = (trusted: Trusted): string => {
    const trust = trustOf(wayOf(rows), trusted);
    return trust.kind === 'none' ? trust.doubt.kind : trust.kind;
  };
  expect(kindOf(TRUSTED)).toBe(caller);
  expect(kindOf({ ...TRUSTED, author: AUTHOR })).toBe(withAuthor);
});

test('what a process says is nobody’s word', () => {
  expect(trustOf(wayOf([['file', 0, 0o444]], '/proc/'), TRUSTED)).toMatchObject({
    kind: 'none',
    doubt: { kind: 'proc' },
  });
});

test('trusted is only a way on which nobody else could have changed anything', () => {
  const row = fc.tuple(
    fc.constantFrom<Waypoint['type']>('dir', 'link', 'file'),
    fc.constantFrom(0, CALLER, AUTHOR, THIRD),
    fc.constantFrom(0o644, 0o755, 0o775, 0o777, 0o1777, 0o1775),
    fc.constantFrom(0, NIXBLD, 100),
    fc.constantFrom(1, 2),
  );
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 5 }), fc.boolean(), (rows, hasAuthor) => {
      const way = wayOf(rows);
      const { kind } = trustOf(way, { ...TRUSTED, ...(hasAuthor && { author: AUTHOR }) });
      if (kind === 'none') return;
      const owners = kind === 'whole' ? [0, CALLER] : [0, CALLER, AUTHOR];
      for (const { type, uid, gid, mode } of way) {
        expect(owners).toContain(uid);
        const others = (mode & 0o002) !== 0 || ((mode & 0o020) !== 0 && gid === 100);
        if (type === 'file') expect(others).toBe(false);
        if (type === 'dir' && others) expect([uid, mode & 0o1000]).toEqual([0, 0o1000]);
      }
    }),
    { numRuns: 2000 },
  );
});
