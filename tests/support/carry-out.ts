// One edit carried out by itself, all the way, for tests that need a machine changed and not a transaction.

import type { Blobs, Host } from '../../core/machine/host.ts';
import type { Edit } from '../../core/model.ts';
import type { AbsPath } from '../../core/path.ts';

/** The names of what was kept. Throws where a step does; nothing out of sight is left. */
export function carryOut(host: Host, edit: Edit, blobs: Blobs, tx = 'f00d'): readonly AbsPath[] {
  let kept: readonly AbsPath[] = [];
  const work = host.work([edit], tx);
  try {
    work.prepare(blobs);
    work.publish(0);
    work.flush();
  } finally {
    kept = work.sweep();
    work.close();
  }
  return kept;
}
