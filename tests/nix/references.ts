// Flake references: in flake inputs, and as argument of builtins.parseFlakeRef.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { type Attrs, isRelativePath, type RefResult } from '../../core/formats/flake-ref/model.ts';
import { parseFlakeRef, type RefContext } from '../../core/formats/flake-ref/parse-ref.ts';
import { printFlakeRef } from '../../core/formats/flake-ref/print-ref.ts';
import { refFromAttrs } from '../../core/formats/flake-ref/ref-attrs.ts';
import { nixString } from '../../core/formats/nix/print.ts';
import { randomAttrs, randomRefs } from './random-refs.ts';
import { askRepl, lastError, type RealNix, writeTree } from './real-nix.ts';
import { RECORDED, type Some } from './sample.ts';
import type { Tally } from './tally.ts';

interface Vector {
  readonly in: string | Attrs;
  readonly context: string;
  readonly baseDir?: string;
}

const file = new URL('../vectors/flakerefs.json', import.meta.url);
const { vectors } = JSON.parse(readFileSync(file, 'utf8')) as { readonly vectors: readonly Vector[] };

/** A reference in a flake input: as text, with `flake = false`, and as attribute set. */
interface Case {
  readonly shown: string;
  readonly flake: boolean;
  readonly bindings: string;
  readonly ours: RefResult;
}

/**
 * Compares the attributes of a reference in an input. Nix calls a lock fresh only if the locked attributes are those it parses,
 * so one look at a flake with many inputs tests all that parse. Each that does not parse has a flake of its own.
 */
export function compareInputRefs(tally: Tally, real: RealNix, some: Some): void {
  const drawn = fc.sample(randomRefs, { numRuns: 1200, seed: 21 });
  const texts = (context: string): readonly string[] =>
    vectors.flatMap((vector) => (vector.context === context && typeof vector.in === 'string' ? [vector.in] : []));
  const sets = [
    ...some(
      vectors.flatMap((vector) => (typeof vector.in === 'string' ? [] : [vector.in])),
      RECORDED,
    ),
    ...some(fc.sample(randomAttrs, { numRuns: 120, seed: 23 })),
  ];
  const cases: readonly Case[] = [
    ...[...new Set([...some(texts('input'), RECORDED), ...some(drawn)])].map((text) => textCase(text, 'input', real)),
    ...[...new Set([...some(texts('input-nonflake'), RECORDED), ...some(drawn.slice(0, 300))])].map((text) =>
      textCase(text, 'input-nonflake', real),
    ),
    ...sets.map((attrs) => setCase(attrs, real)),
  ];
  const parsed = cases.filter(({ ours }) => ours.ok);
  judgeAll(parsed, real, tally);
  for (const one of cases.filter(({ ours }) => !ours.ok).slice(0, 350)) judgeRefused(one, real, tally);
}

function textCase(text: string, context: RefContext, real: RealNix): Case {
  const flake = context === 'input';
  const ours = parseFlakeRef(text, { context, nix: real.nix });
  const bindings = `url = ${nixString(text)};${flake ? '' : ' flake = false;'}`;
  return { shown: `${context}: ${JSON.stringify(text)}`, flake, bindings, ours };
}

function setCase(attrs: Attrs, real: RealNix): Case {
  return {
    shown: JSON.stringify(attrs),
    flake: true,
    bindings: bindingsOf(attrs),
    ours: refFromAttrs(attrs, real.nix),
  };
}

function bindingsOf(attrs: Attrs): string {
  const value = (one: unknown): string => (typeof one === 'string' ? nixString(one) : String(one));
  return Object.entries(attrs)
    .map(([name, one]) => `${name} = ${value(one)};`)
    .join(' ');
}

/** Halves what Nix does not call fresh, until one reference is left. */
function judgeAll(cases: readonly Case[], real: RealNix, tally: Tally): void {
  if (cases.length === 0) return;
  const answer = askFresh(cases, real);
  if (answer.ok) {
    tally.agree += cases.length;
  } else if (cases.length > 1) {
    const middle = cases.length >> 1;
    judgeAll(cases.slice(0, middle), real, tally);
    judgeAll(cases.slice(middle), real, tally);
  } else {
    const [{ shown, ours }] = cases as readonly [Case];
    const attrs = ours.ok ? ours.ref.attrs : {};
    if (looksThere(real, answer.said)) {
      tally.leaves(absolute);
      return;
    }
    // The lock that Nix is shown has the attributes, and as such it refuses what it has just made of the text.
    if (ours.ok && !refFromAttrs(attrs, real.nix).ok && /is not a valid URL/.test(answer.said)) {
      tally.leaves('a URL whose attributes Nix itself refuses');
      return;
    }
    const fetched = /while fetching the input '(.*)'/.exec(answer.said)?.[1];
    const theirs = fetched === undefined ? lastError(answer.said) : `it fetches ${fetched}`;
    tally.same(shown, attrs, theirs);
  }
}

const absolute = 'an absolute path that does not exist, which 2.8 looks at first';
const looksThere = ({ nix }: RealNix, said: string): boolean =>
  nix === '2.8' && /^getting status of '\//.test(lastError(said));

function judgeRefused(one: Case, real: RealNix, tally: Tally): void {
  if (one.ours.ok) return;
  if (real.nix === '2.8' && /is not an absolute path/.test(one.ours.error)) {
    tally.leaves('a relative path, which 2.8 resolves in the store');
    return;
  }
  const { said } = askFresh([one], real);
  if (looksThere(real, said)) {
    tally.leaves(absolute);
    return;
  }
  if (one.ours.error.includes('does not decode to UTF-8')) {
    tally.leaves('bytes that no lock file can hold');
    return;
  }
  const takes = /requires lock file changes|cannot write|unable to download|does not exist|No such file|while fetching/;
  tally.same(
    `${one.shown}: ${one.ours.error}\n    Nix says: ${lastError(said)}`,
    'refused',
    takes.test(said) ? 'taken' : 'refused',
  );
}

function askFresh(cases: readonly Case[], real: RealNix) {
  const bindings = cases.map(({ bindings: inner }, index) => `  inputs.i${index} = { ${inner} };\n`);
  const nodes = cases.map(({ ours, flake }, index) => {
    const original = ours.ok ? ours.ref.attrs : { type: 'path', path: '/' };
    const relative = isRelativePath(original) && real.nix !== '2.8';
    const locked = { type: 'path', path: '/none', lastModified: 1, narHash: `sha256-${'A'.repeat(43)}=` };
    return [
      `i${index}`,
      {
        ...(flake ? {} : { flake: false }),
        locked: relative ? { type: 'path', path: original.path ?? '' } : locked,
        original,
        ...(relative ? { parent: [] } : {}),
      },
    ] as const;
  });
  const root = { inputs: Object.fromEntries(nodes.map(([key]) => [key, key])) };
  writeTree(join(real.scratch, 'refs'), {
    'flake.nix': `{\n${bindings.join('')}  outputs = _: { };\n}\n`,
    'flake.lock': JSON.stringify({ nodes: { root, ...Object.fromEntries(nodes) }, root: 'root', version: 7 }),
  });
  return real.run(['flake', 'metadata', '--no-update-lock-file', `path:${join(real.scratch, 'refs')}`]);
}

/** builtins.parseFlakeRef and builtins.flakeRefToString, which Nix 2.8 has not. */
export function compareParseRef(tally: Tally, real: RealNix, some: Some): void {
  if (real.nix === '2.8') return;
  const texts = vectors.flatMap(({ context, in: one }) =>
    context === 'parse' && typeof one === 'string' ? [one] : [],
  );
  const all = [...new Set([...texts, ...some(fc.sample(randomRefs, { numRuns: 3000, seed: 22 }))])].filter(
    (text) => !/[\n\r\t]/.test(text),
  );
  const answers = askRepl(
    real,
    all.map((text) => `builtins.parseFlakeRef ${nixString(text)}`),
  );
  const printable: { readonly attrs: Attrs; readonly text: string }[] = [];
  all.forEach((text, index) => {
    const ours = parseFlakeRef(text, { context: 'parse', nix: real.nix });
    const theirs = answers[index];
    tally.same(`parse: ${JSON.stringify(text)}`, ours.ok ? ours.ref.attrs : 'refused', theirs ?? 'refused');
    if (ours.ok && theirs !== undefined) printable.push({ attrs: ours.ref.attrs, text });
  });
  const printed = askRepl(
    real,
    printable.map(({ text }) => {
      return `builtins.flakeRefToString (builtins.parseFlakeRef ${nixString(text)})`;
    }),
  );
  printable.forEach(({ attrs, text }, index) => {
    const ours = printFlakeRef(attrs, real.nix);
    tally.same(`print: ${JSON.stringify(text)}`, ours.ok ? ours.text : 'refused', printed[index] ?? 'refused');
  });
  const sets = some(fc.sample(randomAttrs, { numRuns: 1500, seed: 24 }));
  const shown = askRepl(
    real,
    sets.map((attrs) => `builtins.flakeRefToString { ${bindingsOf(attrs)} }`),
  );
  sets.forEach((attrs, index) => {
    const ours = printFlakeRef(attrs, real.nix);
    tally.same(`print: ${JSON.stringify(attrs)}`, ours.ok ? ours.text : 'refused', shown[index] ?? 'refused');
  });
}
