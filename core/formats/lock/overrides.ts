// Collects what flake.nix says about the inputs of inputs, by input path. Where two flakes speak of one input, the version of
// Nix decides which of them wins (docs/nix.md, "flake.lock").

import type { NixVersion } from '../nix-version.ts';
import { indirectTo, type LockInput } from './inputs.ts';
import type { Trail } from './trail.ts';

/** The replacement of an input, and the flake that declares it: relative paths start there. */
export interface Override {
  readonly input: LockInput;
  readonly parent: Trail | undefined;
}

/** Overrides by input path, one level per name. */
export interface Overrides {
  override?: Override;
  readonly children: Map<string, Overrides>;
}

/** No overrides. */
export const noOverrides = (): Overrides => ({ children: new Map() });

/** Adds what `input` says of its inputs; `at` holds the overrides of its siblings, `parent` is the flake that declares it. */
export function addOverrides(input: LockInput, at: Overrides, parent: Trail | undefined, nix: NixVersion): void {
  if (input.overrides.length === 0) return;
  const place = below(at, input.name);
  for (const override of input.overrides) {
    const target = below(place, override.name);
    const isSilent = override.ref === undefined && override.follows === undefined;
    // Before 2.30 a silent override meant `flake:NAME`; the outermost override wins since 2.26, the innermost before.
    const meant = isSilent && nix !== '2.34' ? { ...override, ref: indirectTo(override.name) } : override;
    const wins = target.override === undefined || nix === '2.8';
    if (wins && (!isSilent || nix !== '2.34')) target.override = { input: meant, parent };
    if (nix === '2.34') addOverrides(override, place, parent, nix);
  }
}

/** The overrides below an input, made when there are none. */
export function below(at: Overrides, name: string): Overrides {
  const found = at.children.get(name);
  if (found !== undefined) return found;
  const made = noOverrides();
  at.children.set(name, made);
  return made;
}
