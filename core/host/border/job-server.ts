// The person's side of a job: reads the job from standard input, does it, and writes the result to standard output.
// Progress goes to standard error. A signal that ends this process ends the program it runs.

import type { Argv, ScratchFile } from '../../machine/job.ts';
import type { Signal } from '../../model.ts';
import { passSignalsOn } from '../process/run.ts';
import { compute } from '../process/scratch.ts';
import { type SentJob, sentFile } from './wire.ts';

/** `print` writes to standard output and standard error. */
export async function serveJob(print: Readonly<Record<'out' | 'err', (text: string) => void>>): Promise<void> {
  let signal: Signal | undefined;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => (signal ??= name));
  passSignalsOn(() => signal);
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  const job = JSON.parse(Buffer.concat(chunks).toString('utf8')) as SentJob;
  const files = job.files.map(
    (file): ScratchFile => (file.type === 'file' ? { ...file, content: Buffer.from(file.content, 'base64') } : file),
  );
  const result = await compute({ ...job, argv: job.argv as Argv, files }, (line) => {
    print.err(`${line}\n`);
  });
  const sent = result.status === 'done' ? { ...result, files: result.files.map(sentFile) } : result;
  print.out(JSON.stringify(sent));
}
