// The finding for a file with several names (hard links) that is to get a new content: the new inode has one name only.

import type { Reader } from '../machine/reader.ts';
import { type Edit, type Finding, kindOf } from '../model.ts';
import type { Difference } from './provider.ts';
import { wishBehind } from './wish-behind.ts';

/** Findings for files with hard links: a new content comes as a new inode, and the other names would keep the old bytes. */
export function sharedFiles(difference: Difference, edits: readonly Edit[], stage: Reader): readonly Finding[] {
  return edits.flatMap((edit): Finding[] => {
    if (edit.op !== 'put' || kindOf(edit) !== 'replace') return [];
    const entry = stage.stat(edit.path);
    if (entry.type !== 'file' || !entry.hardLinked) return [];
    const because = `"${edit.path}" has other names too, and would no longer be the same file`;
    const hint = 'make it a file of its own: cp --remove-destination';
    const behind = wishBehind(difference, edit.path);
    return [{ code: 'RF2018', ...behind, because, remedy: { by: 'you', hint }, path: edit.path }];
  });
}
