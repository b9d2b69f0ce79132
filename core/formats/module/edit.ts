// Edits a NixOS module: experimental features put in where the module has its place for them, a binding taken out.
// Each edit is one splice, checked by reading the result again; an edit that is not certain is refused with a snippet to paste.

import { positionAt } from '../../diagnostic.ts';
import { spanOf } from '../nix/describe.ts';
import { nixString } from '../nix/print.ts';
import {
  endOfLine,
  insertAfter,
  insertFirst,
  insertion,
  insertLast,
  removal,
  type Splice,
  splice,
} from '../nix/splice.ts';
import type { Expr, Span } from '../nix/syntax.ts';
import { leafTexts } from '../nix/walk.ts';
import { bindingAt, findOption, type ModuleSet, openModule, setsOf } from './config.ts';
import { type FeaturePlace, readFeatures } from './features.ts';

/** The edit for people; `line` counts from 1 in the new text (for `removed`, in the old). */
export interface EditDescription {
  readonly line: number;
  readonly kind: 'added' | 'extended' | 'converted' | 'removed' | 'unchanged';
}

/** Offsets are UTF-16, into the text given; `snippet` is what a person can paste instead. */
export type ModuleEdit =
  | {
      readonly ok: true;
      readonly text: string;
      readonly edits: readonly Splice[];
      readonly described: EditDescription;
    }
  | { readonly ok: false; readonly reason: string; readonly at: Span; readonly snippet: string };

/** An edit not yet checked. */
interface Draft {
  readonly edit: Splice;
  readonly kind: EditDescription['kind'];
}

type Drafted = { readonly drafts: readonly Draft[] } | { readonly reason: string; readonly at: Span };

/**
 * Makes the module enable `features` (README.md, `features`): extends the list, line or string that is there (a string becomes
 * a list, since new releases of NixOS reject strings), else adds a binding to the innermost literal set. Enabled already: ok
 * without edits. Features that are on stay on, in their order.
 */
export function setFeatures(text: string, features: readonly string[], by: FeatureOption = 'settings'): ModuleEdit {
  const refuse = (reason: string, at: Span): ModuleEdit => ({
    ok: false,
    reason,
    at,
    snippet: featuresBinding(features, by),
  });
  const opened = openModule(text);
  if (!opened.ok) return refuse(opened.reason, opened.at);
  const { module } = opened;
  const { effective, places } = readFeatures(module);
  if (effective.kind === 'not-static') return refuse(effective.reason, effective.span);
  const present = effective.kind === 'static' ? effective.value : [];
  const missing = features.filter(
    (feature, index) => !present.includes(feature) && features.indexOf(feature) === index,
  );
  if (missing.length === 0) {
    const line = effective.kind === 'static' ? lineAt(text, effective.span.start) : 1;
    return { ok: true, text, edits: [], described: { line, kind: 'unchanged' } };
  }
  const place = placeToExtend(places);
  const drafted =
    place !== undefined
      ? extend(module, place, missing)
      : by === 'settings'
        ? addBinding(module, missing)
        : addLine(module, missing);
  if ('reason' in drafted) return refuse(drafted.reason, drafted.at);
  for (const { edit, kind } of drafted.drafts) {
    const result = splice(text, [edit]);
    const after = openModule(result);
    if (!after.ok) continue;
    const now = readFeatures(after.module).effective;
    if (now.kind !== 'static' || ![...present, ...features].every((feature) => now.value.includes(feature))) continue;
    if (!differsOnlyBy(module, after.module, edit)) continue;
    const line = lineAt(result, edit.start + edit.text.length - edit.text.trimStart().length);
    return { ok: true, text: result, edits: [edit], described: { line, kind } };
  }
  return refuse('no change of the text has the wished effect for certain', place?.span ?? spanOf(module.set));
}

/**
 * Takes a binding out, `['system', 'copySystemConfiguration']`, with its line and the comment behind it; comments on
 * lines of their own stay. No such binding: ok without edits. One that is not written out is refused.
 */
export function removeBinding(text: string, attrPath: readonly string[]): ModuleEdit {
  const refuse = (reason: string, at: Span): ModuleEdit => ({ ok: false, reason, at, snippet: '' });
  const opened = openModule(text);
  if (!opened.ok) return refuse(opened.reason, opened.at);
  const { module } = opened;
  const { definitions, unknown } = findOption(module, attrPath);
  if (unknown[0] !== undefined) return refuse(unknown[0].reason, unknown[0].span);
  const [definition, ...others] = definitions;
  if (definition === undefined) return { ok: true, text, edits: [], described: { line: 1, kind: 'unchanged' } };
  const { binding } = definition;
  if (others.length > 0 || definition.rest.length > 0)
    return refuse('it is defined in several places', spanOf(binding));
  if (!definition.direct) return refuse('it is defined through a variable', spanOf(binding));
  const edit = removal(module, binding, 'goes');
  const result = splice(text, [edit]);
  const after = openModule(result);
  const isGone = after.ok && findOption(after.module, attrPath).definitions.length === 0;
  if (!isGone || !differsOnlyBy(module, after.module, edit)) {
    return refuse('taking it out changes something else', spanOf(binding));
  }
  return { ok: true, text: result, edits: [edit], described: { line: lineAt(text, binding.start), kind: 'removed' } };
}

/** The place that decides: a line in extraOptions comes last in nix.conf and overrides the settings. */
function placeToExtend(places: readonly FeaturePlace[]): FeaturePlace | undefined {
  const sets = (place: FeaturePlace): boolean => !place.adds;
  return (
    places.findLast((place) => place.form === 'line' && sets(place)) ?? places.find(sets) ?? places.findLast(() => true)
  );
}

function extend(module: ModuleSet, place: FeaturePlace, missing: readonly string[]): Drafted {
  const { expr, span } = place;
  if (!place.direct) return { reason: 'the features are defined through a variable', at: span };
  if (place.form === 'line') return { drafts: lineDrafts(module.text, expr, missing) };
  const quoted = missing.map(nixString);
  if (expr.kind === 'list') {
    const brackets = { open: expr.start, close: expr.end - 1 };
    return { drafts: [{ edit: insertLast(module, brackets, expr.items.at(-1), quoted), kind: 'extended' }] };
  }
  if (expr.kind === 'string' && place.features.kind === 'static' && expr.parts.every((part) => part.kind === 'text')) {
    const text = `[ ${[...place.features.value.map(nixString), ...quoted].join(' ')} ]`;
    return { drafts: [{ edit: { ...span, text }, kind: 'converted' }] };
  }
  return { reason: 'the features are computed', at: span };
}

/** A draft for each spot in the string that looks like the line, the last first; read again, one proves right. */
function lineDrafts(text: string, { start, end }: Expr, missing: readonly string[]): readonly Draft[] {
  const source = text.slice(start, end);
  const line = /experimental-features[ \t]*=([ \t]*[^\s"'#\\$]+)*/g;
  return [...source.matchAll(line)].reverse().map((match) => {
    const at = start + match.index + match[0].length;
    return { edit: insertion(at, missing.map((feature) => ` ${feature}`).join('')), kind: 'extended' };
  });
}

/**
 * The option that takes features: nixpkgs has `nix.settings` since 22.05, and `nix.extraOptions`, lines of nix.conf, before.
 */
export type FeatureOption = 'settings' | 'extraOptions';

/** As a person writes it at the top of a module. */
export const featuresBinding = (features: readonly string[], by: FeatureOption): string =>
  by === 'settings'
    ? `nix.settings.experimental-features = [ ${features.map(nixString).join(' ')} ];`
    : `nix.extraOptions = ${nixString(featuresLine(features))};`;

const featuresLine = (features: readonly string[]): string => `experimental-features = ${features.join(' ')}`;

/** A line of its own in `nix.extraOptions`, at the end of the string that is there. */
function addLine(module: ModuleSet, features: readonly string[]): Drafted {
  const [definition] = findOption(module, ['nix', 'extraOptions']).definitions;
  if (definition === undefined) return addAtTop(module, featuresBinding(features, 'extraOptions'));
  const { expr, direct } = definition;
  if (!direct || expr.kind !== 'string')
    return { reason: 'nix.extraOptions is not a string of its own', at: spanOf(expr) };
  const line = featuresLine(features);
  const at = expr.end - expr.style.length;
  const inner = module.text.slice(expr.start + expr.style.length, at);
  const closing = /\n([ \t]*)$/.exec(inner);
  if (expr.style === '"')
    return { drafts: [{ edit: insertion(at, (inner === '' ? '' : '\\n') + line), kind: 'extended' }] };
  if (closing === null)
    return { drafts: [{ edit: insertion(at, `${inner.trim() === '' ? '' : '\n'}${line}`), kind: 'extended' }] };
  const indent = /\n([ \t]*)\S[^\n]*\s*$/.exec(inner)?.[1] ?? closing[1]!;
  const start = at - closing[1]!.length;
  return { drafts: [{ edit: insertion(start, `${indent}${line}\n`), kind: 'extended' }] };
}

const added = (edit: Splice): Drafted => ({ drafts: [{ edit, kind: 'added' }] });

/** A new binding in `nix.settings = { }`, in `nix = { }`, or at the top behind the imports. */
function addBinding(module: ModuleSet, features: readonly string[]): Drafted {
  const list = `[ ${features.map(nixString).join(' ')} ]`;
  for (const depth of [2, 1]) {
    const names = ['nix', 'settings', 'experimental-features'];
    const [set] = setsOf(module, names.slice(0, depth));
    if (set === undefined) continue;
    return added(insertLast(module, set, set.bindings.at(-1), [`${names.slice(depth).join('.')} = ${list};`]));
  }
  return addAtTop(module, featuresBinding(features, 'settings'));
}

/** Behind the imports, else first. */
function addAtTop(module: ModuleSet, binding: string): Drafted {
  const [config] = module.isSplit ? setsOf(module, []) : [module.set];
  const set = config ?? module.set;
  const line = `${config === undefined ? 'config.' : ''}${binding}`;
  const imports = bindingAt(set, 'imports');
  if (imports !== undefined) return added(insertAfter(module, imports, [line], 'around'));
  const [first] = set.bindings;
  if (first === undefined || endOfLine(module, set.open + 1) === undefined)
    return added(insertLast(module, set, set.bindings.at(-1), [line]));
  return added(insertFirst(module, set, first, line));
}

/** The number of the line of `offset`, from 1. */
function lineAt(text: string, offset: number): number {
  return positionAt(text, offset).line;
}

/** True if all names, literals and comments outside the edit are the same after it. */
function differsOnlyBy(before: ModuleSet, after: ModuleSet, { start, end, text: insert }: Splice): boolean {
  const removed = before.text.slice(start, end);
  const counts = new Map<string, number>();
  const count = (module: ModuleSet, by: number): void => {
    const comments = module.comments.map((comment) => module.text.slice(comment.start, comment.end));
    for (const leaf of [...leafTexts(module.root, module.text), ...comments])
      counts.set(leaf, (counts.get(leaf) ?? 0) + by);
  };
  count(before, -1);
  count(after, 1);
  return [...counts].every(([leaf, change]) => {
    // A removal may leave an empty set, and adds nothing else.
    if (change > 0 && insert === '') return /^(rec\s*)?\{/.test(leaf);
    if (change > 0) return insert.includes(leaf) || leaf.includes(insert);
    return change === 0 || removed.includes(leaf) || (removed === '' && spans(before.text, leaf, start));
  });
}

/** True if `leaf` stands around `at`: the string an insertion goes into, or the empty list it fills. */
function spans(text: string, leaf: string, at: number): boolean {
  const from = text.lastIndexOf(leaf, at);
  return from >= 0 && from + leaf.length >= at;
}
