// The record of what checks found: which findings there were, since when, and whether somebody was told. It is evidence alone: no
// verdict, exit code or edit comes from it, but those of telling (`--notify-state`, `--after`). Pure.

import type { Seen } from '../event.ts';
import { dataWithoutCredentials } from '../formats/credentials.ts';

export interface SeenRecord {
  /** What was checked, in words; another check keeps another record. */
  readonly of: string;
  /** When the last check ended that wrote here. */
  readonly at: string;
  /** When a check last came to an answer, drift or not. */
  readonly lastSuccess?: string;
  /** How many checks in a row ended with drift. */
  readonly drifts: number;
  readonly findings: readonly Seen[];
}

const KIND = 'record of checks';
const VERSION = 1;

export const recordText = (record: SeenRecord): string =>
  `${JSON.stringify({ reflake: KIND, version: VERSION, ...dataWithoutCredentials(record) }, null, 1)}\n`;

export type ReadRecord =
  | { readonly ok: true; readonly record: SeenRecord }
  /** `why`: one lower-case clause. */
  | { readonly ok: false; readonly why: string };

/** The inverse of `recordText`, of any text. */
export function recordIn(text: string): ReadRecord {
  const read = parsed(text);
  if (!isObject(read) || read.reflake !== KIND) return { ok: false, why: 'it is no record of checks' };
  const { version, of, at, lastSuccess, drifts, findings } = read;
  if (Number.isSafeInteger(version) && Number(version) > VERSION)
    return { ok: false, why: `a newer reflake wrote it (version ${version}; this one knows ${VERSION})` };
  const isGood =
    version === VERSION &&
    typeof of === 'string' &&
    isTime(at) &&
    (lastSuccess === undefined || isTime(lastSuccess)) &&
    isCount(drifts) &&
    Array.isArray(findings) &&
    findings.every(isSeen);
  if (!isGood) return { ok: false, why: 'its content is damaged' };
  const kept = { of, at, drifts, findings } as SeenRecord;
  return { ok: true, record: { ...kept, ...(lastSuccess !== undefined && { lastSuccess: lastSuccess as string }) } };
}

const isSeen = (value: unknown): boolean =>
  isObject(value) &&
  /^sha256:[0-9a-f]{64}$/.test(String(value.id)) &&
  /^RF\d{4}$/.test(String(value.code)) &&
  typeof value.subject === 'string' &&
  Array.isArray(value.wishes) &&
  value.wishes.every((wish) => typeof wish === 'string') &&
  (value.path === undefined || typeof value.path === 'string') &&
  isTime(value.firstSeen) &&
  typeof value.told === 'boolean';

const isTime = (value: unknown): boolean =>
  typeof value === 'string' && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value) && !Number.isNaN(Date.parse(value));

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;

const isObject = (value: unknown): value is Partial<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
