// Reads the experimental features that flake.nix itself sets, in inline modules.

import { type ModuleFeatures, readFeatures } from '../module/features.ts';
import type { Expr, Span } from '../nix/syntax.ts';
import { walk } from '../nix/walk.ts';
import type { OpenFlake } from './flake.ts';

/** `open`: a place that sets them too, for a host that the text does not tell. */
export interface InlineFeatures {
  readonly features: readonly ModuleFeatures[];
  readonly open: Span | undefined;
}

/** The features of `host`, without those of other hosts. */
export function inlineFeatures({ text, lambda, flake }: OpenFlake, host: string): InlineFeatures {
  const { hosts } = flake.outputs;
  const all = hosts.kind === 'static' ? hosts.hosts : [];
  const own = all.find(({ name }) => name === host);
  const features: ModuleFeatures[] = [];
  let open: Span | undefined;
  walk(lambda.body, (expr) => {
    if (expr.kind !== 'attrs' || !setsNix(expr, text)) return;
    const module = { text, root: expr, comments: [], set: expr, scope: undefined, isSplit: false } as const;
    const found = readFeatures(names(expr).some((name) => name === 'config') ? { ...module, isSplit: true } : module);
    if (found.places.length === 0 && found.effective.kind === 'absent') return;
    const owner = all.find(({ span }) => span.start <= expr.start && expr.end <= span.end);
    if (owner === undefined ? all.length === 1 && own !== undefined : owner === own) features.push(found);
    else if (owner === undefined) open ??= { start: expr.start, end: expr.end };
  });
  return { features, open };
}

type Attrs = Expr & { readonly kind: 'attrs' };

/** A binding of `nix` in which features are set; `nix.settings` in `config` as well. */
const setsNix = (set: Attrs, text: string): boolean =>
  set.bindings.some((binding) => {
    if (binding.kind !== 'bind') return false;
    const [first] = binding.path.names;
    return (
      first?.kind === 'static' &&
      (first.name === 'nix' || first.name === 'config') &&
      /experimental-features|extraOptions/.test(text.slice(binding.start, binding.end))
    );
  });

const names = ({ bindings }: Attrs): readonly string[] =>
  bindings.flatMap((binding) => {
    const [first] = binding.kind === 'bind' ? binding.path.names : [];
    return first?.kind === 'static' ? [first.name] : [];
  });
