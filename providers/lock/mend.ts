// Mends a flake.lock that Nix can't read: joins the two sides of a merge, and locks anything else anew.

import type { SourceRange } from '../../core/diagnostic.ts';
import { mergeLock, mergeLocks } from '../../core/formats/lock/merge-conflict.ts';
import type { LockProblem } from '../../core/formats/lock/model.ts';
import { printLock } from '../../core/formats/lock/print-lock.ts';
import { conflictStages } from '../../core/machine/git-stages.ts';
import type { Reader } from '../../core/machine/reader.ts';
import type { Finding } from '../../core/model.ts';
import type { AbsPath } from '../../core/path.ts';

/** `start`: the lock that Nix is to complete; undefined: nothing could be kept. */
export interface Mended {
  readonly reasons: readonly { readonly text: string }[];
  readonly start: string | undefined;
  /** Advice: that it differs stands in the reasons. */
  readonly findings: readonly Finding[];
}

/** Mends a text that is no lock: merges conflict markers by meaning; keeps nothing of any other text. */
export function mendLock(text: string, path: AbsPath, problem: LockProblem, reader: Reader): Mended {
  const at = placeOf(path, problem);
  // git's index has both sides exactly; in the text git may have mixed the lines of different nodes.
  const stages = problem.kind === 'conflict-markers' ? conflictStages(path, reader) : undefined;
  const exact = stages && mergeLocks(stages);
  const merged = exact?.ok ? exact : problem.kind === 'conflict-markers' ? mergeLock(text) : undefined;
  if (merged?.ok) {
    const again = merged.conflicts.length > 0 ? `; locked again: ${merged.conflicts.join(', ')}` : '';
    const because = `flake.lock has merge conflicts${again}`;
    const hint = 'after the apply, tell git that they are resolved: git add flake.lock';
    const advice = adviceOf('RF2013', because, hint, path, at);
    return { reasons: [{ text: because }], start: printLock(merged.lock), findings: [advice] };
  }
  const because = `flake.lock is damaged: ${problem.message}`;
  const hint = 'take it from git if you need the same revisions: git checkout flake.lock';
  const advice = adviceOf('RF2012', because, hint, path, at);
  return { reasons: [{ text: because }], start: undefined, findings: [advice] };
}

const adviceOf = (
  code: 'RF2012' | 'RF2013',
  because: string,
  hint: string,
  path: AbsPath,
  at: { readonly at?: SourceRange },
): Finding => ({ code, subject: 'flake.lock', because, path, ...at, remedy: { by: 'you', hint } });

function placeOf(path: AbsPath, problem: LockProblem): { readonly at?: SourceRange } {
  if (!('line' in problem)) return {};
  const { line } = problem;
  const column = 'column' in problem ? problem.column : 1;
  return { at: { file: path, line, column, endLine: line, endColumn: column + 1 } };
}
