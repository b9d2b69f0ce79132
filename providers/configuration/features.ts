// Joins the features that all modules enable, and edits one module to enable the rest. Pure.

import { type JsonPointer, rangeOf, type SourceRange } from '../../core/diagnostic.ts';
import type { Evaluated } from '../../core/evaluation/question.ts';
import { type FeatureOption, featuresBinding, setFeatures } from '../../core/formats/module/edit.ts';
import type { Span } from '../../core/formats/nix/syntax.ts';
import { evaluateNixConf } from '../../core/formats/nix-conf/nix-conf.ts';
import type { Finding } from '../../core/model.ts';
import { type AbsPath, relativeTo } from '../../core/path.ts';
import { type Module, TELLING, type Unknown } from './modules.ts';

/** One edit of a module's text, or the reason for none. */
export interface TextEdit {
  readonly text: string;
  readonly findings: readonly Finding[];
}

export interface FeatureWish {
  readonly dir: AbsPath;
  readonly features: readonly string[];
  /** The option for features in the flake's nixpkgs. */
  readonly option: FeatureOption;
}

/** `target`: the module for an edit; undefined if no module can be read. */
export interface Enabled {
  readonly known: ReadonlySet<string>;
  readonly target: Module | undefined;
  readonly unknown: Unknown | undefined;
}

/**
 * The features that all modules together enable: lists of several modules are joined; a line in nix.extraOptions comes last
 * in nix.conf and decides alone.
 */
export function enabledBy(modules: readonly Module[], open: readonly Unknown[]): Enabled {
  const places = modules.flatMap((module) => (module.facts?.features.places ?? []).map((place) => ({ module, place })));
  const deciding = places.find(({ place }) => place.where === 'extraOptions' && !place.adds);
  const counted = deciding ? places.filter(({ place }) => place.where === 'extraOptions') : places;
  const known = new Set(counted.flatMap(({ place }) => (place.features.kind === 'static' ? place.features.value : [])));
  const main = modules.find(({ facts }) => facts !== undefined) ?? modules[0];
  const [unknown = open[0]] = modules.flatMap(({ path, file: { text }, facts }): Unknown[] => {
    const effective = facts?.features.effective;
    if (effective?.kind === 'not-static') return [{ path, text, reason: effective.reason, at: effective.span }];
    const isSilent = facts !== undefined || !TELLING.test(text);
    return isSilent ? [] : [{ path, text, reason: 'the module is made by a function', at: { start: 0, end: 1 } }];
  });
  const target = (deciding ?? places.find(({ place }) => place.where === 'settings'))?.module ?? main;
  // A line of nix.extraOptions that can be read decides, whatever the settings compute.
  return { known, target, unknown: deciding === undefined ? unknown : undefined };
}

const SUBJECT = 'nix.settings.experimental-features';

/** The finding for computed features, among which the missing ones may be. */
export const undecided = (
  { path, text, reason, at }: Unknown,
  missing: readonly string[],
  wish: FeatureWish,
): Finding => ({
  code: 'RF2031',
  wish: '/features',
  subject: SUBJECT,
  because: `whether ${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} enabled is not known: ${reason}`,
  at: rangeOf(path, text, at),
  path,
  remedy: {
    by: 'paste',
    snippet: featuresBinding(missing, wish.option),
    hint: 'write the features out, or paste the snippet if they are not there yet',
  },
});

/** The finding if no file is known to be a module of the host. */
export const nowhere = (flake: AbsPath, missing: readonly string[], { option }: FeatureWish): Finding => ({
  code: 'RF2008',
  wish: '/features',
  subject: SUBJECT,
  because: `${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} not enabled, and no file is known to be a module of the host`,
  path: flake,
  remedy: {
    by: 'paste',
    snippet: featuresBinding(missing, option),
    hint: 'paste the snippet into a module, then run reflake plan again',
  },
});

export function enable(module: Module, enabled: Enabled, missing: readonly string[], wish: FeatureWish): TextEdit {
  const { path, file, kept } = module;
  const { features, dir, option } = wish;
  const edited = kept === undefined ? setFeatures(file.text, features, option) : leftAlone(kept, missing, option);
  if (!edited.ok) return { text: file.text, findings: [uneditable(path, file.text, edited, '/features')] };
  const { described } = edited;
  const { known } = enabled;
  const finding: Finding = {
    code: 'RF2104',
    wish: '/features',
    subject: option === 'settings' ? SUBJECT : 'nix.extraOptions',
    path,
    at: lineAt(path, described.line),
    ...(known.size > 0 && { from: [...known].join(' ') }),
    to: [...new Set([...known, ...features])].join(' '),
    because: `NixOS makes nix.conf from the configuration, and "${relativeTo(path, dir)}" does not enable ${missing.join(', ')}`,
    remedy: { by: 'plan', action: described.kind === 'added' ? 'add' : 'change' },
  };
  return { text: edited.text, findings: [finding] };
}

/**
 * The features that the built nix.conf enables: the lines of nix.extraOptions come after the settings. Settings that name no
 * features enable none; a host without these options tells nothing.
 */
export function enabledIn(
  { features, dir, option }: FeatureWish,
  { hosts }: Evaluated,
  attribute: string,
): readonly Finding[] {
  const host = hosts.get(attribute);
  if (host === undefined || features.length === 0) return [];
  const { features: settings, extraOptions } = host;
  if (settings === undefined && extraOptions === undefined)
    return [
      {
        code: 'RF2031',
        wish: '/features',
        subject: SUBJECT,
        because: `evaluation does not tell whether ${features.join(', ')} ${features.length === 1 ? 'is' : 'are'} enabled either`,
        path: dir,
        remedy: { by: 'paste', snippet: featuresBinding(features, option), hint: 'write the features out' },
      },
    ];
  const text = `experimental-features = ${(settings ?? []).join(' ')}\n${extraOptions ?? ''}\n`;
  const { requestedFeatures } = evaluateNixConf([{ path: '/etc/nix/nix.conf', text }], () => undefined);
  const missing = features.filter((feature) => !requestedFeatures.includes(feature));
  if (missing.length === 0) return [];
  return [
    {
      code: 'RF2061',
      wish: '/features',
      subject: SUBJECT,
      path: dir,
      from: requestedFeatures.join(' '),
      to: features.join(' '),
      because: `evaluation says ${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} not enabled`,
      remedy: { by: 'paste', snippet: featuresBinding(missing, option), hint: 'paste the snippet into a module' },
    },
  ];
}

const leftAlone = (kept: string, missing: readonly string[], option: FeatureOption) =>
  ({
    ok: false,
    reason: `${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} not enabled, and the text is not edited: ${kept}`,
    at: { start: 0, end: 1 },
    snippet: featuresBinding(missing, option),
  }) as const;

const lineAt = (file: AbsPath, line: number): SourceRange => ({ file, line, column: 1, endLine: line, endColumn: 1 });

export const uneditable = (
  path: AbsPath,
  text: string,
  { reason, at, snippet }: { readonly reason: string; readonly at: Span; readonly snippet?: string },
  wish: JsonPointer,
): Finding => ({
  code: 'RF2008',
  wish,
  subject: wish === '/features' ? SUBJECT : 'system.copySystemConfiguration',
  because: reason,
  at: rangeOf(path, text, at),
  path,
  remedy: snippet
    ? { by: 'paste', snippet, hint: 'paste the snippet, then run reflake plan again' }
    : { by: 'you', hint: 'mend the place shown, then run reflake plan again' },
});
