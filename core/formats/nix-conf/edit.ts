// Adds experimental features to the text of a nix.conf and leaves every other byte alone.
// Each edit is an insertion, and is evaluated before it is returned.

import type { NixVersion } from '../nix-version.ts';
import { type ConfLine, confLines } from './lines.ts';
import { evaluateNixConf, type NixConf, type ReadInclude } from './nix-conf.ts';

/** The place of the text, from which its includes are read; without it, an include is taken to hold nothing. */
export interface EditContext {
  /** Absolute path of the file. */
  readonly path: string;
  readonly readInclude: ReadInclude;
  /** Append as `extra-…`, so that features enabled by a file read earlier survive. Default: only when an include precedes. */
  readonly extend?: boolean;
  /** The Nix by whose rules a file is broken. */
  readonly nix?: NixVersion;
}

/** The edited text, or why there is none. `line` (from 1) is the line that now asks for the features. */
export type FeatureEdit =
  | { readonly ok: true; readonly how: 'unchanged'; readonly text: string }
  | { readonly ok: true; readonly how: 'extended' | 'appended'; readonly text: string; readonly line: number }
  | {
      readonly ok: false;
      readonly reason: 'bad-name' | 'broken' | 'overridden';
      readonly message: string;
      readonly line?: number;
    };

/**
 * Makes the file ask for `features`: extends the line that decides, or else appends one.
 * Comments, order, line ends and a missing last newline stay; the result differs from `text` by one insertion.
 * Idempotent. `broken`: Nix cannot read the file as it is; `overridden`: an include discards whatever is added.
 */
export function addFeatures(text: string, features: readonly string[], context?: EditContext): FeatureEdit {
  const bad = features.find((name) => !/^[^\s#=]+$/.test(name));
  if (bad !== undefined) return { ok: false, reason: 'bad-name', message: `'${bad}' is no feature name` };
  const before = evaluate(text, context);
  if (before.error) {
    const { message, line } = before.error;
    return { ok: false, reason: 'broken', message, line };
  }
  const missing = [...new Set(features)].filter((name) => !before.requestedFeatures.includes(name));
  if (missing.length === 0) return { ok: true, how: 'unchanged', text };
  for (const candidate of candidates(text, missing, context)) {
    if (isProven(before, evaluate(candidate.text, context), missing)) return { ok: true, ...candidate };
  }
  return { ok: false, reason: 'overridden', message: 'an included file discards features enabled here' };
}

type Candidate = { readonly how: 'extended' | 'appended'; readonly text: string; readonly line: number };

const PLAIN = 'experimental-features';
const EXTRA = 'extra-experimental-features';

function* candidates(text: string, missing: readonly string[], context?: EditContext): Generator<Candidate> {
  const lines = confLines(text);
  const deciding = lines.findLast((line) => line.tokens[0]?.text === PLAIN);
  const extending = lines.findLast((line) => line.tokens[0]?.text === EXTRA);
  for (const line of [deciding, extending]) if (line) yield extend(text, line, missing);
  const after = deciding !== undefined || extending !== undefined || lines.some(isInclude);
  yield append(text, `${(context?.extend ?? after) ? EXTRA : PLAIN} = ${missing.join(' ')}`);
}

const isInclude = (line: ConfLine): boolean => /^!?include$/.test(line.tokens[0]?.text ?? '');

function extend(text: string, line: ConfLine, missing: readonly string[]): Candidate {
  const last = line.tokens.at(-1)!;
  const gap = text[last.start - 1] === '\t' ? '\t' : ' ';
  const inserted = missing.map((name) => gap + name).join('');
  return { how: 'extended', text: text.slice(0, last.end) + inserted + text.slice(last.end), line: line.line };
}

function append(text: string, line: string): Candidate {
  const newline = text[text.lastIndexOf('\n') - 1] === '\r' ? '\r\n' : '\n';
  const open = text !== '' && !text.endsWith('\n');
  const appended = open ? text + newline + line : text + line + newline;
  return { how: 'appended', text: appended, line: text.split('\n').length + (open ? 1 : 0) };
}

function evaluate(text: string, context?: EditContext): NixConf {
  if (context) return evaluateNixConf([{ path: context.path, text }], context.readInclude, context.nix);
  return evaluateNixConf([{ path: '/nix.conf', text }], () => '');
}

/** After the edit exactly the missing features are asked for besides those asked for before. */
function isProven(before: NixConf, after: NixConf, missing: readonly string[]): boolean {
  if (after.error) return false;
  const wanted = [...new Set([...before.requestedFeatures, ...missing])].toSorted();
  return wanted.join(' ') === after.requestedFeatures.join(' ');
}
