// Merging flake.lock by meaning, with conflicts that git itself makes.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { findInput } from '../../../../core/formats/lock/find-input.ts';
import { type MergeResult, mergeLock, mergeLocks } from '../../../../core/formats/lock/merge-conflict.ts';
import type { Lock } from '../../../../core/formats/lock/model.ts';
import { parseLock } from '../../../../core/formats/lock/parse-lock.ts';
import { printLock } from '../../../../core/formats/lock/print-lock.ts';

const sri = `sha256-${'A'.repeat(43)}=`;
const github = (repo: string, version: number, inputs: object = {}): object => ({
  inputs,
  locked: { type: 'github', owner: 'o', repo, rev: String(version).repeat(40), narHash: sri, lastModified: version },
  original: { type: 'github', owner: 'o', repo },
});

/** Versions of inputs a, b and c, as Nix would write them; b has an input of its own. Absent: not an input. */
type Versions = Readonly<Partial<Record<'a' | 'b' | 'c' | 'f', number>>>;
function lockText({ a, b, c, f }: Versions): string {
  const nodes: Record<string, object> = {};
  const inputs: Record<string, unknown> = {};
  if (a !== undefined) [nodes.a, inputs.a] = [github('a', a), 'a'];
  if (b !== undefined) [nodes.b, nodes.n, inputs.b] = [github('b', b, { n: 'n' }), github('n', b), 'b'];
  if (c !== undefined) [nodes.c, inputs.c] = [github('c', c), 'c'];
  if (f !== undefined) inputs.f = [f === 1 ? 'a' : 'b'];
  const parsed = parseLock(JSON.stringify({ nodes: { ...nodes, root: { inputs } }, root: 'root', version: 7 }));
  if (!parsed.ok) throw new Error(parsed.problem.message);
  return printLock(parsed.lock);
}

/** The file that git leaves, and whether it saw a conflict. */
function gitMerge(ours: Versions, base: Versions, theirs: Versions, style: '--diff3' | '--zdiff3' | '' = ''): string {
  const dir = mkdtempSync(join(tmpdir(), 'merge-'));
  try {
    const names = (['ours', 'base', 'theirs'] as const).map((name) => join(dir, name));
    for (const [index, versions] of [ours, base, theirs].entries())
      writeFileSync(names[index] ?? '', lockText(versions));
    try {
      return execFileSync('git', ['merge-file', '-p', ...(style === '' ? [] : [style]), ...names], {
        encoding: 'utf8',
        stdio: 'pipe',
      });
    } catch (thrown) {
      return (thrown as { stdout: string }).stdout;
    }
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const versionsOf = (result: MergeResult): Versions | string => {
  if (!result.ok) return result.message;
  const found: Record<string, number> = {};
  for (const name of ['a', 'b', 'c']) {
    const modified = findInput(result.lock, [name])?.node.locked?.lastModified;
    if (typeof modified === 'number') found[name] = modified;
  }
  return found;
};

const base = { a: 1, b: 1, c: 1 };

describe('with a base, what one side changed is taken', () => {
  test.each<readonly [string, Versions, Versions, Versions, readonly string[]]>([
    ['an update here, two there', { a: 2, b: 1, c: 1 }, { a: 3, b: 1, c: 2 }, { b: 1, c: 2 }, ['a']],
    ['one input on both sides', { a: 2, b: 1, c: 1 }, { a: 3, b: 1, c: 1 }, { b: 1, c: 1 }, ['a']],
    ['all updated by us, one by them', { a: 2, b: 2, c: 2 }, { a: 1, b: 3, c: 1 }, { a: 2, c: 2 }, ['b']],
    ['removed here, kept there', { b: 2, c: 1 }, { a: 1, b: 3, c: 1 }, { c: 1 }, ['b']],
    // Git merged the line of the root that names it, so neither side has it any more.
    ['removed here, changed there', { b: 2, c: 1 }, { a: 2, b: 2, c: 1 }, { b: 2, c: 1 }, []],
  ])('%s', (_, ours, theirs, merged, conflicts) => {
    const text = gitMerge(ours, base, theirs, '--diff3');
    expect(text).toContain('|||||||');
    const result = mergeLock(text);
    expect(versionsOf(result)).toEqual(merged);
    expect(result).toMatchObject({ ok: true, conflicts });
    // The rest is a lock as Nix would write it.
    expect(result.ok && printLock(result.lock)).toBe(lockText(merged));
  });

  test('two new inputs', () => {
    const result = mergeLock(gitMerge({ a: 1, b: 1 }, { a: 1 }, { a: 1, c: 1 }, '--diff3'));
    expect([versionsOf(result), result.ok && result.conflicts]).toEqual([{ a: 1, b: 1, c: 1 }, []]);
  });

  test('follows', () => {
    const result = mergeLock(gitMerge({ a: 2, b: 1, f: 2 }, { a: 1, b: 1, f: 1 }, { a: 3, b: 1, f: 1 }, '--diff3'));
    expect(result).toMatchObject({ ok: true, conflicts: ['a'] });
    expect(result.ok && printLock(result.lock)).toContain('"f": [\n          "b"\n        ]');
  });
});

describe('without a base, only what is equal is taken', () => {
  test('neighbours', () => {
    const text = gitMerge({ a: 2, b: 1, c: 1 }, base, { a: 3, b: 1, c: 1 });
    expect(text).not.toContain('|||||||');
    const result = mergeLock(text);
    expect([versionsOf(result), result.ok && result.conflicts]).toEqual([{ b: 1, c: 1 }, ['a']]);
  });

  test('with carriage returns', () => {
    const text = gitMerge({ a: 2, b: 1, c: 1 }, base, { a: 3, b: 1, c: 1 }).replaceAll('\n', '\r\n');
    expect(mergeLock(text)).toMatchObject({ ok: true, conflicts: ['a'] });
  });
});

test('where git aligned the lines of different inputs, they are locked again', () => {
  const text = gitMerge({ a: 3 }, { b: 1 }, { c: 1 }, '--diff3');
  // The premise: git gave c a line of a, outside its markers.
  expect(text.replaceAll(/<{7}[\s\S]*?>{7}.*/g, '')).toContain('"lastModified": 3');
  expect(mergeLock(text)).toMatchObject({ ok: true, conflicts: ['a', 'c'] });
  const exact = mergeLocks({ ours: lockText({ a: 3 }), base: lockText({ b: 1 }), theirs: lockText({ c: 1 }) });
  expect([versionsOf(exact), exact.ok && exact.conflicts]).toEqual([{ a: 3, c: 1 }, []]);
});

test('a side that refers to a missing node loses just that input', () => {
  const text = gitMerge({ a: 2, b: 1, c: 1 }, base, { a: 3, b: 1, c: 1 }, '--diff3').replaceAll(
    /"n": "n"/g,
    '"n": "gone"',
  );
  expect(mergeLock(text)).toMatchObject({ ok: true, conflicts: ['a', 'b'] });
});

describe('no merge', () => {
  const conflict = gitMerge({ a: 2 }, { a: 1 }, { a: 3 });
  test.each([
    ['no markers', lockText(base), 'no conflict markers'],
    ['an open marker', conflict.replace(/^>{7}.*$/m, ''), 'not closed'],
    ['a marker out of place', conflict.replace(/^={7}$/m, ''), 'unexpected conflict marker in line'],
    ['our side broken', conflict.replace(/^(<{7}.*)$/m, '$1\n}'), 'our side'],
    ['their side broken', conflict.replace(/^(={7})$/m, '$1\n}'), 'their side'],
  ])('%s', (_, text, message) => {
    expect(versionsOf(mergeLock(text))).toContain(message);
  });
});

describe('laws', () => {
  const version = fc.constantFrom(undefined, 1, 2, 3);
  const versions = fc
    .record({ a: version, b: version, c: version })
    .map((all): Versions => Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)));

  // Every input with what Nix fetched for it. Nodes are compared one by one: the marks do not tell which node of a side
  // belonged to which of its parent's versions, and Nix takes any combination.
  const nodesOf = (lock: Lock): readonly string[] =>
    [...lock.nodes.values()]
      .filter((node) => node.locked !== undefined)
      .map((node) => JSON.stringify([node.locked, node.original]));
  const lockOf = (all: Versions): Lock => {
    const parsed = parseLock(lockText(all));
    if (!parsed.ok) throw new Error(parsed.problem.message);
    return parsed.lock;
  };

  test('the versions themselves are merged three ways, input by input', () => {
    fc.assert(
      fc.property(versions, versions, versions, (ours, from, theirs) => {
        const result = mergeLocks({ ours: lockText(ours), base: lockText(from), theirs: lockText(theirs) });
        const expected: Record<string, number> = {};
        const conflicts: string[] = [];
        for (const name of ['a', 'b', 'c'] as const) {
          const choice = ours[name] === from[name] ? theirs[name] : ours[name];
          const clash = ours[name] !== theirs[name] && ours[name] !== from[name] && theirs[name] !== from[name];
          if (clash) conflicts.push(name);
          else if (choice !== undefined) expected[name] = choice;
        }
        expect([versionsOf(result), result.ok && result.conflicts]).toEqual([expected, conflicts]);
      }),
    );
  });

  test.each(['--diff3', ''] as const)('from markers %s, no node is a mix of two versions', (style) => {
    fc.assert(
      fc.property(versions, versions, versions, (ours, from, theirs) => {
        const text = gitMerge(ours, from, theirs, style);
        const result = text.includes('<<<<<<<') ? mergeLock(text) : undefined;
        if (result?.ok !== true) return;
        const real = [ours, from, theirs].flatMap((side) => nodesOf(lockOf(side)));
        for (const node of nodesOf(result.lock)) expect(real).toContain(node);
      }),
      { numRuns: 40 },
    );
  });

  test('any text with markers is merged or refused', () => {
    const line = fc.oneof(
      fc.constantFrom(
        '<<<<<<< a',
        '||||||| b',
        '=======',
        '>>>>>>> c',
        '{',
        '}',
        '"root": "root",',
        '"version": 7',
        '"nodes": {"root": {"inputs": {"a": "root"}}},',
        '"nodes": 5,',
      ),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 14 }), (lines) => {
        const result = mergeLock(lines.join('\n'));
        if (result.ok) expect(parseLock(printLock(result.lock)).ok).toBe(true);
        else expect(result.message).not.toBe('');
      }),
      { numRuns: 500 },
    );
  });
});

test('what git leaves is what is merged: the fixture of this test is real', () => {
  const dir = mkdtempSync(join(tmpdir(), 'merge-'));
  try {
    writeFileSync(join(dir, 'x'), lockText(base));
    expect(parseLock(readFileSync(join(dir, 'x'), 'utf8')).ok).toBe(true);
    expect(parseLock(gitMerge({ a: 2 }, { a: 1 }, { a: 3 }))).toMatchObject({ problem: { kind: 'conflict-markers' } });
  } finally {
    rmSync(dir, { recursive: true });
  }
});
