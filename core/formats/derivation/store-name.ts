// The names in store paths: what is left of a path without its hash, and the name and version in it. Pure.

/** A store path in a text: its hash, then its name. */
const IN_TEXT = /\/nix\/store\/[0-9a-z]{32}-([0-9A-Za-z+\-._?=]+)/g;

/** Letters of a hash in a store path. */
const HASH_LENGTH = 32;

/** `etc` of `/nix/store/…-etc.drv` and of `/nix/store/…-etc`. */
export function storeName(path: string): string {
  const base = path.slice(path.lastIndexOf('/') + 1);
  const name = base[HASH_LENGTH] === '-' ? base.slice(HASH_LENGTH + 1) : base;
  return name.endsWith('.drv') ? name.slice(0, -'.drv'.length) : name;
}

/** The text with each store path replaced by what `shown` makes of its name; hashes of outputs that are not known yet are dropped. */
export const withoutHashes = (text: string, shown: (name: string) => string): string =>
  text.includes('/nix/store/') || OUTPUT.test(text)
    ? text.replace(IN_TEXT, (_, name: string) => shown(name)).replace(OUTPUTS, '/…')
    : text;

/** A placeholder for a path that only building tells: a slash and a hash alone. */
const OUTPUT = /\/[0-9a-z]{52}(?![0-9A-Za-z])/;
const OUTPUTS = new RegExp(OUTPUT.source, 'g');

export interface Versioned {
  readonly name: string;
  readonly version: string;
}

/** As Nix's parseDrvName: the version begins behind the first dash that no letter follows. */
export function versioned(name: string): Versioned {
  const cut = /-(?![A-Za-z])/.exec(name)?.index;
  return cut === undefined || cut === 0
    ? { name, version: '' }
    : { name: name.slice(0, cut), version: name.slice(cut + 1) };
}
