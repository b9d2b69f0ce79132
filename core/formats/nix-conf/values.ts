// How Nix reads the value of one setting, by the kind of the setting. Knows nothing of files.

import { byteOrder, sortedEntries } from '../flake-ref/byte-order.ts';
import { canonicalPath } from '../flake-ref/parse-ref.ts';
import type { NixVersion } from '../nix-version.ts';
import { externalBuilders } from './builders.ts';
import { knownFeatures, type Setting } from './settings.ts';
import { parseStoreRef, type StoreRef, storeOrder } from './store-ref.ts';

/** A value in force. `extendsDefault`: only `extra-` lines touched it, so Nix's own default comes before it. */
export type SettingValue =
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'number'; readonly value: bigint }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'list'; readonly value: readonly string[]; readonly extendsDefault: boolean }
  | { readonly kind: 'map'; readonly value: ReadonlyMap<string, string>; readonly extendsDefault: boolean };

/** The line's circumstances: the value so far (only when appending), and whose rules. */
export interface ValueContext {
  readonly before: SettingValue | undefined;
  readonly append: boolean;
  readonly nix: NixVersion;
}

/** A value and what Nix warns of, or the message with which it refuses to run. */
export type Applied =
  | { readonly ok: true; readonly value: SettingValue; readonly warnings?: readonly string[] }
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
      return { ok: true, value: { kind: 'bool', value }, warnings: deprecation(name, value) };
    }
    case 'jobs': {
      if (text === 'auto') return { ok: true, value: { kind: 'text', value: text } };
      const value = integer(text, 'u32');
      if (value === undefined) return invalid(`configuration setting '${name}' should be 'auto' or an integer`);
      return { ok: true, value: { kind: 'number', value } };
    }
    case 'u32':
    case 'u64':
    case 'i64': {
      const value = scaled(text, setting.kind, context.nix);
      if (value === undefined) return invalid(`setting '${name}' has invalid value '${text}'`);
      return { ok: true, value: { kind: 'number', value } };
    }
    case 'sandbox':
    case 'profiler':
      if (!WORDS[setting.kind].includes(text)) return invalid(`option '${name}' has invalid value '${text}'`);
      return { ok: true, value: { kind: 'text', value: text } };
    case 'lint':
      if (!['ignore', 'warn', 'fatal'].includes(text)) {
        return invalid(`option '${name}' has invalid value '${text}' (expected 'ignore', 'warn', or 'fatal')`);
      }
      return { ok: true, value: { kind: 'text', value: text } };
    case 'anyPath':
    case 'path':
    case 'pathOrNone': {
      if (text === '' && setting.kind !== 'pathOrNone')
        return invalid(`setting '${name}' is a path and paths cannot be empty`);
      if (text === '' || setting.kind === 'anyPath') return { ok: true, value: { kind: 'text', value: text } };
      const quoted = context.nix === '2.34' ? `"${text}"` : `'${text}'`;
      if (!text.startsWith('/')) return invalid(`not an absolute path: ${quoted}`);
      return { ok: true, value: { kind: 'text', value: canonicalPath(text) } };
    }
    case 'store': {
      const store = parseStoreRef(text);
      if (!store.ok) return invalid(store.error);
      return { ok: true, value: { kind: 'text', value: store.value.text }, warnings: store.value.warnings };
    }
    case 'builders': {
      const builders = externalBuilders(text);
      if (!builders.ok) return invalid(`parsing setting '${name}': ${builders.message}`);
      return { ok: true, value: { kind: 'text', value: builders.text } };
    }
    case 'mounts':
      return { ok: true, value: mountsValue(text, context) };
    case 'text':
      return { ok: true, value: { kind: 'text', value: text } };
    case 'map':
      return { ok: true, value: mapValue(text, context) };
    case 'list':
    case 'set':
    case 'features':
      return { ok: true, value: listValue(setting.kind, wordsOf(text), context) };
    case 'stores':
    case 'storeSet':
      return storesValue(setting.kind, wordsOf(text), context);
  }
}

const wordsOf = (text: string): readonly string[] => text.split(' ').filter((word) => word !== '');

const WORDS: Readonly<Record<'sandbox' | 'profiler', readonly string[]>> = {
  sandbox: ['true', 'false', 'relaxed'],
  profiler: ['disabled', 'flamegraph'],
};

/** A switch that became one word of another setting. */
function deprecation(name: string, value: boolean): readonly string[] {
  if (name !== 'warn-short-path-literals') return [];
  const now = `lint-short-path-literals = ${value ? 'warn' : 'ignore'}`;
  return [`'${name}' is deprecated, use '${now}' instead`];
}

const TRUE = new Set(['true', 'yes', '1']);
const FALSE = new Set(['false', 'no', '0']);
const UNITS: Readonly<Record<string, bigint>> = { K: 2n ** 10n, M: 2n ** 20n, G: 2n ** 30n, T: 2n ** 40n };
const WRAPS = {
  u32: (value: bigint) => BigInt.asUintN(32, value),
  u64: (value: bigint) => BigInt.asUintN(64, value),
  i64: (value: bigint) => BigInt.asIntN(64, value),
} as const;
type Width = keyof typeof WRAPS;

/** A number with a unit, which only newer Nixes take: it is multiplied without a look at the width, so `4G` cores are 0. */
function scaled(text: string, width: Width, nix: NixVersion): bigint | undefined {
  const unit = nix === '2.8' ? undefined : UNITS[text.slice(-1).toUpperCase()];
  if (unit === undefined) return integer(text, width);
  const value = integer(text.slice(0, -1), width);
  return value === undefined ? undefined : WRAPS[width](value * unit);
}

function integer(text: string, width: Width): bigint | undefined {
  if (!/^[+-]?\d+$/.test(text) || (width !== 'i64' && text.startsWith('-'))) return undefined;
  const value = BigInt(text.replace('+', ''));
  return WRAPS[width](value) === value ? value : undefined;
}

function storesValue(kind: 'stores' | 'storeSet', words: readonly string[], context: ValueContext): Applied {
  const stores: StoreRef[] = [];
  for (const word of words) {
    const store = parseStoreRef(word);
    if (!store.ok) return { ok: false, message: store.error };
    stores.push(store.value);
  }
  const texts = stores.map((store) => store.text);
  const value = listValue(kind === 'stores' ? 'list' : 'set', texts, context, storeOrder);
  return { ok: true, value, warnings: stores.flatMap((store) => store.warnings) };
}

function listValue(
  kind: 'list' | 'set' | 'features',
  items: readonly string[],
  context: ValueContext,
  order: (a: string, b: string) => number = byteOrder,
): SettingValue {
  const before = context.before?.kind === 'list' ? context.before : undefined;
  const all = [...(before?.value ?? []), ...(kind === 'features' ? featureSet(items, context.nix) : items)];
  const value = kind === 'list' ? all : [...new Set(all)].toSorted(order);
  const extendsDefault = context.append && (before?.extendsDefault ?? true);
  return { kind: 'list', value, extendsDefault };
}

function featureSet(names: readonly string[], nix: NixVersion): readonly string[] {
  const known = names.filter((name) => knownFeatures(nix).includes(name));
  return nix !== '2.8' && known.includes('flakes') ? [...known, 'fetch-tree'] : known;
}

/** `target=source?`: of a line the last of equal targets stays, and what was there before it. */
function mountsValue(text: string, context: ValueContext): SettingValue {
  const before = context.before?.kind === 'list' ? context.before : undefined;
  const entry = (item: string): readonly [string, string] => {
    const [, whole = '', optional = ''] = /^(.*?)(\??)$/s.exec(item) ?? [];
    const equals = whole.indexOf('=');
    const target = equals < 0 ? whole : whole.slice(0, equals);
    const source = equals < 0 ? whole : whole.slice(equals + 1);
    return [target, (source === target ? target : `${target}=${source}`) + optional];
  };
  const mounts = new Map([...wordsOf(text), ...(before?.value ?? [])].map(entry));
  const value = sortedEntries(mounts).map(([, shown]) => shown);
  return { kind: 'list', value, extendsDefault: context.append && (before?.extendsDefault ?? true) };
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
