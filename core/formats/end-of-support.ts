// The last day on which each NixOS release gets updates: dated data, built in or of a file, and how old that data is. Pure.

import { parseJson } from './json.ts';
import type { PlacedText, Span } from './placed-text.ts';
import { parseYaml } from './yaml.ts';

/** `asOf`: the day on which somebody looked. `ends`: by release, `24.05`; days as `2024-12-31`. */
export interface SupportTable {
  /** Its file; undefined: it is built in. */
  readonly file?: string;
  readonly asOf: string;
  readonly ends: ReadonlyMap<string, string>;
}

/** From the announcements of nixos.org; a release that is not out yet has the day that its schedule names. */
export const BUILT_IN: SupportTable = {
  asOf: '2026-12-01',
  ends: new Map([
    ['19.03', '2019-10-09'],
    ['19.09', '2020-04-27'],
    ['20.03', '2020-10-27'],
    ['20.09', '2021-06-30'],
    ['21.05', '2021-12-31'],
    ['21.11', '2022-06-30'],
    ['22.05', '2022-12-31'],
    ['22.11', '2023-06-30'],
    ['23.05', '2023-12-31'],
    ['23.11', '2024-06-30'],
    ['24.05', '2024-12-31'],
    ['24.11', '2025-06-30'],
    ['25.05', '2025-12-31'],
    ['25.11', '2026-06-30'],
    ['26.05', '2026-12-31'],
    ['26.11', '2027-06-30'],
  ]),
};

/**
 * The last day of a release; of one older than all in the table, that of the oldest, which it did not outlive. Undefined: the table
 * does not tell.
 */
export function endOfSupport({ ends }: SupportTable, release: string): string | undefined {
  const known = ends.get(release);
  if (known !== undefined) return known;
  const oldest = [...ends.keys()].sort()[0];
  return oldest !== undefined && release < oldest ? ends.get(oldest) : undefined;
}

/** A release comes every six months, so a table that is older than that by weeks lacks one. `today`: `2026-12-01`. */
export const isStale = ({ asOf }: SupportTable, today: string): boolean =>
  Date.parse(today) - Date.parse(asOf) > STALE_DAYS * 86_400_000;
const STALE_DAYS = 200;

/** `message` is one clause, `hint` an imperative. */
export interface TableProblem {
  readonly message: string;
  readonly hint: string;
  readonly span: Span;
}

export type TableRead =
  | { readonly ok: true; readonly table: SupportTable }
  | { readonly ok: false; readonly problems: readonly TableProblem[] };

const SHAPE = 'write { "asOf": "2026-12-01", "releases": { "26.05": "2026-12-31" } }';

/** Reads a table (JSON if `file` ends in .json, else YAML). Every mistake is told with its place. */
export async function readSupportTable(file: string, text: string): Promise<TableRead> {
  const parsed = file.toLowerCase().endsWith('.json') ? parseJson(text) : await parseYaml(text);
  if (!parsed.ok)
    return { ok: false, problems: parsed.problems.map(({ message, hint = SHAPE, span }) => ({ message, hint, span })) };
  const { value } = parsed;
  const placed = (keys: readonly string[], message: string, hint = SHAPE): TableProblem => ({
    message,
    hint,
    span: placeOf(parsed, keys),
  });
  if (!isMap(value)) return { ok: false, problems: [placed([], 'the table is no map')] };
  const { asOf, releases } = value;
  const others = Object.keys(value).filter((key) => key !== 'asOf' && key !== 'releases');
  const problems = [
    ...others.map((key) => placed([key], `unknown key ${JSON.stringify(key)}`)),
    ...(isDay(asOf) ? [] : [placed(['asOf'], `asOf is no day: ${shown(asOf)}`, A_DAY)]),
    ...(isMap(releases) ? [] : [placed(['releases'], 'releases is no map from release to day')]),
    ...Object.entries(isMap(releases) ? releases : {}).flatMap(([release, end]) => [
      ...(/^\d\d\.\d\d$/.test(release)
        ? []
        : [placed(['releases', release], `${JSON.stringify(release)} is no release`, 'write it as 26.05, in quotes')]),
      ...(isDay(end) ? [] : [placed(['releases', release], `the end of ${release} is no day: ${shown(end)}`, A_DAY)]),
    ]),
  ];
  if (problems.length > 0 || !isDay(asOf)) return { ok: false, problems };
  return { ok: true, table: { file, asOf, ends: new Map(Object.entries(releases as Record<string, string>)) } };
}

const A_DAY = 'write a day that there is as 2026-12-31, in quotes';

const placeOf = (parsed: Extract<PlacedText, { ok: true }>, keys: readonly string[]): Span =>
  parsed.placeOf(keys)?.value ?? { start: 0, end: 0 };

const shown = (value: unknown): string =>
  value === undefined ? 'there is none' : (JSON.stringify(value) ?? '').slice(0, 40);

/** True for a day that there is: Date.parse takes 2027-02-31 for one in March. */
export const isDay = (value: unknown): value is string =>
  typeof value === 'string' &&
  /^\d{4}-\d\d-\d\d$/.test(value) &&
  !Number.isNaN(Date.parse(value)) &&
  new Date(value).toISOString().slice(0, 10) === value;

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
