// flake.nix: the inputs it declares, the files that are refused, and what edits of it make of it.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { parse as parseYaml } from 'yaml';
import { editFlake } from '../../core/formats/flake/edit.ts';
import { readFlake } from '../../core/formats/flake/flake.ts';
import { newFlake } from '../../core/formats/flake/new.ts';
import { lockInputsOf } from '../../core/formats/lock/inputs.ts';
import type { NixVersion } from '../../core/formats/nix-version.ts';
import { flakeCases, inputsAsValue, type WishText, wishOf } from '../core/formats/flake/cases.ts';
import { notGranted, observe, writeFlakes } from '../core/formats/flake/oracle.ts';
import { randomFlake } from '../core/formats/flake/random.ts';
import { mutate } from '../core/formats/nix/syntax-corpus.ts';
import { askRepl, lastError, type RealNix } from './real-nix.ts';
import { RECORDED, type Some } from './sample.ts';
import type { Tally } from './tally.ts';

const reads = flakeCases('read').map(({ sections }) => sections['flake.nix']!);
const edits = flakeCases('edit').filter(({ sections }) => sections.problems === undefined);

function vectorFlakes(): readonly string[] {
  const file = new URL('../vectors/locks.json', import.meta.url);
  const { vectors } = JSON.parse(readFileSync(file, 'utf8')) as {
    readonly vectors: readonly { readonly files: Readonly<Record<string, string>> }[];
  };
  return vectors.map(({ files }) => files['flake/flake.nix']!);
}

/** The value of `inputs` of every flake.nix at hand that is read, against its evaluation. */
export function compareInputs(tally: Tally, real: RealNix, some: Some): void {
  const random = some(fc.sample(randomFlake, { numRuns: 500, seed: 11 })).map(({ text }) => text);
  const written = [...reads, ...vectorFlakes(), ...edits.map(({ sections }) => sections.before!)];
  const texts = [...written, ...random, ...some(mutate(written, 2000, 13))];
  const readable = texts.flatMap((text) => {
    const read = readFlake(text);
    if (!read.ok) return [];
    const value = inputsAsValue(read.inputs);
    if (value === undefined) tally.leaves('an input that is a path literal, whose value is a path');
    return value === undefined ? [] : [{ text, value: read.self ? { ...value, self: read.self } : value }];
  });
  const dirs = writeFlakes(
    real.scratch,
    'inputs',
    readable.map(({ text }) => text),
  );
  const values = askRepl(
    real,
    dirs.map((dir) => `(import ${dir}/flake.nix).inputs or { }`),
  );
  readable.forEach(({ text, value }, index) => {
    if (values[index] !== undefined) tally.same(text, value, values[index]);
    else if (isUnbound(dirs[index]!, real)) tally.leaves('a variable that nothing binds, which Nix refuses');
    else tally.same(text, value, undefined);
  });
}

/** Nix resolves names when it parses, and we do not. */
function isUnbound(dir: string, real: RealNix): boolean {
  return /undefined variable/.test(real.run(['eval', '--file', join(dir, 'flake.nix'), 'inputs']).said);
}

/** Compares which flake.nix files Nix accepts before it fetches anything. */
export function compareRefusals(tally: Tally, real: RealNix, some: Some): void {
  const written = [...reads, ...vectorFlakes()];
  const texts = [...new Set([...some(written, RECORDED), ...some(mutate(written, 120, 14))])];
  const places = writeFlakes(
    real.scratch,
    'refusals',
    texts.map((text) => text.replaceAll('github:', 'path:/nonexistent/')),
  );
  texts.forEach((text, index) => {
    const complaint = complaintOf(text.replaceAll('github:', 'path:/nonexistent/'), real.nix);
    const { said } = real.run(['flake', 'metadata', '--no-update-lock-file', `path:${places[index]}`]);
    const refused = refusal.test(said);
    const difference = refused ? undefined : older.find(([pattern]) => pattern.test(complaint ?? ''));
    if (real.nix !== '2.34' && difference !== undefined) tally.differs(difference[1]);
    else tally.same(`${text}\n    Nix says: ${lastError(said)}`, complaint !== undefined, refused);
  });
}

/** Our reason to refuse a flake.nix. */
function complaintOf(text: string, nix: NixVersion): string | undefined {
  const read = readFlake(text);
  if (!read.ok) return read.error.message;
  const inputs = lockInputsOf(read, nix);
  return inputs.ok ? undefined : inputs.errors[0]?.message;
}

/** Forms that an older Nix accepts. */
const older: readonly (readonly [RegExp, string])[] = [
  [/\bself\b/, '`self` is an input like any other before 2.27'],
  [/is not an absolute path/, 'a relative path is one in the store, which only Nix knows'],
];

/** Errors of Nix about the file itself, and not about its inputs. */
const refusal =
  /syntax error|must be an attribute set|expected an? .* but got|unexpected flake input attribute|unsupported attribute|lacks attribute|already defined|flake configuration setting|while a string, Boolean|undefined variable|flake reference|is unsupported|not supported by scheme|unsupported parameter|invalid flake input attribute|is not valid|isn't a valid|thunk|path element|is not a valid URL|is not a valid flake ID|should not have an authority|^error: .* URL '.*' is invalid|unexpected authority|unsupported \w+ input attribute|not allowed at|attribute '\w+' is not supported/m;

/** Edited and new files: everything wished is there when Nix evaluates them. */
export function compareFlakeEdits(tally: Tally, { scratch }: RealNix, some: Some): void {
  const written = edits.map(({ sections }) => ({
    wish: wishOf(parseYaml(sections.wish!) as WishText),
    text: sections.before!,
  }));
  const drawn = fc.sample(randomFlake, { numRuns: 600, seed: 12 });
  const edited = [...written, ...some(drawn)].flatMap(({ text, wish }) => {
    const edit = editFlake(text, wish);
    if (!edit.ok) tally.disagreements.push(`refused ${edit.problems[0]?.message}: ${text}`);
    return edit.ok ? [{ text: edit.text, wish }] : [];
  });
  const made = some(drawn.slice(0, 200)).map(({ wish }) => {
    const inputs = wish.inputs.filter(({ name }) => name !== 'nixpkgs');
    const whole = { ...wish, inputs: [{ name: 'nixpkgs', url: 'github:NixOS/nixpkgs' }, ...inputs] };
    return { text: newFlake(whole), wish: whole };
  });
  const all = [...edited, ...made];
  const dirs = writeFlakes(
    scratch,
    'edits',
    all.map(({ text }) => text),
  );
  const seen = observe(scratch, dirs);
  all.forEach(({ text, wish }, index) => {
    tally.same(text, [], notGranted(wish, seen[index]!, join(dirs[index]!)));
  });
}
