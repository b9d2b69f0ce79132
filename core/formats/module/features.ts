// Experimental features in a NixOS module: every place that sets them, and what they come to together.
// Reads `nix.settings` (lists, strings) and the nix.conf lines in `nix.extraOptions`; changes nothing.

import { spanOf } from '../nix/describe.ts';
import type { Scope } from '../nix/scope.ts';
import type { Binding, Expr, Span } from '../nix/syntax.ts';
import { settle } from '../nix-value/constant.ts';
import { readAt, readString, readStrings } from '../nix-value/read.ts';
import type { Static } from '../nix-value/static.ts';
import { findOption, type ModuleSet } from './config.ts';

/** A place that sets features. `span` is the value in `nix.settings`, the whole text of `nix.extraOptions`. */
export interface FeaturePlace {
  readonly where: 'settings' | 'extraOptions';
  readonly form: 'list' | 'string' | 'line';
  /** True if it adds to what others set (`extra-experimental-features`). */
  readonly adds: boolean;
  readonly features: Static<readonly string[]>;
  readonly binding: Binding;
  readonly expr: Expr;
  /** True if the text at `expr` is used here only. */
  readonly direct: boolean;
  readonly span: Span;
}

/** `effective`: what the module alone comes to; absent where it sets none. */
export interface ModuleFeatures {
  readonly places: readonly FeaturePlace[];
  readonly effective: Static<readonly string[]>;
}

/** All places in the order nix.conf has them: the settings sorted by name, then the lines of extraOptions. */
export function readFeatures(module: ModuleSet): ModuleFeatures {
  const places: FeaturePlace[] = [];
  for (const name of ['experimental-features', 'extra-experimental-features']) {
    const lookup = findOption(module, ['nix', 'settings', name]);
    const value = readAt(lookup, readListOrString);
    const [definition] = lookup.definitions;
    if (value.kind === 'absent') continue;
    if (definition === undefined) return { places, effective: value };
    const { expr, direct } = settle(definition.expr, definition.scope);
    places.push({
      where: 'settings',
      form: expr.kind === 'string' ? 'string' : 'list',
      adds: name.startsWith('extra-'),
      features: value,
      binding: definition.binding,
      expr,
      direct: direct && definition.direct,
      span: spanOf(expr),
    });
  }
  const lines = readExtraOptions(module);
  if (lines.kind === 'not-static') return { places, effective: lines };
  if (lines.kind === 'static') places.push(...lines.value);
  return { places, effective: effectOf(places) };
}

function effectOf(places: readonly FeaturePlace[]): Static<readonly string[]> {
  let effect: readonly string[] = [];
  let span: Span | undefined;
  for (const { features, adds, span: at } of places) {
    if (features.kind !== 'static') return features;
    effect = adds ? [...effect, ...features.value] : features.value;
    span = at;
  }
  return span === undefined ? { kind: 'absent' } : { kind: 'static', value: effect, span };
}

function readListOrString(expr: Expr, scope: Scope | undefined): Static<readonly string[]> {
  const value = settle(expr, scope);
  if (value.expr.kind !== 'string') return readStrings(expr, scope);
  const text = readString(value.expr, value.scope);
  return text.kind === 'static' ? { ...text, value: words(text.value) } : text;
}

/** Takes the place of an interpolation whose text is not known; no feature and no keyword contains it. */
const hole = '\ufffc';

function readExtraOptions(module: ModuleSet): Static<readonly FeaturePlace[]> {
  const lookup = findOption(module, ['nix', 'extraOptions']);
  const [definition, ...others] = lookup.definitions;
  if (definition === undefined || others.length > 0 || definition.rest.length > 0) {
    // `readAt` has words for these: absent, several times, out of sight.
    return readAt(lookup, (expr) => ({ kind: 'static', value: [], span: spanOf(expr) }));
  }
  const { expr, scope, direct } = settle(definition.expr, definition.scope);
  const text = textWithHoles(module, expr, scope);
  if (text.kind !== 'static') return text;
  const places: FeaturePlace[] = [];
  for (const line of text.value.split('\n')) {
    const match = /^\s*(extra-)?experimental-features\s*=([\s\S]*)$/.exec(line.replace(/#[\s\S]*/, ''));
    if (!match) continue;
    const value = match[2]!;
    const span = spanOf(expr);
    // In nix.conf `=` is a word of its own.
    const isBroken = !/features\s+=(\s|$)/.test(line);
    const reason = isBroken
      ? 'nix.extraOptions has a line that Nix refuses'
      : 'the features in nix.extraOptions are computed';
    const features: Static<readonly string[]> =
      isBroken || value.includes(hole)
        ? { kind: 'not-static', reason, span }
        : { kind: 'static', value: words(value), span };
    const { binding } = definition;
    const isDirect = direct && definition.direct;
    places.push({
      where: 'extraOptions',
      form: 'line',
      adds: match[1] !== undefined,
      features,
      binding,
      expr,
      direct: isDirect,
      span,
    });
  }
  return { kind: 'static', value: places, span: spanOf(expr) };
}

/** The text of extraOptions; an interpolation within a line is a hole, not a reason to give up. */
function textWithHoles(module: ModuleSet, expr: Expr, scope: Scope | undefined): Static<string> {
  const whole = readString(expr, scope);
  if (whole.kind === 'static' || expr.kind !== 'string') return whole;
  let text = '';
  for (const part of expr.parts) {
    if (part.kind === 'text') {
      text += part.value;
      continue;
    }
    const piece = readString(part.expr, scope);
    if (piece.kind === 'static') {
      text += piece.value;
    } else if (
      /(^|\n)[ \t]*$/.test(text) ||
      module.text.slice(part.start, part.end).includes('experimental-features')
    ) {
      // The unknown text may have lines of its own.
      return piece;
    } else {
      text += hole;
    }
  }
  return { kind: 'static', value: text, span: spanOf(expr) };
}

function words(text: string): readonly string[] {
  return text.split(/[ \t\n\r]+/).filter((word) => word !== '');
}
