// One edit carried out by itself, all the way, for tests that need a machine changed and not a transaction.

import type { Blobs, Host } from '../core/host/host.ts';
import type { Edit } from '../core/model.ts';

/** Throws where a step does; nothing out of sight is left. */
export function carryOut(host: Host, edit: Edit, blobs: Blobs, tx = 'f00d'): void {
  const work = host.work([edit], tx);
  try {
    work.prepare(blobs);
    work.publish(0);
    work.flush();
  } finally {
    work.sweep();
    work.close();
  }
}
