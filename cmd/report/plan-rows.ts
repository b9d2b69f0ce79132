// The rows of a plan screen: a file with the changes in it, or a change that is not about the text of one file.
// Rows are what a plan counts.

import { isChange } from '../../core/finding.ts';
import type { Change, Edit, Plan, Put } from '../../core/model.ts';
import type { AbsPath } from '../../core/path.ts';

export type Row =
  | { readonly kind: 'file'; readonly sign: Sign; readonly path: AbsPath; readonly changes: readonly Change[] }
  | { readonly kind: 'aspect'; readonly sign: Sign; readonly changes: readonly [Change, ...Change[]] };

/** Added, changed, removed, moved, activated. */
export type Sign = '+' | '~' | '-' | '>' | '!';

/** How each kind of change is marked. */
export const SIGN_OF = { add: '+', change: '~', remove: '-', move: '>', activate: '!' } as const;

/** In the order of the plan; what several providers do to one file is one row, and what one does alike to many paths. */
export function rowsOf(plan: Plan): readonly Row[] {
  const rows = new Map<string, Row>();
  for (const { provider, findings, edits } of plan.steps) {
    for (const change of findings.filter(isChange)) {
      const put = contentPut(change, edits);
      const key =
        put !== undefined
          ? `file ${change.path}`
          : JSON.stringify([provider, change.subject, change.remedy.action, change.from, change.to]);
      const row = rows.get(key);
      if (row !== undefined) rows.set(key, { ...row, changes: [...row.changes, change] } as Row);
      else if (put !== undefined)
        rows.set(key, { kind: 'file', sign: signOf(put), path: change.path, changes: [change] });
      else rows.set(key, { kind: 'aspect', sign: SIGN_OF[change.remedy.action], changes: [change] });
    }
  }
  return [...rows.values()];
}

/** The edit that grants a change by writing text. What git keeps for itself is not text that anybody wants to see. */
const contentPut = ({ remedy: { action }, path }: Change, edits: readonly Edit[]): Put | undefined =>
  action === 'move' || action === 'activate' || path.includes('/.git/')
    ? undefined
    : edits.find((edit): edit is Put => edit.op === 'put' && edit.path === path && isAboutContent(edit));

/** Not merely about mode or owner. */
function isAboutContent({ before, after }: Put): boolean {
  if (before.type !== after.type) return before.type !== 'dir' && after.type !== 'dir';
  if (before.type === 'link') return after.type === 'link' && before.target !== after.target;
  return before.type === 'file' && after.type === 'file' && before.content !== after.content;
}

const signOf = ({ before, after }: Put): Sign => (before.type === 'absent' ? '+' : after.type === 'absent' ? '-' : '~');

/** `2 to add, 1 to move`; empty where there is nothing. */
export function countWords(rows: readonly Row[]): string {
  const count = (sign: Sign): number => rows.filter((row) => row.sign === sign).length;
  const parts = [
    [count('+'), 'add'],
    [count('~'), 'change'],
    [count('-'), 'remove'],
    [count('>'), 'move'],
    [count('!'), 'activate'],
  ] as const;
  return parts
    .filter(([number]) => number > 0)
    .map(([number, verb]) => `${number} to ${verb}`)
    .join(', ');
}
