// Tells the release of nixpkgs that a flake uses, if its reference names one.

import type { Flake, InputRef } from './flake.ts';
import { nixpkgsInput } from './wish.ts';

/** `23.11`; undefined where the reference names none: a branch of its own, a revision, unstable. */
export function nixpkgsRelease({ inputs, implicit }: Pick<Flake, 'inputs' | 'implicit'>): NixpkgsRelease {
  const declared = inputs.map(({ name, ref }) => ({ name, ...(ref.kind === 'url' && { url: ref.url }) }));
  const name = nixpkgsInput([...declared, ...implicit.map((one) => ({ name: one }))]);
  const text = textOf(inputs.find((input) => input.name === name)?.ref);
  const number = /(?:^|[-/=])(\d\d\.\d\d)(?=$|[-/?&.])/.exec(text)?.[1];
  if (number !== undefined) return { kind: 'release', number };
  return { kind: /unstable|[/=](master|main)($|[/?&])/.test(text) ? 'unstable' : 'unknown' };
}

export type NixpkgsRelease =
  | { readonly kind: 'release'; readonly number: string }
  | { readonly kind: 'unstable' | 'unknown' };

function textOf(ref: InputRef | undefined): string {
  if (ref?.kind === 'url') return ref.url;
  return ref?.kind === 'attrs'
    ? Object.entries(ref.attrs)
        .map(([key, value]) => `${key}=${value}`)
        .join('&')
    : '';
}
