// The other side of helping.ts: in the thread, looks at its share of the tree and answers at once, when it has all of it.

import { look } from '../core/host/real-look.ts';
import { places } from '../core/host/real-paths.ts';
import { type Packed, pack, walkThrough } from '../core/tree-walk.ts';
import type { Share } from './helping.ts';

/** What it can't look at ends the thread without an answer; whoever looks there then says so. */
export function help({ root, dirs, port, done }: Share): void {
  const { entries } = look(places(root));
  const walked: Packed[] = [];
  for (const top of dirs) walkThrough(entries, top, (dir, found) => walked.push(pack(dir, found)));
  port.postMessage(walked);
  const flag = new Int32Array(done);
  Atomics.store(flag, 0, 1);
  Atomics.notify(flag, 0);
}
