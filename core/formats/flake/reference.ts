// Compares declared references of inputs with wished ones, and words them for people.
// The only place that compares them; the caller knows when two spellings mean the same.

import { nixString } from '../nix/print.ts';
import type { InputDecl, InputRef } from './flake.ts';

type RefAttrs = Readonly<Record<string, string | number | boolean>>;

/** Rules for two spellings that mean the same. By default only equal text does. */
export interface RefRules {
  /** True if a declared url means the same as a wished one. */
  readonly sameRef?: (declared: string, wished: string) => boolean;
  /** A wished url as the attributes of `inputs.x = { type = …; }`, to compare with that form and to edit it in place. */
  readonly attrsOf?: (url: string) => RefAttrs | undefined;
  /** True if declared attributes mean the same as wished ones. By default only equal ones do. */
  readonly sameAttrs?: (declared: RefAttrs, wished: RefAttrs) => boolean;
}

/** True if `ref` means what `wish.url` means. */
export function sameReference(
  ref: InputRef,
  wish: { readonly name: string; readonly url: string },
  { sameRef = (a, b) => a === b, attrsOf, sameAttrs = equalAttrs }: RefRules,
): boolean {
  switch (ref.kind) {
    case 'url':
      return sameRef(ref.url, wish.url);
    case 'path':
      return sameRef(ref.path, wish.url) || sameRef('path:' + ref.path, wish.url);
    case 'attrs': {
      const wanted = attrsOf?.(wish.url);
      return wanted !== undefined && sameAttrs(ref.attrs, wanted);
    }
    case 'none':
      return sameRef(wish.name, wish.url) || sameRef('flake:' + wish.name, wish.url);
  }
}

function equalAttrs(a: RefAttrs, b: RefAttrs): boolean {
  return sameKeys(a, b) && Object.keys(a).every((key) => a[key] === b[key]);
}

/** True if two references have the same attributes. */
export function sameKeys(a: RefAttrs, b: RefAttrs): boolean {
  return Object.keys(a).sort().join('\0') === Object.keys(b).sort().join('\0');
}

/** A declared reference, for people. */
export function describeRef({ ref, follows, name }: InputDecl): string | undefined {
  if (follows !== undefined) return `follows ${follows}`;
  switch (ref.kind) {
    case 'url':
      return ref.url;
    case 'path':
      return ref.path;
    case 'attrs':
      return (
        '{ ' +
        Object.entries(ref.attrs)
          .map(([key, value]) => `${key} = ${attrValue(value)}; `)
          .join('') +
        '}'
      );
    case 'none':
      return `flake:${name}`;
  }
}

/** An attribute of a reference as Nix. */
export function attrValue(value: string | number | boolean): string {
  return typeof value === 'string' ? nixString(value) : String(value);
}
