// Following links of the machine by hand, where it matters what they lead through.

import type { Reader } from './host/host.ts';
import type { Entry } from './model.ts';
import { type AbsPath, absolute, isWithin, join, parent } from './path.ts';

/** As many as Linux follows. */
const LIMIT = 40;

const STORE = absolute('/nix/store');

export interface Followed {
  /** The first path that is no link. */
  readonly path: AbsPath;
  readonly entry: Entry;
  /** Some link on the way, or the end, lies in the Nix store: the file belongs to whoever built it. */
  readonly viaStore: boolean;
}

/** Where a path leads, link by link; a loop ends as `absent`. */
export function follow(reader: Reader, path: AbsPath): Followed {
  let at = path;
  let viaStore = isWithin(at, STORE);
  for (let hops = 0; hops < LIMIT; hops++) {
    const entry = reader.stat(at);
    if (entry.type !== 'link') return { path: at, entry, viaStore };
    at = join(parent(at), entry.target);
    viaStore ||= isWithin(at, STORE) || at.startsWith('/etc/static/');
  }
  return { path: at, entry: { type: 'absent' }, viaStore };
}
