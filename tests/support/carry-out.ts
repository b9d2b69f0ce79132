// Carries out a single edit completely, for tests that need a changed machine and no transaction.

import type { Blobs, Host } from '../../core/machine/host.ts';
import type { Edit } from '../../core/model.ts';
import type { AbsPath } from '../../core/path.ts';

/** Returns the names of what was kept beside. Throws if a step throws; no staging directory is left. */
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
