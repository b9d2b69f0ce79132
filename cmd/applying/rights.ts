// Finds edits that need root in a run without root; every command that writes asks.

import type { Diagnostic } from '../../core/diagnostic.ts';
import { isRoot } from '../../core/host/process/trusted.ts';
import type { Reader } from '../../core/machine/reader.ts';
import type { Edit } from '../../core/model.ts';

/** The problem, told before the first write; else the third might fail. */
export function missingRights(edits: readonly Edit[], host: Pick<Reader, 'stat'>): Diagnostic | undefined {
  if (isRoot()) return undefined;
  const me = process.geteuid?.();
  const needed = edits.find((edit) => {
    if (edit.op === 'activate') return edit.mode !== 'build';
    if (edit.op === 'move') {
      const entry = host.stat(edit.from);
      return 'owner' in entry && entry.owner.uid !== me;
    }
    const owners = [edit.before, edit.after].flatMap((entry) => ('owner' in entry ? [entry.owner.uid] : []));
    return owners.some((uid) => uid !== me);
  });
  if (needed === undefined) return undefined;
  const what =
    needed.op === 'activate' ? 'activating a system' : `changing "${needed.op === 'move' ? needed.from : needed.path}"`;
  return { severity: 'error', code: 'RF3013', summary: `${what} needs root`, hint: 'run the command with sudo' };
}
