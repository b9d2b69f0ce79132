// Before the first write: every `before` of a transaction is compared with the machine, on an overlay that is led
// through the whole of it. What was shown is what runs, or nothing is.

import { digestOf } from './canonical.ts';
import type { Diagnostic } from './diagnostic.ts';
import { activeSystem, type Blobs, type Reader } from './host/host.ts';
import { overlay } from './host/overlay.ts';
import { type ActiveSystem, type Edit, type Entry, matches, type Put } from './model.ts';
import type { AbsPath } from './path.ts';

/** What does not hold any more, and the bytes that the edits will replace. Empty `stale`: the transaction may begin. */
export interface Rehearsal {
  readonly stale: readonly Diagnostic[];
  readonly replaced: Blobs;
}

/** `code` says whose claim is stale: a plan's (RF3001) or that of an apply to be undone (RF3011). */
export function rehearse(
  reader: Reader,
  batches: readonly (readonly Edit[])[],
  blobs: Blobs,
  code: 'RF3001' | 'RF3011',
): Rehearsal {
  const stale: Diagnostic[] = [];
  const replaced: Record<string, Uint8Array> = {};
  const stage = overlay(reader);
  const claim = (path: AbsPath, summary: string): void => {
    stale.push({ severity: 'error', code, summary, path, hint: HINTS[code] });
  };
  for (const edit of batches.flat()) {
    if (edit.op === 'activate') {
      if (!sameSystem(edit.before, activeSystem(reader)))
        stale.push({
          severity: 'error',
          code,
          summary: 'the running system is another one than when this was planned',
        });
      continue;
    }
    if (edit.op === 'move') {
      if (stage.stat(edit.from).type === 'absent') claim(edit.from, `"${edit.from}" is not there any more`);
      if (stage.stat(edit.to).type !== 'absent') claim(edit.to, `"${edit.to}" is there by now`);
    } else {
      const { entry, bytes } = lookAt(stage, edit.path, looksInside(edit));
      if (!matches(edit.before, entry)) claim(edit.path, `"${edit.path}" ${differenceOf(edit.before, entry)}`);
      else if (edit.after.type === 'absent' && stage.list(edit.path).length > 0)
        claim(edit.path, `"${edit.path}" holds ${stage.list(edit.path).length} more entries`);
      if (bytes !== undefined && entry.type === 'file' && entry.content !== undefined) replaced[entry.content] = bytes;
    }
    stage.apply(edit, blobs);
  }
  return { stale, replaced: replaced as Blobs };
}

/** The entry with its content's digest, where the edit says something of the content. */
export function lookAt(reader: Reader, path: AbsPath, inside: boolean): { entry: Entry; bytes?: Uint8Array } {
  const entry = reader.stat(path);
  if (entry.type !== 'file' || !inside) return { entry };
  const bytes = reader.read(path) ?? new Uint8Array();
  return { entry: { ...entry, content: digestOf(bytes) }, bytes };
}

export const looksInside = ({ before, after }: Put): boolean =>
  [before, after].some((entry) => entry.type === 'file' && entry.content !== undefined);

export const sameSystem = (a: ActiveSystem, b: ActiveSystem): boolean =>
  a.running === b.running && a.profile === b.profile;

const HINTS = {
  RF3001: 'make a new plan: reflake plan',
  RF3011: 'undo that change by hand first, or keep it and leave this apply as it is',
} as const;

/** In words: what is there instead of what was expected. */
function differenceOf(expected: Entry, there: Entry): string {
  if (there.type === 'absent') return 'is not there any more';
  if (expected.type === 'absent') return `is there by now (a ${there.type})`;
  if (expected.type !== there.type) return `is a ${there.type} by now, no ${expected.type}`;
  if (!matches({ ...expected, owner: there.owner } as Entry, there)) {
    if (expected.type === 'link') return 'leads elsewhere by now';
    const sameMode = 'mode' in expected && 'mode' in there && expected.mode === there.mode;
    return sameMode ? 'has other content by now' : 'has another mode by now';
  }
  return 'has another owner by now';
}
