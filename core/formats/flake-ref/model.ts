// The data of a flake reference: its attributes, and the contexts it can be read in.
// Alone holds these types; everything else in this folder is a function of them.

export type Attr = string | number | boolean;
export type Attrs = Readonly<Record<string, Attr>>;

/** A parsed reference. `attrs` is what Nix writes as `original` or `locked`; `dir` is among them only when not empty. */
export interface FlakeRef {
  readonly attrs: Attrs;
}

/** A reference, or why Nix refuses it, in Nix's words. */
export type RefResult = { readonly ok: true; readonly ref: FlakeRef } | { readonly ok: false; readonly error: string };

/** The string attribute `name`, or nothing when it is absent or of another type. */
export function textAttr(attrs: Attrs, name: string): string | undefined {
  const value = Object.hasOwn(attrs, name) ? attrs[name] : undefined;
  return typeof value === 'string' ? value : undefined;
}

/** The subdirectory of the tree that holds flake.nix; '' is the top. */
export const subdir = (attrs: Attrs): string => textAttr(attrs, 'dir') ?? '';

/** True for `path` references that do not start with `/`: they are relative to the flake that declares them. */
export const isRelativePath = (attrs: Attrs): boolean =>
  attrs.type === 'path' && !(textAttr(attrs, 'path') ?? '').startsWith('/');

/** True for references that only name an entry of the flake registry. */
export const isIndirect = (attrs: Attrs): boolean => attrs.type === 'indirect';
