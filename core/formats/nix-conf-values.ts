// How Nix reads the value of one setting, by the kind of the setting. Knows nothing of files.

import { knownFeatures, type NixRules, type Setting } from './nix-conf-settings.ts';
import { storeRefError } from './store-ref.ts';

/** A value in force. `extendsDefault`: only `extra-` lines touched it, so Nix's own default comes before it. */
export type SettingValue =
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'list'; readonly value: readonly string[]; readonly extendsDefault: boolean }
  | { readonly kind: 'map'; readonly value: ReadonlyMap<string, string>; readonly extendsDefault: boolean };

/** The line's circumstances: the value so far (only when appending), and whose rules. */
export interface ValueContext {
  readonly before: SettingValue | undefined;
  readonly append: boolean;
  readonly nix: NixRules;
}

/** A value, or the message with which Nix refuses to run. */
export type Applied =
  | { readonly ok: true; readonly value: SettingValue }
  | { readonly ok: false; readonly message: string };

/**
 * The setting's value after a line `NAME = text` or, with `append`, `extra-NAME = text` (NIX.md section 6.3).
 * `text` has its tokens joined by one space.
 */
export function applyValue(setting: Setting, text: string, context: ValueContext): Applied {
  const { name } = setting;
  const invalid = (message: string): Applied => ({ ok: false, message });
  switch (setting.kind) {
    case 'bool': {
      const value = TRUE.has(text) ? true : FALSE.has(text) ? false : undefined;
      if (value === undefined) return invalid(`Boolean setting '${name}' has invalid value '${text}'`);
      return { ok: true, value: { kind: 'bool', value } };
    }
    case 'jobs': {
      if (text === 'auto') return { ok: true, value: { kind: 'text', value: text } };
      const value = integer(text, 'u32', context.nix);
      if (value === undefined) return invalid(`configuration setting '${name}' should be 'auto' or an integer`);
      return { ok: true, value: { kind: 'number', value } };
    }
    case 'u32':
    case 'u64':
    case 'i64': {
      const value = integer(text, setting.kind, context.nix);
      if (value === undefined) return invalid(`setting '${name}' has invalid value '${text}'`);
      return { ok: true, value: { kind: 'number', value } };
    }
    case 'sandbox':
      if (!['true', 'false', 'relaxed'].includes(text)) return invalid(`option '${name}' has invalid value '${text}'`);
      return { ok: true, value: { kind: 'text', value: text } };
    case 'lint':
      if (!['ignore', 'warn', 'fatal'].includes(text)) {
        return invalid(`option '${name}' has invalid value '${text}' (expected 'ignore', 'warn', or 'fatal')`);
      }
      return { ok: true, value: { kind: 'text', value: text } };
    case 'path':
      if (text === '') return invalid(`setting '${name}' is a path and paths cannot be empty`);
      return { ok: true, value: { kind: 'text', value: text } };
    case 'text':
      return { ok: true, value: { kind: 'text', value: text } };
    case 'map':
      return { ok: true, value: mapValue(text, context) };
    case 'list':
    case 'set':
    case 'features': {
      const refused = context.nix === '2.34' && STORES.has(name) ? refusedStore(text) : undefined;
      if (refused !== undefined) return invalid(refused);
      return { ok: true, value: listValue(setting.kind, text, context) };
    }
  }
}

const STORES = new Set(['substituters', 'trusted-substituters']);

function refusedStore(text: string): string | undefined {
  for (const word of text.split(' ')) {
    const refused = storeRefError(word);
    if (refused !== undefined) return refused;
  }
  return undefined;
}

const TRUE = new Set(['true', 'yes', '1']);
const FALSE = new Set(['false', 'no', '0']);
const UNITS: Readonly<Record<string, number>> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };
const LIMITS = { u32: [0, 2 ** 32 - 1], u64: [0, 2 ** 64], i64: [-(2 ** 63), 2 ** 63] } as const;

function integer(text: string, kind: keyof typeof LIMITS, nix: NixRules): number | undefined {
  const match = /^([+-]?\d+)([KMGT]?)$/i.exec(text);
  if (!match) return undefined;
  const unit = (match[2] ?? '').toUpperCase();
  if (unit !== '' && nix === '2.8') return undefined;
  const value = Number(match[1]) * (UNITS[unit] ?? 1);
  const [low, high] = LIMITS[kind];
  if (low === 0 && text.startsWith('-')) return undefined;
  return value >= low && value <= high ? value : undefined;
}

function listValue(kind: 'list' | 'set' | 'features', text: string, context: ValueContext): SettingValue {
  const before = context.before?.kind === 'list' ? context.before : undefined;
  const items = text.split(' ').filter((word) => word !== '');
  const all = [...(before?.value ?? []), ...(kind === 'features' ? featureSet(items, context.nix) : items)];
  const value = kind === 'list' ? all : [...new Set(all)].toSorted();
  const extendsDefault = context.append && (before?.extendsDefault ?? true);
  return { kind: 'list', value, extendsDefault };
}

function featureSet(names: readonly string[], nix: NixRules): readonly string[] {
  const known = names.filter((name) => knownFeatures(nix).includes(name));
  return nix !== '2.8' && known.includes('flakes') ? [...known, 'fetch-tree'] : known;
}

function mapValue(text: string, context: ValueContext): SettingValue {
  const before = context.before?.kind === 'map' ? context.before : undefined;
  const value = new Map(before?.value);
  for (const item of text.split(' ')) {
    const equals = item.indexOf('=');
    if (equals < 0) continue;
    const key = item.slice(0, equals);
    if (!value.has(key)) value.set(key, item.slice(equals + 1));
  }
  return { kind: 'map', value, extendsDefault: context.append && (before?.extendsDefault ?? true) };
}
