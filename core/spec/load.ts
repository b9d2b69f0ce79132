// Reads a spec: text to a checked value with a digest, and the place of every wish in the text.

import type { WrittenSpec } from '../../schemas/spec.gen.ts';
import { validate } from '../../schemas/validate-spec.gen.mjs';
import { digestOfJson } from '../canonical.ts';
import { type Diagnostic, isError, type JsonPointer, rangeOf, type SourceRange } from '../diagnostic.ts';
import { parseJson } from '../formats/json.ts';
import { fromPointer } from '../formats/json-pointer.ts';
import type { ParseProblem, PlacedText, Span } from '../formats/placed-text.ts';
import { parsePlainYaml } from '../formats/plain-yaml.ts';
import { parseYaml } from '../formats/yaml.ts';
import { isOfHost, leafFrom } from '../leaf.ts';
import { MOST } from '../limits.ts';
import type { Digest } from '../model.ts';
import { checkShape, checkSpec } from './checks.ts';
import { type Hosts, hostsOf } from './hosts-over-defaults.ts';
import { problemsOf, type SpecProblem } from './schema-errors.ts';
import { mended, type Slip, slipsIn } from './slips.ts';

/**
 * The place of a wish, by default of its value; undefined where the spec has no such member. What one of several hosts does not
 * say itself is a default: its place is there.
 */
export type Locate = (pointer: JsonPointer, what?: 'key' | 'value') => SourceRange | undefined;

/** `diagnostics` of a good spec are warnings; sorted by place, each once. `digest` ignores comments and layout. */
export type LoadedSpec =
  | {
      readonly ok: true;
      readonly hosts: Hosts;
      readonly digest: Digest;
      readonly locate: Locate;
      readonly diagnostics: readonly Diagnostic[];
    }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/** Mistakes told at once, at most. */
const MOST_FAILURES = 200;

/** A good spec in plain YAML needs no YAML package; one with a mistake is left to the package. */
async function readYaml(content: string): Promise<PlacedText> {
  const plain = parsePlainYaml(content);
  return plain !== undefined && validate(plain.value) ? plain : await parseYaml(content);
}

/**
 * Parses (JSON where `file` ends in .json, else YAML), validates and checks. `file` is as the user named it and only
 * used in places. Never throws on any text.
 */
export async function loadSpec(file: string, text: string): Promise<LoadedSpec> {
  const content = text.startsWith('\uFEFF') ? text.slice(1) : text;
  const at = (span: Span): SourceRange => rangeOf(file, content, span);
  const unparsable = (summary: string, span: Span, hint?: string): LoadedSpec => ({
    ok: false,
    diagnostics: [parseProblem({ message: summary, span, ...(hint === undefined ? {} : { hint }) }, at)],
  });

  if (content.length > MOST.specLength) return unparsable('the spec is larger than 256 KiB', { start: 0, end: 0 });
  const control = content.search(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/);
  if (control !== -1) {
    const name = content.charCodeAt(control).toString(16).toUpperCase().padStart(4, '0');
    return unparsable(`control character U+${name}`, { start: control, end: control + 1 }, 'remove it');
  }

  const isJson = file.toLowerCase().endsWith('.json');
  /** The text as it is, or with slips mended; each place is where it stands in the text as it is. */
  const read = async (slips: readonly Slip[]): Promise<LoadedSpec> => {
    const meant = mended(content, slips);
    const there = ({ start, end }: Span): SourceRange => at({ start: meant.origin(start), end: meant.origin(end) });
    return await readSpec(meant.text, isJson, there);
  };
  const asItIs = await readSpec(content, isJson, at);
  const maybe = asItIs.ok ? [] : slipsIn(content, isJson);
  if (maybe.length === 0) return asItIs;
  const slips = await realSlips(maybe, read);
  if (slips.length === 0) return asItIs;
  const { diagnostics } = await read(slips);
  return { ok: false, diagnostics: tidy([...slips.map((slip) => parseProblem(slip, at)), ...diagnostics]) };
}

/** Those without which, left as they are, the text has more mistakes. */
async function realSlips(
  maybe: readonly Slip[],
  read: (mended: readonly Slip[]) => Promise<LoadedSpec>,
): Promise<readonly Slip[]> {
  const mistakes = async (slips: readonly Slip[]): Promise<number> => {
    const { diagnostics } = await read(slips);
    // What can't be parsed was not looked at: it has more mistakes than any that could.
    return diagnostics.length + (diagnostics.some(({ code }) => code === 'RF1002') ? MOST_FAILURES : 0);
  };
  const least = await mistakes(maybe);
  if (maybe.length > MOST_SLIPS) return least < (await mistakes([])) ? maybe : [];
  const real: Slip[] = [];
  for (const slip of maybe) if ((await mistakes(maybe.filter((other) => other !== slip))) > least) real.push(slip);
  return real;
}

/** So many are tried one by one. */
const MOST_SLIPS = 8;

const parseProblem = ({ message, hint, span }: ParseProblem, at: (span: Span) => SourceRange): Diagnostic => ({
  severity: 'error',
  code: 'RF1002',
  summary: message,
  at: at(span),
  ...(hint === undefined ? {} : { hint }),
});

/** `at`: the place of a span of `text`. */
async function readSpec(text: string, isJson: boolean, at: (span: Span) => SourceRange): Promise<LoadedSpec> {
  const parsed = isJson ? parseJson(text) : await readYaml(text);
  if (!parsed.ok) {
    const diagnostics = tidy(parsed.problems.map((problem) => parseProblem(problem, at)));
    // After a mistake the parser goes on in the same line, and what it finds there follows from it.
    return {
      ok: false,
      diagnostics: diagnostics.filter((one, index) => one.at?.line !== diagnostics[index - 1]?.at?.line),
    };
  }
  if (parsed.value === null || parsed.value === undefined) {
    const problem = { message: 'the spec is empty', span: { start: 0, end: 0 }, hint: 'run reflake init to write one' };
    return { ok: false, diagnostics: [parseProblem(problem, at)] };
  }

  const locate = locator(parsed, at);
  const shape = checkShape(parsed.value);
  if (!validate(parsed.value) || shape.length > 0) {
    const problems = [...shape, ...problemsOf((validate.errors ?? []).slice(0, MOST_FAILURES))];
    return { ok: false, diagnostics: tidy(problems.map((problem) => placed(problem, locate))) };
  }
  const spec = parsed.value as WrittenSpec;
  const diagnostics = tidy(checkSpec(spec).map((problem) => placed(problem, locate)));
  if (diagnostics.some(isError)) return { ok: false, diagnostics };
  return { ok: true, hosts: hostsOf(spec), digest: digestOfJson(spec), locate, diagnostics };
}

function locator(parsed: Extract<PlacedText, { ok: true }>, at: (span: Span) => SourceRange): Locate {
  return (pointer, what = 'value') => {
    const { host, wish } = leafFrom(pointer);
    const place =
      parsed.placeOf(fromPointer(pointer)) ??
      (host === undefined || !isOfHost(wish) ? undefined : parsed.placeOf(fromPointer(wish)));
    return place === undefined ? undefined : at(what === 'key' ? (place.key ?? place.value) : place.value);
  };
}

function placed({ part, pointer, ...problem }: SpecProblem, locate: Locate): Diagnostic {
  const place = locate(pointer, part) ?? locate('');
  return { ...problem, pointer, ...(place === undefined ? {} : { at: onFirstLine(place, pointer) }) };
}

/** A missing key of the whole spec is shown at its beginning, not under all of it. */
function onFirstLine(range: SourceRange, pointer: JsonPointer): SourceRange {
  return pointer === '' ? { ...range, endLine: range.line, endColumn: range.column } : range;
}

/** Sorted by place, each once. */
function tidy(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  const order = (a: Diagnostic, b: Diagnostic): number =>
    (a.at?.line ?? 0) - (b.at?.line ?? 0) || (a.at?.column ?? 0) - (b.at?.column ?? 0);
  const seen = new Set<string>();
  return diagnostics.toSorted(order).filter((diagnostic) => {
    const key = `${diagnostic.code} ${diagnostic.summary} ${diagnostic.at?.line}:${diagnostic.at?.column}`;
    return !seen.has(key) && seen.add(key);
  });
}
