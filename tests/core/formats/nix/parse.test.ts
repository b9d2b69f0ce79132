// The parser against the real Nix: a corpus of every construct, and thousands of token mutants of it.
// Acceptance must agree always; the tree is compared with what Nix prints where that print is itself valid Nix.
import { describe, expect, test } from '@jest/globals';
import { maxNesting, parseNix } from '../../../../core/formats/nix/parse.ts';
import type { Span } from '../../../../core/formats/nix/syntax.ts';
import { canonical } from './canonical.ts';
import { evaluateWithNix } from './parse-oracle.ts';
import { compareSyntax } from './syntax-compare.ts';
import { constantString, mutate, readCorpus, stringMutants } from './syntax-corpus.ts';

const corpus = readCorpus();

describe('against the real Nix', () => {
  test('the corpus is accepted, rejected and understood alike', () => {
    const { disagreements, differences, accepted, compared } = compareSyntax(corpus);
    expect(disagreements).toEqual([]);
    expect(countOf(differences)).toBeLessThan(corpus.length / 100);
    expect(corpus.length).toBeGreaterThan(800);
    expect(accepted).toBeGreaterThan(400);
    expect(compared).toBeGreaterThan(400);
  });

  test('so are thousands of token mutants of it', () => {
    const mutants = mutate(corpus, 6000);
    const { disagreements, differences, accepted, compared } = compareSyntax(mutants);
    expect(disagreements).toEqual([]);
    expect(countOf(differences)).toBeLessThan(mutants.length / 100);
    expect(accepted).toBeGreaterThan(1000);
    expect(mutants.length - accepted).toBeGreaterThan(1000);
    expect(compared).toBeGreaterThan(1000);
  });

  test('string values are those Nix evaluates', () => {
    const literals = [...corpus, ...stringMutants(corpus, 1500)].filter((text) => constantString(text) !== undefined);
    expect(literals.length).toBeGreaterThan(800);
    expect(evaluateWithNix(literals)).toEqual(literals.map(constantString));
  });
});

function countOf(differences: Readonly<Record<string, number>>): number {
  return Object.values(differences).reduce((sum, count) => sum + count, 0);
}

test('every offset of the corpus nests, covers, and lists the comments in order', () => {
  const faults: string[] = [];
  for (const text of corpus) {
    const parsed = parseNix(text);
    if (!parsed.ok) continue;
    const { root, comments } = parsed;
    const found = [...spanFaults(root, text)];
    let cursor = 0;
    for (const { kind, start, end } of comments) {
      const shape = kind === 'line' ? /^#[^\r\n]*$/ : /^\/\*[\s\S]*\*\/$/;
      if (start < cursor || !shape.test(text.slice(start, end))) found.push(`comment ${start}-${end}`);
      cursor = end;
    }
    if (blank(text, [root, ...comments]).trim() !== '') found.push('something stands outside');
    if (found.length > 0) faults.push(`${JSON.stringify(text)}: ${found.join(', ')}`);
  }
  expect(faults).toEqual([]);
});

describe('limits', () => {
  const nested: readonly (readonly [string, string])[] = [
    ['(', ')'],
    ['[', ']'],
    ['{a=', ';}'],
    ['a: ', ''],
    ['"${', '}"'],
    ["''${", "}''"],
    ['{a?', '}:1'],
    ['a.b or ', ''],
    ['a.${', '}'],
    ['if 1 then 1 else ', ''],
    ['with 1; ', ''],
    ['let x = ', '; in 1'],
    ['-(', ')'],
    ['./${', '}'],
  ];
  test.each(nested)('%s…%s is read to a depth and refused beyond', (open, close) => {
    const at = (depth: number) => parseNix(open.repeat(depth) + '1' + close.repeat(depth));
    expect(at(maxNesting - 10).ok).toBe(true);
    for (const depth of [maxNesting + 1, 100_000]) {
      const parsed = at(depth);
      expect(parsed.ok ? '' : parsed.error.message).toBe('the expression is nested too deeply');
    }
  });

  const long = [
    `[${' 1'.repeat(20_000)} ]`,
    `[]${' ++ []'.repeat(5000)}`,
    `1${' - 1'.repeat(20_000)}`,
    `f${' x'.repeat(20_000)}`,
    `a${'.b'.repeat(20_000)}`,
    `${'!'.repeat(20_000)}a`,
    `a${' -> a'.repeat(20_000)}`,
    `{${Array.from({ length: 20_000 }, (_, index) => `a${index}=1;`).join('')}}`,
    `{${Array.from({ length: 5000 }, (_, index) => `a.b${index}=1;`).join('')}}`,
    `a.${'a.'.repeat(50_000)}a_:x`,
  ];
  test.each(long.map((text) => [text.slice(0, 12), text]))('the long %s… is read', (_, text) => {
    const parsed = parseNix(text);
    expect(parsed.ok || parsed.error.message).toBe(
      text.endsWith('_:x') ? "unexpected ':', expected the end of the file" : true,
    );
  });
});

describe('sets that merge deeply, which Nix 2.8 refuses', () => {
  const shapes: readonly (readonly [string, string | undefined])[] = [
    ['{ a = { b = { c = 1; }; }; a = { b = { d = 2; }; }; }', undefined],
    ['{ a.b.c = 1; a = { b = { d = 2; }; }; }', undefined],
    ['{ a = { b.c.d = 1; }; a = { b.c.e = 1; }; }', undefined],
    ['{ a = { b = { c = 1; }; }; a = { b = { c = 2; }; }; }', "the attribute 'a.b.c' is defined twice"],
    ['{ a.b.c = 1; a = { b.c = 2; }; }', "the attribute 'a.b.c' is defined twice"],
    ['{ a = { inherit b; }; a = { b.c = 1; }; }', "the attribute 'a.b' is defined twice"],
    ['{ a = { b = x; }; a = { b = { c = 1; }; }; }', "the attribute 'a.b' is defined twice"],
  ];
  test.each(shapes)('%s', (text, message) => {
    const parsed = parseNix(text);
    expect(parsed.ok ? undefined : parsed.error.message).toBe(message);
  });
});

describe('pipes, which Nix 2.8 lacks', () => {
  const shapes: readonly (readonly [string, string | undefined])[] = [
    ['a |> f |> g', '(g (f a))'],
    ['g <| f <| a', '(g (f a))'],
    ['a |> f <| b', undefined],
    ['f <| a |> b', undefined],
    ['a || b |> f', '(f (a || b))'],
    ['a -> b |> f', '(f (a -> b))'],
    ['x: x |> f', '(@x: (f x))'],
    ['a |> x: x', undefined],
    ['a |> (x: x)', '((@x: x) a)'],
    ['a |>', undefined],
    ['[ a |> f ]', undefined],
  ];
  test.each(shapes)('%s', (text, wanted) => {
    const parsed = parseNix(text);
    expect(parsed.ok ? canonical(parsed.root, { directory: '/', home: '/' }) : undefined).toBe(wanted);
    if (parsed.ok) expect(parsed.usesPipes).toBe(true);
  });
  test('their absence is seen', () => {
    expect(parseNix('"|>" || a')).toMatchObject({ ok: true, usesPipes: false });
  });
});

describe('errors', () => {
  const broken: readonly (readonly [string, number, number, string])[] = [
    ['\ufeff{ }', 0, 1, 'the file starts with a byte order mark'],
    ['{ a = "\0"; }', 7, 8, 'the file contains a NUL byte'],
    ['', 0, 0, 'the file ends where an expression is expected'],
    ['{ a = 1 }', 8, 9, "unexpected '}', expected ';'"],
    ['{ a = 1; b', 10, 10, "the file ends where '.' or '=' is expected"],
    ['{ a = "x; }', 6, 7, 'the string is not closed'],
    ["{ a = ''x; }", 6, 8, 'the string is not closed'],
    ['{ a = 1; /* }', 9, 11, 'the comment is not closed'],
    ['{ a = 1; a.b = 2; }', 9, 17, "the attribute 'a.b' is defined twice"],
    ['{ a, b, a }: 1', 8, 9, "the argument 'a' occurs twice"],
    ['let ${a} = 1; in a', 4, 8, "'let' cannot define a dynamic attribute"],
    ['{ inherit ${a}; }', 10, 14, "'inherit' cannot take a dynamic attribute"],
    ['1 < 2 < 3', 6, 7, "'<' cannot be chained without parentheses"],
    ['./a/', 3, 4, 'the path has a trailing slash'],
    ['a 99999999999999999999', 2, 22, 'the integer is too large'],
    ['a ^ b', 2, 3, 'unexpected character "^"'],
    ['[ 😀 ]', 2, 4, 'unexpected character "😀"'],
  ];
  test.each(broken)('%j', (text, start, end, message) => {
    expect(parseNix(text)).toEqual({ ok: false, error: { start, end, message } });
  });
});

/** The spans that leave their parent's, overlap a sibling's, or start or end on white space. */
function spanFaults(root: object, text: string): readonly string[] {
  const faults: string[] = [];
  const visit = (node: object, low: number, high: number): number => {
    let from = low;
    let to = high;
    if ('start' in node && 'end' in node) {
      from = Number(node.start);
      to = Number(node.end);
      const isText = 'kind' in node && node.kind === 'text';
      const edges = text.slice(from, from + 1) + text.slice(Math.max(from, to - 1), to);
      if (from < low || to > high || from >= to || (!isText && /\s/.test(edges)))
        faults.push(`${from}-${to} in ${low}-${high}`);
    }
    const children = Object.values(node)
      .flat()
      .filter((child) => typeof child === 'object' && child !== null) as object[];
    const sorted = children.sort((left, right) => startOf(left) - startOf(right));
    let cursor = from;
    for (const child of sorted) cursor = visit(child, cursor, to);
    return to;
  };
  visit(root, 0, text.length);
  return faults;
}

function startOf(node: object): number {
  return 'start' in node ? Number(node.start) : 0;
}

function blank(text: string, spans: readonly Span[]): string {
  return spans.reduce((left, { start, end }) => left.slice(0, start) + ' '.repeat(end - start) + left.slice(end), text);
}
