// Computes while planning: lays files into a private scratch directory, runs one program, reads files back and removes
// the directory. All of it with the rights of this process; for another person, root starts a process with theirs
// (core/host/border/jobs.ts).

import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { Argv, Job, JobResult, ScratchFile } from '../../machine/job.ts';
import { environmentFor } from './command-as.ts';
import { OFFLINE } from './environment.ts';
import { cacheHome, keptFor, missingIn, privateStore } from './private-cache.ts';
import { run } from './run.ts';
import { temporaryIn } from './temporary.ts';
import { isRoot, temporaryDirectory } from './trusted.ts';
import { unfitSettings } from './unfit-settings.ts';

/** `onLine` gets each line of the program's standard error, as it wrote it but for the scratch directory, which is `.` there. */
export async function compute(job: Job, onLine?: (line: string) => void): Promise<JobResult> {
  try {
    return await inScratch(job, onLine);
  } catch (thrown) {
    // The temporary directory is full, missing or closed to us: the computation failed, and the machine is unchanged.
    const { code, message } = thrown as NodeJS.ErrnoException;
    if (code === undefined) throw thrown;
    return { status: 'failed', stderr: `error: cannot work in the temporary directory: ${message}` };
  }
}

async function inScratch(job: Job, onLine?: (line: string) => void): Promise<JobResult> {
  if (isRoot() && job.as.uid !== 0) throw new Error(`the job of ${job.as.name} in the hands of root`);
  const unfit = unfitSettings(job.argv, environmentFor(undefined));
  if (unfit !== undefined) return { status: 'failed', stderr: `error: ${unfit}` };
  const isStored = job.argv.some((word) => word.includes('{store}'));
  const cache = job.isKept || isStored ? cacheHome() : undefined;
  const kept = job.isKept ? keptFor(job, cache) : undefined;
  if (kept?.answer !== undefined) return { status: 'done', files: [], stdout: kept.answer, stderr: '' };
  const scratch = temporaryIn(temporaryDirectory());
  try {
    const work = `${scratch}/work`;
    mkdirSync(work, 0o755);
    for (const file of job.files) lay(work, file);
    // Whoever has no home still finds in the next job what this one stored.
    const store = isStored ? privateStore(cache ?? cacheDir(scratch)) : '';
    const hear = onLine && ((line: string): void => onLine(line.replaceAll(work, '.')));
    if (job.sources !== undefined) await bring(missingIn(store, job.sources), store, work, hear);
    const argv = job.argv.map((word) =>
      word.replaceAll('{store}', store).replaceAll('{scratch}', work),
    ) as unknown as Argv;
    const result = await run(argv, {
      cwd: work,
      env: { XDG_CACHE_HOME: cacheDir(scratch), ...(job.offline && OFFLINE) },
      ...(hear && { onLine: hear }),
    });
    if (result.status === 'missing') return result;
    if (result.status === 'failed')
      return { status: 'failed', stderr: result.stderr.replaceAll(`${work}/`, '').replaceAll(work, '.') };
    const files = job.outputs.flatMap((output) => [...gather(work, output)]);
    kept?.keep(result.stdout);
    return { status: 'done', files, stdout: result.stdout, stderr: result.stderr };
  } finally {
    removeScratch(scratch);
  }
}

/** Removes what a program left, the read-only directories of a store too. */
function removeScratch(dir: string): void {
  try {
    rmSync(dir, { recursive: true, force: true });
  } catch {
    opened(dir);
    rmSync(dir, { recursive: true, force: true });
  }
}

function opened(dir: string): void {
  chmodSync(dir, 0o700);
  for (const entry of readdirSync(dir, { withFileTypes: true }))
    if (entry.isDirectory()) opened(`${dir}/${entry.name}`);
}

/** Copies paths from the machine's store, without network. If that fails, the program itself will say it better. */
async function bring(
  paths: readonly string[],
  store: string,
  cwd: string,
  onLine: ((line: string) => void) | undefined,
): Promise<void> {
  if (paths.length === 0) return;
  const features = ['--extra-experimental-features', 'nix-command'];
  await run(['nix', ...features, '--offline', 'copy', '--no-check-sigs', '--to', store, ...paths], {
    cwd,
    env: OFFLINE,
    ...(onLine && { onLine }),
  });
}

function lay(work: string, file: ScratchFile): void {
  const at = `${work}/${file.path}`;
  mkdirSync(dirname(at), { recursive: true });
  if (file.type === 'dir') mkdirSync(at, { recursive: true, mode: file.mode });
  else if (file.type === 'link') symlinkSync(file.target, at);
  else {
    writeFileSync(at, file.content, { flag: 'wx' });
    chmodSync(at, file.mode);
  }
}

function* gather(work: string, path: string): Generator<ScratchFile> {
  const at = `${work}/${path}`;
  const stat = lstatSync(at, { throwIfNoEntry: false });
  if (stat?.isFile()) yield { path, type: 'file', content: readFileSync(at), mode: stat.mode & 0o777 };
  if (stat?.isSymbolicLink()) yield { path, type: 'link', target: readlinkSync(at) };
  if (!stat?.isDirectory()) return;
  yield { path, type: 'dir', mode: stat.mode & 0o777 };
  for (const name of readdirSync(at).sort()) yield* gather(work, `${path}/${name}`);
}

/** Where Nix keeps downloads between two plans of this user. */
export const downloadsPlace = (): string => `${temporaryDirectory()}/reflake-cache-${process.geteuid?.() ?? 0}`;

/**
 * The directory in which Nix keeps downloads between two plans. It is not in the person's home, because planning leaves
 * the machine unchanged. If others can enter it, we use the scratch directory instead.
 */
function cacheDir(scratch: string): string {
  const uid = process.geteuid?.() ?? 0;
  const cache = downloadsPlace();
  try {
    mkdirSync(cache, 0o700);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') return scratch;
  }
  const stat = lstatSync(cache);
  return stat.isDirectory() && stat.uid === uid && (stat.mode & 0o077) === 0 ? cache : scratch;
}
