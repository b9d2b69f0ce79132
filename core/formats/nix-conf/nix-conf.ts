// Evaluates a stack of nix.conf files: the experimental features asked for, the line that decides, the error that stops Nix.
// The only place that knows Nix's merging rules; the caller supplies every text.

import { MOST } from '../../limits.ts';
import { isPossible } from '../../path.ts';
import { canonicalPath } from '../flake-ref/parse-ref.ts';
import type { NixVersion } from '../nix-version.ts';
import { type ConfLine, confLines } from './lines.ts';
import { lookupSetting } from './settings.ts';
import { refusal } from './values.ts';

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

/** A line about experimental features. */
export interface FeatureLine extends ConfPlace {
  readonly features: readonly string[];
}

/** The reason every Nix command fails (for a loop: crashes) with these files. `message` is Nix's own text where it has one. */
export interface ConfError extends ConfPlace {
  readonly kind: 'syntax' | 'include' | 'loop' | 'value';
  readonly message: string;
}

/** The result of the lines in force. With an `error`: of those before it. */
export interface NixConf {
  /** The names the lines in force ask for, sorted, including those this Nix does not know. */
  readonly requestedFeatures: readonly string[];
  /** The last line that assigns features without `extra-`: the one whose file wins. */
  readonly winner: FeatureLine | undefined;
  /** The lines in force: the winner, and those that add to it. */
  readonly featureLines: readonly FeatureLine[];
  /** `trusted-users`: names, `@` and the name of a group, or `*`. */
  readonly trustedUsers: readonly string[];
  /** The files that Nix loads as it starts: where one is missing, every command fails. A relative path is one of its cwd. */
  readonly plugins: readonly (ConfPlace & { readonly file: string })[];
  readonly error: ConfError | undefined;
}

/**
 * Evaluates the sources, lowest priority first (as `nixConfFiles` lists them, then `NIX_CONFIG`), by the rules in docs/nix.md,
 * "nix.conf". Never throws. The caller leaves out files that don't exist.
 */
export function evaluateNixConf(
  sources: readonly ConfSource[],
  readInclude: ReadInclude,
  nix: NixVersion = '2.34',
): NixConf {
  const state: State = {
    nix,
    requested: new Set(),
    winner: undefined,
    featureLines: [],
    trustedUsers: ['root'],
    plugins: [],
  };
  let error: ConfError | undefined;
  for (const source of sources) {
    const collected: Assignment[] = [];
    error = collect(source, { readInclude, nix, open: [], budget: { left: MOST.includes } }, collected);
    error = applyAll(collected, state, error);
    if (error) break;
  }
  const { requested, winner, featureLines, trustedUsers, plugins } = state;
  return { requestedFeatures: [...requested].toSorted(), winner, featureLines, trustedUsers, plugins, error };
}

interface Assignment extends ConfPlace {
  readonly name: string;
  readonly value: string;
}

interface State {
  readonly nix: NixVersion;
  requested: ReadonlySet<string>;
  winner: FeatureLine | undefined;
  featureLines: NixConf['featureLines'];
  trustedUsers: NixConf['trustedUsers'];
  plugins: NixConf['plugins'];
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
  const isFeature = (one: Assignment) => FEATURES.test(one.name);
  return firstError([...all.filter(isFeature), ...all.filter((one) => !isFeature(one))], state);
}

const FEATURES = /^(extra-)?experimental-features$/;
const TRUSTED = /^(extra-)?trusted-users$/;

function firstError(all: readonly Assignment[], state: State): ConfError | undefined {
  for (const one of all) {
    const error = apply(one, state);
    if (error) return error;
  }
  return undefined;
}

function apply(one: Assignment, state: State): ConfError | undefined {
  const { path, line, name, value } = one;
  const words = value.split(' ').filter((word) => word !== '');
  if (FEATURES.test(name)) {
    const append = name !== 'experimental-features';
    state.requested = new Set(append ? [...state.requested, ...words] : words);
    const told = { path, line, features: words };
    if (!append) state.winner = told;
    state.featureLines = append ? [...state.featureLines, told] : [told];
    return undefined;
  }
  if (TRUSTED.test(name)) {
    state.trustedUsers = name.startsWith('extra-') ? [...state.trustedUsers, ...words] : words;
    return undefined;
  }
  const exact = lookupSetting(name, state.nix);
  const extra = exact === undefined && name.startsWith('extra-') ? lookupSetting(name.slice(6), state.nix) : undefined;
  const setting = exact ?? (extra?.appendable ? extra : undefined);
  if (setting === undefined || (setting.gate !== undefined && !state.requested.has(setting.gate))) return undefined;
  const message = refusal(setting.name, setting.kind, value, state.nix);
  if (message !== undefined) return { path, line, kind: 'value', message };
  if (setting.kind === 'plugins')
    state.plugins = [...(exact ? [] : state.plugins), ...words.map((file) => ({ path, line, file }))];
  return undefined;
}
