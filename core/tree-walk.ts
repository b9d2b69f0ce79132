// Walks a tree as a Reader shows it, directory by directory; of a large one a faster look may take over.

import type { Reader, Visit } from './host/host.ts';
import { below } from './links.ts';
import type { AbsPath } from './path.ts';

/** Looks at all that is below the directory at once, and then says of it what `entries` says; undefined: it can't. */
export type Faster = (top: AbsPath) => Reader['entries'] | undefined;

/** Visits `top` and every directory below it, parents first, in the order of their names. Throws what `entries` throws. */
export function walkThrough(entries: Reader['entries'], top: AbsPath, visit: Visit, faster?: Faster): void {
  const pending = [top];
  let look = entries;
  let seen = 0;
  let isAsked = faster === undefined;
  for (let dir = pending.pop(); dir !== undefined; dir = pending.pop()) {
    const found = look(dir);
    visit(dir, found);
    for (const { name, entry } of found.toReversed()) if (entry.type === 'dir') pending.push(below(dir, name));
    seen += found.length;
    if (isAsked || seen < MANY || pending.length === 0) continue;
    isAsked = true;
    look = faster?.(top) ?? entries;
  }
}

/** Entries after which most trees are so large that a look at all of it is worth its start. */
const MANY = 5000;
