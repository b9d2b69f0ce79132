// The modules that a new host has if it is made like its siblings: theirs, with the new name in the place of their own. Pure.

/**
 * `./hosts/web.nix` of web becomes `./hosts/db.nix` for db. Undefined where the siblings do not agree, or there are none: then
 * nobody can know.
 */
export function modulesLikeSiblings(
  name: string,
  siblings: readonly { readonly key: string; readonly modules: readonly string[] }[],
): readonly string[] | undefined {
  const found = new Map(
    siblings
      .map(({ key, modules }) => modules.map((module) => renamed(module, key, name)))
      .map((modules) => [JSON.stringify(modules), modules]),
  );
  return found.size === 1 ? [...found.values()][0] : undefined;
}

/** The name changes where it is a whole component of the path, with or without .nix. */
const renamed = (module: string, from: string, to: string): string =>
  module
    .split('/')
    .map((part) => (part === from ? to : part === `${from}.nix` ? `${to}.nix` : part))
    .join('/');
