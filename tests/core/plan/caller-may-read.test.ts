// Text of files that the caller can't read is not told: judged by mode bits on the whole way, links included; every event goes
// without it.
import { describe, expect, test } from '@jest/globals';
import type { Diagnostic } from '../../../core/diagnostic.ts';
import type { Event } from '../../../core/event.ts';
import type { Edit, Entry, Plan, Puttable } from '../../../core/model.ts';
import { type AbsPath, absolute } from '../../../core/path.ts';
import {
  closedIn,
  discreet,
  discreetly,
  isReadable,
  mayReadOn,
  readableThen,
  SEES_ALL,
} from '../../../core/plan/caller-may-read.ts';
import { FACTS } from '../../support/faults.ts';
import { memoryHost } from '../../support/memory-host.ts';

const ROOT = { uid: 0, gid: 0 };
const dir = (mode: number, owner = ROOT): Entry => ({ type: 'dir', mode, owner });
const file = (mode: number, owner = ROOT): Entry => ({ type: 'file', mode, owner });
const link = (target: string): Entry => ({ type: 'link', target, owner: ROOT });
const SRID = { uid: 1000, gids: [100, 27] };

describe('by mode bits', () => {
  test.each<[string, Entry[], Entry, boolean]>([
    ['for all', [dir(0o755)], file(0o644), true],
    ['of root', [dir(0o755)], file(0o600), false],
    ['below a directory that is closed', [dir(0o755), dir(0o700), dir(0o755)], file(0o644), false],
    ['below one that may be passed, not listed', [dir(0o711)], file(0o644), true],
    ['a directory that may be passed, not listed', [], dir(0o711), false],
    ['by a second group', [dir(0o755)], file(0o640, { uid: 0, gid: 27 }), true],
    ['by no group of theirs', [dir(0o755)], file(0o640, { uid: 0, gid: 28 }), false],
    ['the group has less than others', [], file(0o604, { uid: 0, gid: 27 }), false],
    ['the owner has less than others', [], file(0o044, { uid: 1000, gid: 100 }), false],
    ['what is not there', [dir(0o755)], { type: 'absent' }, true],
    ['in a directory that is closed', [dir(0o700)], { type: 'absent' }, false],
  ])('%s', (_what, way, end, readable) => {
    expect(isReadable(way, end, SRID)).toBe(readable);
    expect(isReadable(way, end, { uid: 0, gids: [0] })).toBe(true);
  });
});

const MACHINE: Readonly<Record<string, Entry>> = {
  '/': dir(0o755),
  '/etc': dir(0o755),
  '/etc/open': file(0o644),
  '/etc/shadow': file(0o600),
  '/root': dir(0o700),
  '/root/file': file(0o644),
  '/etc/to-shadow': link('shadow'),
  '/etc/to-root': link('/root/file'),
  '/etc/through': link('/root'),
  '/etc/to-open': link('open'),
};
const asked: string[] = [];
const reader = {
  stat: (path: string): Entry => {
    asked.push(path);
    return MACHINE[path] ?? { type: 'absent' };
  },
};
const mayRead = mayReadOn(reader, SRID);

test.each([
  ['/etc/open', true],
  ['/etc/to-open', true],
  ['/etc/shadow', false],
  ['/etc/to-shadow', false],
  ['/etc/to-root', false],
  ['/etc/through/file', false],
  ['/root/file', false],
  ['/root/none', false],
])('on a machine: %s', (path, readable) => {
  expect(mayRead(absolute(path))).toBe(readable);
});

test('what can’t be looked at is closed', () => {
  const throwing = {
    stat: (): Entry => {
      throw new Error('EIO');
    },
  };
  expect(mayReadOn(throwing, SRID)(absolute('/etc/open'))).toBe(false);
});

const SECRET = 'root:$6$hunter2';
const at = { file: '/etc/shadow', line: 1, column: 1, endLine: 1, endColumn: 5 };
const leaking: Diagnostic = {
  severity: 'error',
  code: 'RF2005',
  summary: `unexpected "${SECRET}"`,
  expected: SECRET,
  hint: SECRET,
  snippet: SECRET,
  pointer: '/features',
  at,
};

test('a diagnostic says the place and the kind', () => {
  const said = discreet(leaking, mayRead);
  expect(JSON.stringify(said)).not.toContain('hunter2');
  expect(said).toMatchObject({ severity: 'error', code: 'RF2005', at, pointer: '/features', path: '/etc/shadow' });
  expect(said.summary).toContain('(withheld: only root can read /etc/shadow)');
  const open = { ...leaking, at: { ...at, file: '/etc/open' } };
  expect(discreet(open, mayRead)).toBe(open);
  const { at: _at, ...byPath } = { ...leaking, code: 'RF2008' as const, path: absolute('/etc/to-shadow') };
  expect(JSON.stringify(discreet(byPath, mayRead))).not.toContain('hunter2');
});

const planOf = (path: string, moved = false): Plan =>
  ({
    version: 2,
    id: 'sha256:0',
    spec: 'sha256:0',
    host: { name: 'nixos', system: 'x86_64-linux' },
    readSet: [],
    blobs: {},
    steps: [
      {
        provider: 'p',
        verdicts: [],
        findings: [
          {
            code: 'RF2103',
            wish: '/x',
            subject: 's',
            path,
            from: SECRET,
            to: SECRET,
            because: SECRET,
            remedy: { by: 'plan', action: 'change' },
          },
          {
            code: 'RF2008',
            wish: '/x',
            subject: 's',
            because: SECRET,
            evidence: [{ path, saw: SECRET }],
            at: { ...at, file: path },
            remedy: { by: 'paste', snippet: SECRET, hint: SECRET },
          },
          {
            code: 'RF2103',
            wish: '/x',
            subject: 'owner',
            path: '/etc/open',
            because: 'x',
            evidence: [{ path, saw: SECRET }],
            remedy: { by: 'plan', action: 'change' },
          },
        ],
        edits: moved ? [{ op: 'move', from: '/root', to: '/home/srid' }] : [],
      },
    ],
  }) as unknown as Plan;

test.each<[string, Event]>([
  ['planned', { type: 'planned', plan: planOf('/etc/shadow') }],
  ['planned, of what will be moved', { type: 'planned', plan: planOf('/home/srid/file', true) }],
  ['diagnostic', { type: 'diagnostic', diagnostic: leaking }],
  ['diagnostics', { type: 'diagnostics', diagnostics: [leaking] }],
  ['refused', { type: 'ended', exit: 1, outcome: { status: 'refused', cause: [leaking] } }],
  ['rolled back', { type: 'ended', exit: 4, outcome: { status: 'rolled-back', cause: [leaking] } }],
  ['stuck', { type: 'ended', exit: 4, outcome: { status: 'stuck', cause: [leaking], conflicts: [] } }],
])('an event: %s', (_what, event) => {
  const said: Event[] = [];
  discreetly(
    (one) => said.push(one),
    () => mayRead,
  )(event);
  expect(said).toHaveLength(1);
  expect(JSON.stringify(event)).toContain('hunter2');
  expect(JSON.stringify(said)).not.toContain('hunter2');
});

test('a plan that tells of a closed file', () => {
  expect(closedIn(planOf('/etc/shadow'), mayRead)).toBe('/etc/shadow');
  expect(closedIn(planOf('/home/srid/file', true), mayRead)).toBe('/home/srid/file');
  expect(closedIn(planOf('/etc/open'), mayRead)).toBeUndefined();
});

describe('the edits of a past apply', () => {
  const SRIDS = { uid: 1000, gid: 100 };
  const [OLD, TREE] = [absolute('/etc/nixos'), absolute('/home/srid/c')];
  const at = (name: string): AbsPath => absolute(`${TREE}/${name}`);
  const put = (path: AbsPath, before: Puttable, after: Puttable): Edit => ({ op: 'put', path, before, after });
  const ours = (mode: number): Puttable => ({ type: 'file', mode, owner: SRIDS });
  const roots = (mode: number): Puttable => ({ type: 'file', mode, owner: ROOT });
  const move: Edit = { op: 'move', from: OLD, to: TREE };
  const back: Edit = { op: 'move', from: TREE, to: OLD };
  const nothing: Puttable = { type: 'absent' };

  interface Case {
    readonly edits: readonly Edit[];
    readonly since?: readonly Edit[];
    /** The machine now, besides its directories that are open to all. */
    readonly now: Readonly<Record<string, Entry>>;
    readonly asked: AbsPath;
    readonly readable: boolean;
  }
  const there = { [TREE]: dir(0o755, SRIDS) };
  const closing = put(at('a'), ours(0o644), roots(0o600));
  test.each<[string, Case]>([
    [
      'open all the time',
      {
        edits: [put(at('a'), ours(0o644), ours(0o600))],
        now: { ...there, [at('a')]: ours(0o600) },
        asked: at('a'),
        readable: true,
      },
    ],
    [
      'closed before',
      {
        edits: [put(at('a'), roots(0o600), ours(0o644))],
        now: { ...there, [at('a')]: ours(0o644) },
        asked: at('a'),
        readable: false,
      },
    ],
    ['closed after', { edits: [closing], now: { ...there, [at('a')]: roots(0o600) }, asked: at('a'), readable: false }],
    [
      'closed after, and opened by a later apply',
      {
        edits: [closing],
        since: [put(at('a'), roots(0o600), ours(0o644))],
        now: { ...there, [at('a')]: ours(0o644) },
        asked: at('a'),
        readable: false,
      },
    ],
    ['closed after, and removed by hand', { edits: [closing], now: there, asked: at('a'), readable: false }],
    [
      'closed since, by hand',
      {
        edits: [put(at('a'), ours(0o644), ours(0o644))],
        now: { ...there, [at('a')]: roots(0o600) },
        asked: at('a'),
        readable: false,
      },
    ],
    [
      'made new, and open',
      {
        edits: [put(at('a'), nothing, ours(0o644))],
        now: { ...there, [at('a')]: ours(0o644) },
        asked: at('a'),
        readable: true,
      },
    ],
    [
      'moved out of an open directory',
      {
        edits: [move, put(at('a'), roots(0o644), ours(0o644))],
        now: { ...there, [at('a')]: ours(0o644) },
        asked: absolute(`${OLD}/a`),
        readable: true,
      },
    ],
    [
      'moved out of a closed directory',
      {
        edits: [
          move,
          put(TREE, { type: 'dir', mode: 0o700, owner: ROOT }, { type: 'dir', mode: 0o755, owner: SRIDS }),
          put(at('a'), roots(0o644), ours(0o644)),
        ],
        now: { ...there, [at('a')]: ours(0o644) },
        asked: absolute(`${OLD}/a`),
        readable: false,
      },
    ],
    [
      'moved, and moved back since into what was closed by hand',
      {
        edits: [move, put(at('a'), roots(0o644), ours(0o644))],
        since: [put(at('a'), ours(0o644), roots(0o644)), back],
        now: { [OLD]: dir(0o700), [`${OLD}/a`]: roots(0o644) },
        asked: absolute(`${OLD}/a`),
        readable: false,
      },
    ],
    [
      'moved, and moved back since',
      {
        edits: [move, put(at('a'), roots(0o644), ours(0o644))],
        since: [put(at('a'), ours(0o644), roots(0o644)), back],
        now: { [OLD]: dir(0o755), [`${OLD}/a`]: roots(0o644) },
        asked: absolute(`${OLD}/a`),
        readable: true,
      },
    ],
    [
      'with its whole directory gone by hand',
      { edits: [put(at('a'), ours(0o644), ours(0o600))], now: {}, asked: at('a'), readable: false },
    ],
  ])('%s', (_what, { edits, since = [], now, asked, readable }) => {
    const open = ['/', '/etc', '/home', '/home/srid'].map((path) => [absolute(path), { entry: dir(0o755) }] as const);
    const those = Object.entries(now).map(([path, entry]) => [absolute(path), { entry }] as const);
    const host = memoryHost(new Map([...open, ...those]), FACTS);
    expect(readableThen(host, edits, since, SRID)(asked)).toBe(readable);
    expect(readableThen(host, edits, since, { uid: 0, gids: [0] })).toBe(SEES_ALL);
  });
});
