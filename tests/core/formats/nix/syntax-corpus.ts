// The snippets of the Nix language that the parser is tried on (tests/cases/nix-syntax): the corpus, token mutants of it,
// and random strings of the two styles. Every draw is seeded: the same texts on every run.
import { readdirSync, readFileSync } from 'node:fs';
import { parseNix } from '../../../../core/formats/nix/parse.ts';
import type { Expr } from '../../../../core/formats/nix/syntax.ts';

const cases = new URL('../../../cases/nix-syntax/', import.meta.url);

/** One snippet per line of the .txt files, and the strings of the .json files. */
export function readCorpus(): readonly string[] {
  return readdirSync(cases)
    .sort()
    .flatMap((name): readonly string[] => {
      const text = readFileSync(new URL(name, cases), 'utf8');
      return name.endsWith('.json') ? (JSON.parse(text) as string[]) : text.split('\n').slice(0, -1);
    });
}

/** A small generator of numbers below 2^32, the same on every run. */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const tokens = /[a-zA-Z_][\w'-]*|\d+|''|\$\{|\.\.\.|\+\+|\/\/|&&|\|\||->|[=!<>]=|\s+|[\s\S]/gu;

/** Copies of the texts with tokens removed, inserted, replaced, doubled or swapped. */
export function mutate(texts: readonly string[], count: number, seed = 20_231_130): readonly string[] {
  const random = seeded(seed);
  const split = texts
    .map((text) => text.match(tokens) ?? [])
    .filter((pieces) => pieces.length > 0 && pieces.length < 150);
  const pool = split.flat();
  const mutants = new Set<string>();
  while (mutants.size < count) {
    const pieces = [...split[random(split.length)]!];
    for (let round = random(2); round >= 0; round--) {
      const at = random(pieces.length);
      const other = pool[random(pool.length)]!;
      const kind = random(5);
      if (kind === 0) pieces.splice(at, 1);
      else if (kind === 1) pieces.splice(at, 0, other);
      else if (kind === 2) pieces.splice(at, 1, other);
      else if (kind === 3) pieces.splice(at, 0, pieces[random(pieces.length)] ?? '');
      else pieces.splice(at, 2, pieces[at + 1] ?? '', pieces[at] ?? '');
    }
    mutants.add(pieces.join(''));
  }
  return [...mutants];
}

/** Strings of the two styles drawn from the characters that matter to them. */
export function stringMutants(texts: readonly string[], count: number): readonly string[] {
  const random = seeded(7);
  const atoms = [
    'a',
    ' ',
    '  ',
    '\n',
    '\n  ',
    '\t',
    "'",
    "''$",
    "'''",
    "''\\n",
    "''\\ ",
    '$',
    '$$',
    '\\n',
    '\\',
    '\r\n',
    '\r',
    '"',
    '{',
    'é',
    '${"x"}',
    '${"\\n"}',
  ];
  return Array.from({ length: count }, (_, index) => {
    const quote = index % 3 === 0 ? '"' : "''";
    const start = index % 5 === 0 ? (texts[random(texts.length)] ?? '') : '';
    const body = Array.from({ length: random(14) }, () => atoms[random(atoms.length)]).join('');
    return `${quote}${start.includes('${') ? '' : start}${body}${quote}`;
  });
}

/** The value of a text that is one string, with nothing but constants interpolated. */
export function constantString(text: string): string | undefined {
  const parsed = parseNix(text);
  return parsed.ok ? constantOf(parsed.root) : undefined;
}

function constantOf(expr: Expr): string | undefined {
  if (expr.kind !== 'string') return undefined;
  let value = '';
  for (const part of expr.parts) {
    const piece = part.kind === 'text' ? part.value : constantOf(part.expr);
    if (piece === undefined) return undefined;
    value += piece;
  }
  return value;
}
