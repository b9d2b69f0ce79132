// Who walks a tree visits the same whoever helps: with an answer, without one, without help.

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Named, Reader } from '../../core/host/host.ts';
import type { Entry } from '../../core/model.ts';
import { type AbsPath, absolute, ROOT } from '../../core/path.ts';
import { type Help, pack, unpack, walkThrough } from '../../core/tree-walk.ts';

const OWNER = { uid: 1, gid: 2 };
const DIR: Entry = { type: 'dir', mode: 0o755, owner: OWNER };
const FILE: Entry = { type: 'file', mode: 0o644, owner: OWNER };
const LINK: Entry = { type: 'link', target: 'x', owner: OWNER };

/** Directories below `/`, each with that many files. */
const treeOf = (directories: number, files: number): Reader['entries'] => {
  const inside = Array.from({ length: files }, (_, n): Named => ({ name: `f${n}`, entry: n % 7 ? FILE : LINK }));
  const top = Array.from({ length: directories }, (_, n): Named => ({ name: `d${n}`, entry: DIR }));
  return (path) => (path === ROOT ? top : path.endsWith('/sub') ? [] : [...inside, { name: 'sub', entry: DIR }]);
};

function walked(entries: Reader['entries'], help?: Help): readonly (readonly [AbsPath, readonly Named[]])[] {
  const all: [AbsPath, readonly Named[]][] = [];
  walkThrough(entries, ROOT, (dir, found) => all.push([dir, found]), help);
  return all;
}

/** Counts what it was asked, and answers as a second thread would. */
function helper(entries: Reader['entries'], answers: boolean): Help & { asked: number } {
  const help = Object.assign(
    (dirs: readonly AbsPath[]) => {
      help.asked += dirs.length;
      return () => {
        if (!answers) return undefined;
        const packed: ReturnType<typeof pack>[] = [];
        for (const top of dirs) walkThrough(entries, top, (dir, found) => packed.push(pack(dir, found)));
        return packed;
      };
    },
    { asked: 0 },
  );
  return help;
}

describe.each([
  ['answers', true],
  ['never answers', false],
] as const)('help that %s', (_how, answers) => {
  test('a large tree is shared, and visited in the same order', () => {
    const entries = treeOf(300, 100);
    const help = helper(entries, answers);
    expect(walked(entries, help)).toEqual(walked(entries));
    expect(help.asked).toBeGreaterThan(50);
  });

  test('a small one is not', () => {
    const entries = treeOf(20, 100);
    const help = helper(entries, answers);
    expect(walked(entries, help)).toEqual(walked(entries));
    expect(help.asked).toBe(0);
  });
});

test('what is packed is unpacked', () => {
  const entry = fc.constantFrom<Entry>(DIR, FILE, LINK, { ...FILE, hardLinked: true });
  const name = fc.string({ minLength: 1 }).map((text) => text.replaceAll('/', '_'));
  fc.assert(
    fc.property(fc.array(fc.record({ name, entry })), (found) => {
      expect(unpack(pack(absolute('/d'), found))).toEqual(found);
    }),
  );
});
