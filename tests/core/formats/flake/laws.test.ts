// The laws of editing flake.nix, on random files and wishes: the wish holds, the rest stays, again changes nothing.
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parse as parseYaml } from 'yaml';
import { editFlake } from '../../../../core/formats/flake/edit.ts';
import { type Flake, readFlake } from '../../../../core/formats/flake/flake.ts';
import { newFlake } from '../../../../core/formats/flake/new.ts';
import { nixAttrName, nixPath, nixString } from '../../../../core/formats/nix/print.ts';
import { flakeCases, type WishText, wishOf } from './cases.ts';
import { evaluate, newScratch, notGranted, observe, writeFlakes } from './oracle.ts';
import { randomBlanks, randomFlake, scatter } from './random.ts';

let scratch: string;
beforeAll(() => {
  scratch = newScratch();
});
afterAll(() => rmSync(scratch, { recursive: true }));

const read = (text: string) => {
  const flake = readFlake(text);
  if (!flake.ok) throw new Error(`${flake.error.message}\n${text}`);
  return flake;
};
const withoutSpans = (value: unknown) =>
  JSON.parse(JSON.stringify(value, (key, inner) => (key === 'span' || key === 'shared' ? undefined : inner)));
const comments = (text: string) => text.match(/#[^\r\n]*|\/\*.*?\*\//g) ?? [];

describe('an edit of a random flake', () => {
  test('is not refused, grants the wish, and again changes nothing', () => {
    fc.assert(
      fc.property(randomFlake, ({ text, wish }) => {
        const edit = editFlake(text, wish);
        expect(edit).toMatchObject({ ok: true });
        if (!edit.ok) return;
        expect(edit.changes.length > 0).toBe(edit.text !== text);
        expect(editFlake(edit.text, wish)).toMatchObject({ ok: true, text: edit.text, changes: [] });
      }),
      { numRuns: 200 },
    );
  });

  test('leaves everything else as it was', () => {
    fc.assert(
      fc.property(randomFlake, ({ text, wish }) => {
        const edit = editFlake(text, wish);
        if (!edit.ok) throw new Error('refused');
        const wished = new Set(wish.inputs.map((input) => input.name));
        const others = (flake: Flake) => withoutSpans(flake.inputs.filter(({ name }) => !wished.has(name)));
        const named = new Set([...(wish.hosts ?? []).map((host) => host.name), ...(wish.gone ?? [])]);
        const hosts = ({ outputs }: Flake) =>
          outputs.hosts.kind === 'static'
            ? withoutSpans(outputs.hosts.hosts.filter((host) => !named.has(host.name)))
            : [];
        const before = read(text);
        const after = read(edit.text);
        expect(others(after)).toEqual(others(before));
        expect(hosts(after)).toEqual(hosts(before));
        expect(after.description).toEqual(before.description);
        expect(comments(edit.text)).toEqual(comments(text));
        expect(edit.text.endsWith('\n')).toBe(text.endsWith('\n'));
      }),
      { numRuns: 200 },
    );
  });

  test('keeps every line that no wish is about', () => {
    fc.assert(
      fc.property(randomFlake, ({ text, wish }) => {
        const edit = editFlake(text, wish);
        if (!edit.ok) throw new Error('refused');
        const { inputs } = read(text);
        const wished = inputs.filter(({ name }) => wish.inputs.some((input) => input.name === name));
        // A line of a wished input lies between its first mention and the next input, or outputs.
        const touched = (line: string, at: number) =>
          wished.length > 0 && /inputs|url|flake|follows|type|owner|repo|=/.test(line) && at < text.indexOf('outputs');
        const inArguments = (line: string, at: number) =>
          at + line.length >= text.indexOf('outputs = ') && at < text.indexOf('packages');
        const { hosts } = read(text).outputs;
        const going = hosts.kind === 'static' ? hosts.hosts.filter(({ name }) => wish.gone?.includes(name)) : [];
        // A host goes with its lines.
        const goes = (line: string, at: number) =>
          going.some(({ span }) => at < span.end + 2 && at + line.length >= span.start);
        let from = 0;
        let at = 0;
        for (const line of text.split('\n')) {
          if (!touched(line, at) && !inArguments(line, at) && !goes(line, at) && !/system = |modules = /.test(line)) {
            const found = edit.text.indexOf(line.trimEnd(), from);
            expect({ line, kept: found >= 0 }).toEqual({ line, kept: true });
            from = found + line.trimEnd().length;
          }
          at += line.length + 1;
        }
      }),
      { numRuns: 150 },
    );
  });

  test('does the same to CRLF', () => {
    const crlf = (text: string) => text.replaceAll(/\r?\n/g, '\r\n');
    fc.assert(
      fc.property(randomFlake, ({ text, wish }) => {
        const plain = editFlake(text.replaceAll('\r\n', '\n'), wish);
        expect(editFlake(crlf(text), wish)).toMatchObject({ ok: true, text: crlf(plain.ok ? plain.text : '') });
      }),
      { numRuns: 200 },
    );
  });

  test('is seen by real Nix', () => {
    const sample = fc.sample(randomFlake, { numRuns: 150, seed: 1 });
    const texts = sample.map(({ text, wish }) => {
      const edit = editFlake(text, wish);
      return edit.ok ? edit.text : '';
    });
    const dirs = writeFlakes(scratch, 'random', texts);
    const seen = observe(scratch, dirs);
    const missing = sample.map(({ wish }, i) => ({ text: texts[i], missing: notGranted(wish, seen[i]!, dirs[i]!) }));
    expect(missing.filter((one) => one.missing.length > 0)).toEqual([]);
  });
});

describe('an edit of the cases with comments scattered over them', () => {
  // In a string with an interpolation a blank would be part of the string.
  const cases = flakeCases('edit').filter(
    ({ sections }) => sections.problems === undefined && !sections.before!.includes('${'),
  );

  test('is not refused, keeps the comments, and again changes nothing', () => {
    fc.assert(
      fc.property(fc.constantFrom(...cases), randomBlanks, ({ sections }, blanks) => {
        const text = scatter(sections.before!, blanks);
        const wish = wishOf(parseYaml(sections.wish!) as WishText);
        const edit = editFlake(text, wish);
        expect(edit).toMatchObject({ ok: true });
        if (!edit.ok) return;
        expect(comments(edit.text)).toEqual(comments(text));
        expect(editFlake(edit.text, wish)).toMatchObject({ ok: true, text: edit.text, changes: [] });
      }),
      { numRuns: 300 },
    );
  });
});

describe('a new flake for a random wish', () => {
  test('grants it', () => {
    fc.assert(
      fc.property(randomFlake, ({ wish }) => {
        const inputs = [
          { name: 'nixpkgs', url: 'github:NixOS/nixpkgs' },
          ...wish.inputs.filter(({ name }) => name !== 'nixpkgs'),
        ];
        const text = newFlake({ ...wish, inputs });
        expect(editFlake(text, { ...wish, inputs })).toMatchObject({ ok: true, text, changes: [] });
      }),
      { numRuns: 200 },
    );
  });
});

describe('printing', () => {
  test('what is printed is what Nix reads', () => {
    const texts = fc.sample(
      fc.string({ unit: fc.constantFrom('a', '$', '{', '}', '"', '\\', '\n', '\r', '\t', "'", ' ', 'é') }),
      {
        numRuns: 300,
        seed: 2,
      },
    );
    expect(evaluate(scratch, `[ ${texts.map(nixString).join(' ')} ]`)).toEqual(texts);
    const names = [...texts, 'or', 'rec', 'a-b', "a'", '1a', '_', 'inherit', 'true'];
    const sets = names.map((name) => `(builtins.attrNames { ${nixAttrName(name)} = 1; })`);
    expect(evaluate(scratch, `[ ${sets.join(' ')} ]`)).toEqual(names.map((name) => [name]));
  });

  test('paths', () => {
    const paths = [
      './a.nix',
      'a/b.nix',
      '../c',
      '/etc/nixos/x.nix',
      './d e.nix',
      './${f}.nix',
      './g@h',
      '.',
      './i/',
      '..',
      './j//k',
      '/',
    ];
    const expected = [
      '/r/s/a.nix',
      '/r/s/a/b.nix',
      '/r/c',
      '/etc/nixos/x.nix',
      '/r/s/d e.nix',
      '/r/s/${f}.nix',
      '/r/s/g@h',
      '/r/s',
      '/r/s/i',
      '/r',
      '/r/s/j/k',
      '/',
    ];
    // Relative to the file they stand in.
    const dir = writeFlakes(scratch, 'paths', [`map toString [ ${paths.map(nixPath).join(' ')} ]`])[0]!;
    const parent = dir.slice(0, dir.lastIndexOf('/'));
    const found = evaluate(scratch, `import ${dir}/flake.nix`) as string[];
    const relative = found.map((path) =>
      path.startsWith(parent) ? path.replace(dir, '/r/s').replace(parent, '/r') : path,
    );
    expect(relative).toEqual(expected);
  });
});
