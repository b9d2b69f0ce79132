// Root's side of a job: gives it to a child with the person's ids (job-server.ts), which makes the scratch directory,
// runs the program, reads the results and removes the directory. Root touches none of it, and gets the result as data.

import { closeSync } from 'node:fs';
import { nixLog } from '../../formats/nix-log.ts';
import type { Job, JobResult, ScratchFile } from '../../machine/job.ts';
import { runCommand } from '../process/run.ts';
import { startAs } from './start-self-as.ts';
import { isName, isNumber, type SentJob, sentFile } from './wire.ts';

/** Does the job with the ids of `job.as`. `onLine` as in scratch.ts. Never throws because of what the child does. */
export async function computeAs(job: Job, onLine?: (line: string) => void): Promise<JobResult> {
  const start = startAs('job', job.as, '/');
  if ('missing' in start) return { status: 'missing', tool: 'setpriv' };
  try {
    const input = JSON.stringify(sent(job));
    const lent = ['ignore' as const, 'ignore' as const, ...start.open];
    const limit = { silent: SILENCE };
    const ended = await runCommand(start, { cwd: start.cwd, limit, input, lent, words, ...(onLine && { onLine }) });
    const result = ended.status === 'done' ? resultIn(ended.stdout, job) : undefined;
    return result ?? { status: 'failed', stderr: ended.stderr || `the process of ${job.as.name} gave no sense` };
  } finally {
    for (const fd of start.open) closeSync(fd);
  }
}

/** The child passes on what its program writes; what is left is its own. */
const words = (line: string): string | undefined => nixLog().read(line);

/** Seconds without output after which we end the child: more than its own program may be silent. */
const SILENCE = 660;

const sent = (job: Job): SentJob => ({ ...job, files: job.files.map(sentFile) });

/**
 * Checks the child's result: its shape, and that files lie only below the outputs that the job names. Undefined if it
 * is not valid.
 */
function resultIn(text: string, { outputs }: Job): JobResult | undefined {
  const value = parse(text);
  const { status, stdout, stderr, tool, files } = value;
  if (status === 'failed' && typeof stderr === 'string') return { status, stderr };
  if (status === 'missing' && typeof tool === 'string') return { status, tool };
  if (status !== 'done' || typeof stdout !== 'string' || typeof stderr !== 'string' || !Array.isArray(files))
    return undefined;
  const made = files.map((file) => fileIn(file, outputs));
  return made.every((file) => file !== undefined) ? { status, files: made, stdout, stderr } : undefined;
}

function parse(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

function fileIn(value: unknown, outputs: readonly string[]): ScratchFile | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { path, type, content, mode, target } = value as Record<string, unknown>;
  if (typeof path !== 'string' || !path.split('/').every(isName)) return undefined;
  if (!outputs.some((output) => path === output || path.startsWith(`${output}/`))) return undefined;
  if (type === 'link') return typeof target === 'string' && target !== '' ? { path, type, target } : undefined;
  if (!isNumber(mode, 0o777)) return undefined;
  if (type === 'dir') return { path, type, mode };
  return type === 'file' && typeof content === 'string'
    ? { path, type, mode, content: Buffer.from(content, 'base64') }
    : undefined;
}
