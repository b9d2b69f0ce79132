// The question to git who last committed lines, or a file; and its answer. Pure.

import type { Job, JobResult } from '../machine/job.ts';
import type { Finding, Origin, Person } from '../model.ts';
import { type AbsPath, isWithin, relativeTo } from '../path.ts';

/** The hash, the time of the commit, the author's name, in one line. */
const FORMAT = '%H%x00%cI%x00%an';

/**
 * Undefined where there is nothing to ask. `top`: of the repository, as this process names it (`disk`) and as the machine does. No
 * setting of the repository makes git start a program: neither a hook, a file monitor, a signature check nor a filter of text.
 */
export function commitJob(
  { path, at, remedy }: Finding,
  { top, disk }: { readonly top: AbsPath; readonly disk: AbsPath },
  as: Person,
): Job | undefined {
  // The place of what the plan mends is one in the new text, which no commit has.
  const isPlaced = at !== undefined && remedy.by !== 'plan' && at.file.startsWith('/');
  const file = isPlaced ? (at.file as AbsPath) : path;
  if (file === undefined || file === top || !isWithin(file, top)) return undefined;
  const name = relativeTo(file, top);
  const which = isPlaced ? [`-L${at.line},${at.endLine ?? at.line}:${name}`] : ['--', `:(literal)${name}`];
  const off = ['core.fsmonitor=false', 'core.hooksPath=/dev/null', 'log.showSignature=false'];
  return {
    label: 'asking git for the last commit',
    purpose: 'answer',
    files: [],
    from: [],
    argv: [
      'git',
      '--no-pager',
      '--no-optional-locks',
      ...off.flatMap((setting) => ['-c', setting]),
      '-C',
      disk,
      'log',
      '-1',
      '-s',
      '--no-ext-diff',
      '--no-textconv',
      `--format=${FORMAT}`,
      ...which,
    ],
    outputs: [],
    offline: true,
    isTold: true,
    as,
  };
}

/** Undefined where git does not tell: no commit has it, or git is not there. */
export function commitIn(result: JobResult): Origin['commit'] | undefined {
  if (result.status !== 'done') return undefined;
  const [id = '', at = '', author = ''] = (result.stdout.split('\n')[0] ?? '').split('\0');
  return /^[0-9a-f]{40,64}$/.test(id) && !Number.isNaN(Date.parse(at)) ? { id, at, author } : undefined;
}
