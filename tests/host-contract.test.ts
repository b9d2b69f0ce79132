// One contract, two machines: the promises of a Host, tested on the one in memory and on the real disk below a
// temporary root. At the end are tests of what only a disk has (file systems, crashes, umask, names as bytes).

import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { digestOf } from '../core/canonical.ts';
import { type NarNode, narHash } from '../core/formats/nar/nar.ts';
import { realHost } from '../core/host/real-host.ts';
import { below } from '../core/machine/follow-links.ts';
import type { Blobs, Host } from '../core/machine/host.ts';
import type { Reader } from '../core/machine/reader.ts';
import { hashThrough } from '../core/machine/tree-hash.ts';
import { ABSENT, type Entry, type Move, type Put, type Puttable } from '../core/model.ts';
import { type AbsPath, absolute } from '../core/path.ts';
import { overlay } from '../core/plan/overlay.ts';
import { carryOut } from './support/carry-out.ts';
import { memoryHost } from './support/memory-host.ts';
import { type Literal, layOut, memoryTree, type Rows, rowsOfDisk, rowsOfMemory, temporary } from './support/trees.ts';

interface Subject {
  readonly host: Host;
  readonly rows: () => Rows;
  /** Only for the real disk. */
  readonly root: string;
}

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const clean of cleanups.splice(0).reverse()) clean();
});

const FACTS = { name: 'nixos', system: 'x86_64-linux', machineId: '' };

function inMemory(literal: Literal): Subject {
  const paths = memoryTree(literal);
  return { host: memoryHost(paths, FACTS), rows: () => rowsOfMemory(paths), root: '' };
}

function onDisk(literal: Literal): Subject {
  const { dir, remove } = temporary();
  cleanups.push(remove);
  layOut(dir, literal);
  return { host: realHost(absolute(dir)), rows: () => rowsOfDisk(dir), root: dir };
}

const p = (path: string): AbsPath => absolute(path);
const TX = 'f00d';
const ME = { uid: 0, gid: 0 };
const SRID = { uid: 1000, gid: 100 };
const text = (content: string): { readonly content: ReturnType<typeof digestOf>; readonly blobs: Blobs } => ({
  content: digestOf(content),
  blobs: { [digestOf(content)]: Buffer.from(content) },
});
/** The law of `entries`: it says the same as `list` and `stat`. */
function expectEntries(reader: Reader, path: AbsPath): void {
  const asked = reader.list(path).map((name) => ({ name, entry: reader.stat(below(path, name)) }));
  expect(reader.entries(path)).toEqual(asked);
}

const put = (path: string, before: Puttable, after: Puttable): Put => ({ op: 'put', path: p(path), before, after });
const read = (host: Host, path: string): string | undefined => {
  const bytes = host.read(p(path));
  return bytes && Buffer.from(bytes).toString();
};

const fileNode = (content: string, executable = false): NarNode => {
  const bytes = Buffer.from(content);
  return { type: 'file', executable, size: bytes.length, chunks: [bytes] };
};
const dirNode = (entries: Readonly<Record<string, NarNode>>): NarNode => ({
  type: 'dir',
  entries: () => Object.entries(entries).map(([name, node]) => [Buffer.from(name), node] as const),
});

describe.each([
  ['memory', inMemory],
  ['disk', onDisk],
] as const)('a host in %s', (_name, machine) => {
  describe('looks', () => {
    test('at entries: type, twelve mode bits, owner, target, other names', () => {
      const { host } = machine({
        '/f': { file: 'x', mode: '4750', owner: [1000, 100] },
        '/d': { dir: true, mode: '3771', owner: [1000, 0] },
        '/l': { link: '/nowhere', owner: [7, 8] },
        '/p': { other: 'fifo', mode: '0600' },
        '/one': 'shared',
        '/two': { hardLink: '/one' },
      });
      expect(host.stat(p('/f'))).toEqual({ type: 'file', mode: 0o4750, owner: SRID });
      expect(host.stat(p('/d'))).toEqual({ type: 'dir', mode: 0o3771, owner: { uid: 1000, gid: 0 } });
      expect(host.stat(p('/l'))).toEqual({ type: 'link', target: '/nowhere', owner: { uid: 7, gid: 8 } });
      expect(host.stat(p('/p'))).toEqual({ type: 'other', what: 'fifo', mode: 0o600, owner: ME });
      expect(host.stat(p('/one'))).toMatchObject({ hardLinked: true });
      expect(host.stat(p('/two'))).toMatchObject({ hardLinked: true });
      expect(host.stat(p('/f'))).not.toHaveProperty('content');
      expect(host.stat(p('/'))).toEqual({ type: 'dir', mode: 0o755, owner: ME });
      expect(host.stat(p('/none'))).toEqual(ABSENT);
      expect(host.stat(p('/f/below'))).toEqual(ABSENT);
    });

    test('at bytes of regular files only', () => {
      const { host } = machine({ '/f': 'x', '/d': { dir: true }, '/l': { link: '/f' }, '/p': { other: 'fifo' } });
      expect(read(host, '/f')).toBe('x');
      for (const path of ['/d', '/l', '/p', '/none', '/f/below']) expect(host.read(p(path))).toBeUndefined();
    });

    test('at names in byte order, and never through a link', () => {
      const { host } = machine({
        '/d/b': '',
        '/d/a': '',
        '/d/é': '',
        '/d/\u{1F600}': '',
        '/d/｡': '',
        '/l': { link: '/d' },
      });
      expect(host.list(p('/d'))).toEqual(['a', 'b', 'é', '｡', '\u{1F600}']);
      for (const path of ['/l', '/d/a', '/none', '/none/at/all']) expect(host.list(p(path))).toEqual([]);
      expect(host.list(p('/'))).toEqual(['d', 'l']);
      for (const path of ['/', '/d', '/l', '/d/a', '/none']) expectEntries(host, p(path));
    });

    test('at when a file was written, in whole seconds', () => {
      const { host } = machine({ '/f': 'x' });
      expect(Number.isInteger(host.writtenAt(p('/f')))).toBe(true);
      expect(host.writtenAt(p('/none'))).toBeUndefined();
    });
  });

  describe('hashes', () => {
    const TREE: Literal = {
      '/t/a': 'x',
      '/t/b': { file: 'y', mode: '0744', owner: [1000, 100] },
      '/t/c': { file: '', mode: '0611' },
      '/t/d/é': 'z',
      '/t/e': { dir: true, mode: '0700' },
      '/t/l': { link: 'd/no/such' },
      '/s': { link: 't' },
      '/into': { link: 't/d' },
      '/p/q': { other: 'fifo' },
      '/broken': { link: 'none' },
    };
    const d = dirNode({ é: fileNode('z') });
    const t = dirNode({
      a: fileNode('x'),
      b: fileNode('y', true),
      c: fileNode(''),
      d,
      e: dirNode({}),
      l: { type: 'link', target: Buffer.from('d/no/such') },
    });

    test.each([
      ['a tree', '/t', t],
      ['a file', '/t/a', fileNode('x')],
      ['a file that its owner may run', '/t/b', fileNode('y', true)],
      ['one that only others may', '/t/c', fileNode('')],
      ['an empty directory', '/t/e', dirNode({})],
      ['a link, and not what it leads to', '/s', { type: 'link', target: Buffer.from('t') }],
      ['what is behind a link in the parents', '/s/d', d],
      ['a file behind one', '/into/é', fileNode('z')],
    ] as const)('%s', (_what, path, node) => {
      const { host } = machine(TREE);
      expect(host.treeHash(p(path))).toBe(narHash(node));
    });

    test('the whole machine', () => {
      const { host } = machine({ '/a': 'x' });
      expect(host.treeHash(p('/'))).toBe(narHash(dirNode({ a: fileNode('x') })));
    });

    test('nothing where nothing is', () => {
      const { host } = machine(TREE);
      for (const path of ['/none', '/none/at/all', '/t/a/b', '/broken/x'])
        expect(host.treeHash(p(path))).toBeUndefined();
    });

    test('no socket, FIFO or device, and says where', () => {
      const { host } = machine(TREE);
      const refusal = (message: string) => expect.objectContaining({ code: 'NAR_UNSUPPORTED', message });
      expect(() => host.treeHash(p('/p'))).toThrow(refusal("'q' has an unsupported type"));
      expect(() => host.treeHash(p('/p/q'))).toThrow(refusal("'.' has an unsupported type"));
    });

    test('63 levels, and not 64', () => {
      const deep = (levels: number) => machine({ [`/t${'/d'.repeat(levels)}`]: 'x' }).host;
      expect(deep(63).treeHash(p('/t'))).toMatch(/^sha256-/);
      expect(() => deep(64).treeHash(p('/t'))).toThrow(expect.objectContaining({ code: 'NAR_TOO_DEEP' }));
    });

    test('names of every kind in the order of their bytes, below a name that is no text too', () => {
      const names = ['a', '｡', '\u{1F600}', 'é\udcff', '\udcfe', '\ufffd', 'a\nb', 'n'.repeat(255)];
      const { host } = machine(Object.fromEntries(names.map((name) => [`/x\udc80/${name}/f`, name])));
      for (const path of ['/x\udc80', '/x\udc80/é\udcff', '/x\udc80/\ufffd'])
        expect(host.treeHash(p(path))).toBe(hashThrough(host, p(path)));
    });

    test('what is there now, and the same tree under another name', () => {
      const { host } = machine(TREE);
      const before = host.treeHash(p('/t'));
      const { content, blobs } = text('new');
      carryOut(host, put('/t/n', ABSENT, { type: 'file', content, mode: 0o644, owner: ME }), blobs);
      expect(host.treeHash(p('/t'))).not.toBe(before);
      carryOut(host, put('/t/n', { type: 'file', content, mode: 0o644, owner: ME }, ABSENT), blobs);
      carryOut(host, { op: 'move', from: p('/t'), to: p('/u') }, {});
      expect(host.treeHash(p('/u'))).toBe(before);
      expect(host.treeHash(p('/t'))).toBeUndefined();
    });
  });

  describe('follows links in parents as the machine would', () => {
    const LINKS: Literal = {
      '/a/b/c': 'deep',
      '/a/x': 'beside',
      '/x': 'top',
      '/abs': { link: '/a/b' },
      '/rel': { link: 'a/b' },
      '/a/up': { link: '../a/b' },
      '/far': { link: '../../../../a/b' },
      '/chain': { link: 'abs' },
      '/turn': { link: 'abs/../x-dir' },
      '/a/x-dir/f': 'behind the turn',
      '/x-dir/f': 'what a reading of the text would find',
      '/loop': { link: 'pool' },
      '/pool': { link: 'loop' },
      '/self': { link: 'self/self' },
      '/dangling': { link: 'no/such' },
      '/file-as-dir': { link: 'x' },
      '/dots': { link: './/a/./b/' },
    };
    test.each([
      ['/abs/c', 'deep'],
      ['/rel/c', 'deep'],
      ['/a/up/c', 'deep'],
      ['/far/c', 'deep'],
      ['/chain/c', 'deep'],
      ['/dots/c', 'deep'],
      ['/turn/f', 'behind the turn'],
      ['/loop/c', undefined],
      ['/self/c', undefined],
      ['/dangling/c', undefined],
      ['/file-as-dir/c', undefined],
    ])('%s', (path, found) => {
      const { host } = machine(LINKS);
      expect(read(host, path)).toBe(found);
      expect(host.stat(p(path)).type).toBe(found === undefined ? 'absent' : 'file');
    });

    test('writes arrive where looks do, and a missing parent is an error', () => {
      const { host } = machine(LINKS);
      const { content, blobs } = text('new');
      carryOut(host, put('/turn/n', ABSENT, { type: 'file', content, mode: 0o644, owner: ME }), blobs);
      expect(read(host, '/a/x-dir/n')).toBe('new');
      for (const path of ['/loop/n', '/dangling/n', '/file-as-dir/n', '/none/n'])
        expect(() =>
          carryOut(host, put(path, ABSENT, { type: 'file', content, mode: 0o644, owner: ME }), blobs),
        ).toThrow();
    });

    test('forty links in a row, and not many more', () => {
      const chain = (length: number): Literal =>
        Object.fromEntries([
          ['/end/f', 'found'],
          ...Array.from({ length }, (_, at) => [`/l${at}`, { link: at + 1 === length ? 'end' : `l${at + 1}` }]),
        ]);
      expect(read(machine(chain(30)).host, '/l0/f')).toBe('found');
      expect(read(machine(chain(60)).host, '/l0/f')).toBeUndefined();
    });
  });

  describe('puts', () => {
    const old = text('old');
    const next = text('new');
    const blobs: Blobs = { ...old.blobs, ...next.blobs };
    const file = (content: typeof old.content | undefined, mode: number, owner = ME): Puttable =>
      content === undefined ? { type: 'file', mode, owner } : { type: 'file', content, mode, owner };
    const dir = (mode: number, owner = ME): Puttable => ({ type: 'dir', mode, owner });
    const link = (target: string, owner = ME): Puttable => ({ type: 'link', target, owner });
    const leaf = (entry: Puttable): Literal => {
      if (entry.type === 'absent') return {};
      const owner = [entry.owner.uid, entry.owner.gid] as const;
      if (entry.type === 'link') return { '/t/x': { link: entry.target, owner } };
      const mode = entry.mode.toString(8);
      return { '/t/x': entry.type === 'dir' ? { dir: true, mode, owner } : { file: 'old', mode, owner } };
    };
    const KINDS: readonly (readonly [string, Puttable, Puttable])[] = [
      ['a file is born', ABSENT, file(next.content, 0o640, SRID)],
      ['a file with set-id and sticky bits is born', ABSENT, file(next.content, 0o7751, SRID)],
      ['a file goes', file(old.content, 0o644), ABSENT],
      ['a file gets other bytes', file(old.content, 0o600, SRID), file(next.content, 0o600, SRID)],
      ['a file gets all of it anew', file(old.content, 0o600, SRID), file(next.content, 0o6755, ME)],
      ['a file keeps its bytes', file(undefined, 0o600), file(undefined, 0o644, SRID)],
      ['a file keeps its bytes and its set-id bits', file(undefined, 0o6755), file(undefined, 0o6755, SRID)],
      ['a directory is born', ABSENT, dir(0o3770, SRID)],
      ['a directory goes', dir(0o700), ABSENT],
      ['a directory changes hands', dir(0o2755), dir(0o2750, SRID)],
      ['a link is born', ABSENT, link('../anywhere', SRID)],
      ['a link goes', link('a'), ABSENT],
      ['a link leads elsewhere', link('a'), link('b', SRID)],
      ['a link changes hands', link('a'), link('a', SRID)],
      ['a link becomes a file', link('a'), file(next.content, 0o644)],
      ['a file becomes a link', file(old.content, 0o644), link('a')],
    ];
    test.each(KINDS)('%s, and back', (_what, before, after) => {
      const { host, rows } = machine({ '/t': { dir: true }, ...leaf(before) });
      const started = rows();
      carryOut(host, put('/t/x', before, after), blobs);
      const { content: wanted, ...bare } = after as Extract<Entry, { type: 'file' }>;
      expect(host.stat(p('/t/x'))).toEqual(bare);
      if (after.type === 'file') expect(read(host, '/t/x')).toBe(wanted === next.content ? 'new' : 'old');
      carryOut(host, put('/t/x', after, before), blobs);
      expect(rows()).toEqual(started);
    });

    const REFUSED: readonly (readonly [string, Literal, Put])[] = [
      ['a birth where something is', { '/t/x': 'old' }, put('/t/x', ABSENT, file(next.content, 0o644))],
      ['a link over something', { '/t/x': 'old' }, put('/t/x', ABSENT, link('a'))],
      ['a directory where one is', { '/t/x': { dir: true } }, put('/t/x', ABSENT, dir(0o755))],
      ['a file over a directory', { '/t/x/y': '' }, put('/t/x', dir(0o755), file(next.content, 0o644))],
      ['a link over a directory', { '/t/x/y': '' }, put('/t/x', dir(0o755), link('a'))],
      ['a directory over a file', { '/t/x': 'old' }, put('/t/x', file(old.content, 0o644), dir(0o755))],
      ['the end of a directory that is not empty', { '/t/x/y': '' }, put('/t/x', dir(0o755), ABSENT)],
      ['the end of what is not there', { '/t': { dir: true } }, put('/t/x', file(old.content, 0o644), ABSENT)],
      ['bytes that nobody has', { '/t': { dir: true } }, put('/t/x', ABSENT, file(digestOf('lost'), 0o644))],
      ['a file of no bytes at all', { '/t': { dir: true } }, put('/t/x', ABSENT, file(undefined, 0o644))],
      ['metadata of another kind', { '/t/x': 'old' }, put('/t/x', dir(0o755), dir(0o700))],
    ];
    test.each(REFUSED)('refuses %s', (_what, literal, edit) => {
      const { host, rows } = machine(literal);
      const started = rows();
      expect(() => carryOut(host, edit, blobs)).toThrow();
      expect(rows()).toEqual(started);
    });
  });

  describe('moves', () => {
    const TREE: Literal = {
      '/etc/nixos/a.nix': { file: 'a', mode: '0640', owner: [1000, 100] },
      '/etc/nixos/sub/b': { file: 'b', mode: '4711' },
      '/etc/nixos/sub/l': { link: '../a.nix', owner: [1000, 100] },
      '/etc/nixos/empty': { dir: true, mode: '2770' },
      '/home/srid': { dir: true, owner: [1000, 100] },
    };
    const edit: Move = { op: 'move', from: p('/etc/nixos'), to: p('/home/srid/c') };

    test('a whole tree, and back', () => {
      const { host, rows } = machine(TREE);
      const started = rows();
      carryOut(host, edit, {});
      expect(host.stat(edit.from)).toEqual(ABSENT);
      expect(rows()).toEqual(
        started.map((row) => row.replace(/^\/etc\/nixos/, '/home/srid/c')).sort((a, b) => (a < b ? -1 : 1)),
      );
      carryOut(host, { op: 'move', from: edit.to, to: edit.from }, {});
      expect(rows()).toEqual(started);
    });

    test('a single file, a link', () => {
      const { host } = machine({ '/f': 'x', '/l': { link: 'f' } });
      carryOut(host, { op: 'move', from: p('/f'), to: p('/g') }, {});
      carryOut(host, { op: 'move', from: p('/l'), to: p('/m') }, {});
      expect(read(host, '/g')).toBe('x');
      expect(host.stat(p('/m'))).toMatchObject({ type: 'link', target: 'f' });
    });

    test.each([
      ['onto something', { op: 'move', from: p('/etc/nixos'), to: p('/home/srid') }],
      ['of nothing', { op: 'move', from: p('/etc/none'), to: p('/home/srid/c') }],
      ['into itself', { op: 'move', from: p('/etc/nixos'), to: p('/etc/nixos/sub/deeper') }],
      ['to where no directory is', { op: 'move', from: p('/etc/nixos'), to: p('/none/c') }],
    ] as const)('refuses a move %s', (_what, wrong) => {
      const { host, rows } = machine(TREE);
      const started = rows();
      expect(() => carryOut(host, wrong, {})).toThrow();
      expect(rows()).toEqual(started);
    });

    test('undoes nothing where the new parent was never made', () => {
      const { host, rows } = machine(TREE);
      const started = rows();
      const work = host.work([{ ...edit, to: p('/home/srid/not/made/c') }], TX);
      expect(work.isOurs(0)).toBe(false);
      expect(work.undo(0, {})).toEqual({ changed: false, kept: [] });
      expect(work.sweep()).toEqual([]);
      expect(rows()).toEqual(started);
    });
  });

  test('names of every kind survive: newline, invalid UTF-8, spaces, 255 bytes, leading dash', () => {
    const names = [
      'a\nb',
      'fe\udcfe\udc0a'.replace('\udc0a', '\n'),
      ' x ',
      'n'.repeat(255),
      '-rf',
      'é\udcff',
      '\\',
      '\ufffd',
    ];
    const { host, rows } = machine({ '/d': { dir: true } });
    const { content, blobs } = text('x');
    for (const name of names)
      carryOut(host, put(`/d/${name}`, ABSENT, { type: 'file', content, mode: 0o644, owner: ME }), blobs);
    expect(new Set(host.list(p('/d')))).toEqual(new Set(names));
    carryOut(host, { op: 'move', from: p('/d'), to: p('/e') }, {});
    for (const name of names) expect(read(host, `/e/${name}`)).toBe('x');
    carryOut(host, { op: 'move', from: p('/e'), to: p('/d') }, {});
    for (const name of names)
      carryOut(host, put(`/d/${name}`, { type: 'file', content, mode: 0o644, owner: ME }, ABSENT), blobs);
    expect(rows()).toHaveLength(1);
  });
});

describe('memory and disk agree', () => {
  const NAMES = ['a', 'b', 'c'];
  const path = fc
    .array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 3 })
    .map((names) => `/${names.join('/')}`);
  const owner = fc.constantFrom(ME, SRID);
  const mode = fc.constantFrom(0o644, 0o755, 0o2750, 0o4711, 0o1777, 0o600);
  const bodies = ['one', 'two'];
  const blobs: Blobs = Object.assign({}, ...bodies.map((body) => text(body).blobs));
  const entry: fc.Arbitrary<Puttable> = fc.oneof(
    fc.constant(ABSENT),
    fc.record({ type: fc.constant('dir' as const), mode, owner }),
    fc.record({ type: fc.constant('file' as const), mode, owner, content: fc.constantFrom(...bodies.map(digestOf)) }),
    fc.record({ type: fc.constant('file' as const), mode, owner }),
    fc.record({
      type: fc.constant('link' as const),
      target: fc.constantFrom('a', '../b', '/c', 'a/../c', '/a/b', '..'),
      owner,
    }),
  );
  const operation = fc.oneof(
    { weight: 3, arbitrary: fc.record({ op: fc.constant('put' as const), path, after: entry }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('move' as const), from: path, to: path }) },
  );

  test('on what any list of edits leads to, refusals included', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 14 }), (operations) => {
        const [memory, disk] = [inMemory({ '/a/b': 'x' }), onDisk({ '/a/b': 'x' })];
        const stage = overlay(inMemory({ '/a/b': 'x' }).host);
        // The overlay does not follow links that are only planned.
        let hasLinks = false;
        for (const one of operations) {
          const edit: Put | Move =
            one.op === 'move'
              ? { op: 'move', from: p(one.from), to: p(one.to) }
              : put(one.path, memory.host.stat(p(one.path)) as Puttable, one.after);
          const verdicts = [memory, disk].map(({ host }) => {
            try {
              carryOut(host, edit, blobs);
              return 'done';
            } catch {
              return 'refused';
            }
          });
          expect(verdicts[0]).toBe(verdicts[1]);
          if (verdicts[0] === 'done') stage.apply(edit, blobs);
          hasLinks ||= one.op === 'put' && one.after.type === 'link';
          expect(memory.rows()).toEqual(disk.rows());
          for (const name of ['/a/a', '/b/a', '/c/b/a']) {
            expect(memory.host.stat(p(name))).toEqual(disk.host.stat(p(name)));
            expect(memory.host.list(p(name))).toEqual(disk.host.list(p(name)));
            expect(memory.host.treeHash(p(name))).toEqual(disk.host.treeHash(p(name)));
            expect(disk.host.treeHash(p(name))).toEqual(hashThrough(disk.host, p(name)));
            for (const { host } of [memory, disk]) expectEntries(host, p(name));
            // An overlay shows beforehand what the edits lead to.
            if (hasLinks) continue;
            expect(stage.stat(p(name))).toEqual(disk.host.stat(p(name)));
            expect(stage.list(p(name))).toEqual(disk.host.list(p(name)));
            expectEntries(stage, p(name));
          }
        }
        for (const clean of cleanups.splice(0)) clean();
      }),
      { numRuns: Number(process.env.RUNS ?? 60) },
    );
  });
});

describe('the disk', () => {
  test('a root that is not there is an empty machine, and ends whoever climbs up to it', () => {
    const { dir, remove } = temporary();
    remove();
    const host = realHost(absolute(`${dir}/none`));
    expect(host.stat(p('/')).type).toBe('dir');
    expect(host.list(p('/'))).toEqual([]);
    expect(host.stat(p('/etc'))).toEqual(ABSENT);
  });

  test.each([0o077, 0o000])('modes do not depend on the umask (%s)', (mask) => {
    const { host, rows } = onDisk({ '/d': { dir: true } });
    const { content, blobs } = text('x');
    const before = process.umask(mask);
    try {
      carryOut(host, put('/d/f', ABSENT, { type: 'file', content, mode: 0o664, owner: ME }), blobs);
      carryOut(host, put('/d/e', ABSENT, { type: 'dir', mode: 0o2775, owner: SRID }), blobs);
    } finally {
      process.umask(before);
    }
    expect(rows().map((row) => row.split('\t')[1]!.split(' ').slice(0, 3).join(' '))).toEqual([
      'dir 0755 0:0',
      'dir 2775 1000:100',
      'file 0664 0:0',
    ]);
  });

  test('a put leaves nothing else beside its target, whatever happens', () => {
    const { host, root } = onDisk({ '/d/x/y': '' });
    const { content, blobs } = text('x');
    const over = put(
      '/d/x',
      { type: 'dir', mode: 0o755, owner: ME },
      { type: 'file', content, mode: 0o644, owner: ME },
    );
    expect(() => carryOut(host, over, blobs)).toThrow();
    expect(readdirSync(`${root}/d`)).toEqual(['x']);
  });

  test('no link leads out of the root: not to read, not to list, not to write', () => {
    const outside = temporary();
    cleanups.push(outside.remove);
    writeFileSync(`${outside.dir}/secret`, 'secret');
    const ways: Literal = {
      '/abs': { link: outside.dir },
      '/rel': { link: `../../../../../../../..${outside.dir}` },
      '/d/deep': { link: `../../../../../../..${outside.dir}` },
      '/list': { link: outside.dir },
    };
    const { host } = onDisk(ways);
    const { content, blobs } = text('x');
    for (const way of ['/abs', '/rel', '/d/deep']) {
      expect(host.read(p(`${way}/secret`))).toBeUndefined();
      expect(host.list(p(way))).toEqual([]);
      expect(host.treeHash(p(`${way}/secret`))).toBeUndefined();
      expect(() =>
        carryOut(host, put(`${way}/n`, ABSENT, { type: 'file', content, mode: 0o644, owner: ME }), blobs),
      ).toThrow();
      expect(() => carryOut(host, { op: 'move', from: p(`${way}/secret`), to: p('/stolen') }, {})).toThrow();
    }
    expect(readdirSync(outside.dir)).toEqual(['secret']);
  });

  test('what a transaction has out of sight is in no hash', () => {
    const { host, root } = onDisk({ '/d/a': 'x', '/d/.reflake-more': 'ours is only .reflake- and hex digits' });
    const before = host.treeHash(p('/d'));
    expect(before).toBe(hashThrough(host, p('/d')));
    mkdirSync(`${root}/d/.reflake-f00d`);
    writeFileSync(`${root}/d/.reflake-f00d/a`, 'x');
    expect(host.treeHash(p('/d'))).toBe(before);
    writeFileSync(Buffer.from(`${root}/d/\xff`, 'latin1'), 'x');
    expect(host.treeHash(p('/d'))).not.toBe(before);
    expect(host.treeHash(p('/d'))).toBe(hashThrough(host, p('/d')));
  });

  test('a part of a tree without rights is named, as it is called on the machine', () => {
    if (process.geteuid?.() !== 0) return;
    const { host } = onDisk({
      '/d/sub/closed': { file: 'x', mode: '0600' },
      '/e/closed/f': '',
      '/e/closed': { dir: true, mode: '0700' },
      '/l': { link: 'd' },
    });
    process.seteuid?.(1234);
    try {
      const refusal = (path: string) => expect.objectContaining({ path, why: 'permission denied' });
      expect(() => host.treeHash(p('/d'))).toThrow(refusal('/d/sub/closed'));
      expect(() => host.treeHash(p('/l/sub'))).toThrow(refusal('/l/sub/closed'));
      expect(() => host.treeHash(p('/e'))).toThrow(refusal('/e/closed'));
      expect(() => host.treeHash(p('/e/closed/f'))).toThrow(refusal('/e/closed/f'));
    } finally {
      process.seteuid?.(0);
    }
  });

  test('a directory that becomes a link between two looks is seen after a refresh', () => {
    const outside = temporary();
    cleanups.push(outside.remove);
    writeFileSync(`${outside.dir}/f`, 'outside');
    const { host, root } = onDisk({ '/d/f': 'inside' });
    expect(read(host, '/d/f')).toBe('inside');
    execFileSync('sh', ['-c', `mv ${root}/d ${root}/e && ln -s ${outside.dir} ${root}/d`]);
    host.refresh();
    expect(read(host, '/d/f')).toBeUndefined();
  });
});
