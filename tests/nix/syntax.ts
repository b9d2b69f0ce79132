// Nix expressions: which texts parse, their trees, and the values of strings.
import { evaluateWithNix } from '../core/formats/nix/parse-oracle.ts';
import { compareSyntax } from '../core/formats/nix/syntax-compare.ts';
import { constantString, mutate, readCorpus, stringMutants } from '../core/formats/nix/syntax-corpus.ts';
import type { RealNix } from './real-nix.ts';
import type { Some } from './sample.ts';
import type { Tally } from './tally.ts';

/** The corpus, what only newer versions take, and token mutants: acceptance, and the tree that Nix prints. */
export function compareParsing(tally: Tally, _real: RealNix, some: Some): void {
  const texts = [...readCorpus(), ...newer, ...some(mutate(readCorpus(), 15_000, 3))];
  const { disagreements, differences } = compareSyntax(texts);
  for (const [why, count] of Object.entries(differences)) for (let i = 0; i < count; i++) tally.differs(why);
  tally.disagreements.push(...disagreements);
  const others = Object.values(differences).reduce((sum, count) => sum + count, disagreements.length);
  tally.agree += texts.length - others;
}

const newer = [
  '{ a = { b = { c = 1; }; }; a = { b = { d = 2; }; }; }',
  '{ a = { b.c.d = 1; }; a = { b.c.e = 1; }; }',
  'a |> f |> g',
  'g <| f <| a',
  'a || b |> f',
  'x: x |> f',
  'a |> (x: x)',
  'f <| a |> b',
  'a |>',
  '[ a |> f ]',
];

/** String literals, escapes and indentation included, by their value. */
export function compareStrings(tally: Tally, _real: RealNix, some: Some): void {
  const texts = [...readCorpus(), ...some(stringMutants(readCorpus(), 1500))];
  const constants = texts.filter((text) => constantString(text) !== undefined);
  const values = evaluateWithNix(constants);
  constants.forEach((text, index) => {
    tally.same(text, constantString(text), values[index]);
  });
}
