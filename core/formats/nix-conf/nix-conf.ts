// What a stack of nix.conf files amounts to: the settings and experimental features in force, and which line decides.
// The only place that knows Nix's merging rules; the caller supplies every text.

import { MOST } from '../../limits.ts';
import { isPossible } from '../../path.ts';
import { canonicalPath } from '../flake-ref/parse-ref.ts';
import type { NixVersion } from '../nix-version.ts';
import { type ConfLine, confLines } from './lines.ts';
import { knownFeatures, lookupSetting } from './settings.ts';
import { applyValue, type SettingValue } from './values.ts';

/** One text that Nix reads, in reading order. `path` is absolute, or `NIX_CONFIG` for the variable's text. */
export interface ConfSource {
  readonly path: string;
  readonly text: string;
}

/** The text of an included file; undefined when it does not exist, null when it cannot be read (Nix skips those). */
export type ReadInclude = (path: string) => string | null | undefined;

/** A place in a file, line from 1. */
export interface ConfPlace {
  readonly path: string;
  readonly line: number;
}

/** A line about experimental features, in the order applied. `inForce`: no later line discards it. */
export interface FeatureLine extends ConfPlace {
  readonly how: 'assigns' | 'extends';
  readonly features: readonly string[];
  readonly inForce: boolean;
}

/** What Nix says and goes on. `message` is Nix's own text without `warning: `. */
export interface ConfWarning extends ConfPlace {
  readonly message: string;
}

/** Why every Nix command fails (for a loop: crashes) with these files. `message` is Nix's own text where it has one. */
export interface ConfError extends ConfPlace {
  readonly kind: 'syntax' | 'include' | 'loop' | 'value';
  readonly message: string;
}

/** The configuration in force. After an `error`, what was applied before it. */
export interface NixConf {
  readonly settings: ReadonlyMap<string, SettingValue>;
  /** The effective set, sorted, with what features imply (`flakes` brings `fetch-tree` since 2.19). */
  readonly experimentalFeatures: readonly string[];
  /** The names the lines in force ask for, sorted, including those this Nix does not know. */
  readonly requestedFeatures: readonly string[];
  readonly featureLines: readonly FeatureLine[];
  /** The last line that assigns without `extra-`: the one whose file wins. */
  readonly winner: FeatureLine | undefined;
  readonly warnings: readonly ConfWarning[];
  readonly error: ConfError | undefined;
}

/**
 * Evaluates the sources, lowest priority first (as `nixConfFiles` lists them, then `NIX_CONFIG`), by NIX.md
 * sections 6.2 to 6.4. Never throws. Files that don't exist are left out of `sources` by the caller.
 */
export function evaluateNixConf(
  sources: readonly ConfSource[],
  readInclude: ReadInclude,
  nix: NixVersion = '2.34',
): NixConf {
  const state: State = {
    nix,
    settings: new Map(),
    requested: new Set(),
    lines: [],
    warnings: [],
    unknown: new Map(),
  };
  let error: ConfError | undefined;
  for (const source of sources) {
    const collected: Assignment[] = [];
    error = collect(source, { readInclude, nix, open: [], budget: { left: MOST.includes } }, collected);
    error = applyAll(collected, state, error);
    if (error) break;
  }
  const features = state.settings.get('experimental-features');
  const lines = inForce(state.lines);
  return {
    settings: state.settings,
    experimentalFeatures: features?.kind === 'list' ? features.value : [],
    requestedFeatures: [...state.requested].toSorted(),
    featureLines: lines,
    winner: lines.findLast((line) => line.how === 'assigns'),
    warnings: [...state.warnings, ...[...state.unknown.values()].toSorted((a, b) => compare(a.message, b.message))],
    error,
  };
}

interface Assignment extends ConfPlace {
  readonly name: string;
  readonly value: string;
}

interface State {
  readonly nix: NixVersion;
  readonly settings: Map<string, SettingValue>;
  requested: Set<string>;
  readonly lines: Omit<FeatureLine, 'inForce'>[];
  readonly warnings: ConfWarning[];
  readonly unknown: Map<string, ConfWarning>;
}

interface Walk {
  readonly readInclude: ReadInclude;
  readonly nix: NixVersion;
  readonly open: readonly string[];
  readonly budget: { left: number };
}

function collect(source: ConfSource, walk: Walk, into: Assignment[]): ConfError | undefined {
  const { path } = source;
  for (const line of confLines(source.text)) {
    const [first, second] = line.tokens;
    const place = { path, line: line.line };
    const syntax = { ...place, kind: 'syntax' as const, message: syntaxMessage(line, path, walk.nix) };
    if (first === undefined || second === undefined) return syntax;
    if (first.text === 'include' || first.text === '!include') {
      if (line.tokens.length !== 2) return syntax;
      const error = include(second.text, first.text === '!include', place, walk, into);
      if (error) return error;
      continue;
    }
    if (second.text !== '=') return syntax;
    const value = line.tokens.slice(2).map((token) => token.text);
    into.push({ ...place, name: first.text, value: value.join(' ') });
  }
  return undefined;
}

/** At most 60 characters, NUL as JSON has it. */
const shown = (path: string): string => {
  const text = path.replaceAll('\0', '\\u0000');
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
};

function include(target: string, optional: boolean, place: ConfPlace, walk: Walk, into: Assignment[]) {
  const quote = (text: string) => (walk.nix === '2.34' ? `"${text}"` : `'${text}'`);
  const base = place.path.startsWith('/') ? place.path.replace(/[^/]*$/, '') : './';
  const joined = target.startsWith('/') ? target : base + target;
  const fail = (kind: 'include' | 'loop', message: string): ConfError => ({ ...place, kind, message });
  if (!joined.startsWith('/')) {
    return fail('include', `not an absolute path: ${quote(walk.nix === '2.34' ? target : joined)}`);
  }
  const path = canonicalPath(joined);
  if (!isPossible(path)) return fail('include', `no file can have the path ${quote(shown(path))}`);
  const text = walk.readInclude(path);
  if (text === null) return undefined;
  if (text === undefined) {
    return optional ? undefined : fail('include', `file ${quote(path)} included from ${quote(place.path)} not found`);
  }
  const open = [...walk.open, place.path.startsWith('/') ? canonicalPath(place.path) : place.path];
  if (open.includes(path)) return fail('loop', `file ${quote(path)} includes itself (Nix crashes)`);
  if (walk.budget.left-- <= 0) return fail('loop', `more than ${MOST.includes} included files`);
  return collect({ path, text }, { ...walk, open }, into);
}

function syntaxMessage(line: ConfLine, path: string, nix: NixVersion): string {
  if (nix === '2.8') return `illegal configuration line '${line.source}' in '${path}'`;
  const quoted = nix === '2.26' || !path.startsWith('/') ? `'${path}'` : `"${path}"`;
  return `syntax error in configuration line '${line.source}' in ${quoted}`;
}

/** Since 2.16 a file is parsed whole, then its feature lines come first; before, line by line. */
function applyAll(all: readonly Assignment[], state: State, parseError: ConfError | undefined): ConfError | undefined {
  if (state.nix === '2.8') return firstError(all, state) ?? parseError;
  if (parseError) return parseError;
  const isFeature = (one: Assignment) => one.name.replace(/^extra-/, '') === 'experimental-features';
  return firstError([...all.filter(isFeature), ...all.filter((one) => !isFeature(one))], state);
}

function firstError(all: readonly Assignment[], state: State): ConfError | undefined {
  for (const one of all) {
    const error = apply(one, state);
    if (error) return error;
  }
  return undefined;
}

function apply(one: Assignment, state: State): ConfError | undefined {
  const { path, line, name, value } = one;
  const exact = lookupSetting(name, state.nix);
  const extra = exact === undefined && name.startsWith('extra-') ? lookupSetting(name.slice(6), state.nix) : undefined;
  const setting = exact ?? (extra?.appendable ? extra : undefined);
  if (setting === undefined) {
    if (!state.unknown.has(name)) state.unknown.set(name, { path, line, message: `unknown setting '${name}'` });
    return undefined;
  }
  if (setting.gate !== undefined && !isEnabled(setting.gate, state)) {
    const message = `Ignoring setting '${setting.name}' because experimental feature '${setting.gate}' is not enabled`;
    state.warnings.push({ path, line, message });
    return undefined;
  }
  const append = exact === undefined;
  if (setting.kind === 'features') noteFeatures(one, append, state);
  const before = append ? state.settings.get(setting.name) : undefined;
  const applied = applyValue(setting, value, { before, append, nix: state.nix });
  if (!applied.ok) return { path, line, kind: 'value', message: applied.message };
  for (const message of applied.warnings ?? []) state.warnings.push({ path, line, message });
  state.settings.set(setting.name, applied.value);
  return undefined;
}

function noteFeatures(one: Assignment, append: boolean, state: State): void {
  const { path, line } = one;
  const features = one.value.split(' ').filter((word) => word !== '');
  const known = knownFeatures(state.nix);
  for (const feature of [...new Set(features)].toSorted()) {
    if (!known.includes(feature)) {
      state.warnings.push({ path, line, message: `unknown experimental feature '${feature}'` });
    }
  }
  state.requested = new Set(append ? [...state.requested, ...features] : features);
  state.lines.push({ path, line, how: append ? 'extends' : 'assigns', features });
}

function isEnabled(feature: string, state: State): boolean {
  const now = state.settings.get('experimental-features');
  return now?.kind === 'list' && now.value.includes(feature);
}

function inForce(lines: readonly Omit<FeatureLine, 'inForce'>[]): readonly FeatureLine[] {
  const last = lines.findLastIndex((line) => line.how === 'assigns');
  return lines.map((line, index) => ({ ...line, inForce: index >= last }));
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
