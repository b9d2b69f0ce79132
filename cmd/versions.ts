// What --version says under -v: the programs that reflake stands on, each as it is found on the trusted PATH.

import { run } from '../core/host/process/run.ts';
import { escapeLine } from './report/escape.ts';
import { VERSION } from './version.ts';

/** One line each, without a line end after the last; a program that is missing is said to be. */
export async function versions(): Promise<string> {
  const programs = await Promise.all(['nix', 'git'].map(versionOf));
  return [`reflake ${VERSION}`, `node ${process.versions.node}`, ...programs].join('\n');
}

async function versionOf(program: string): Promise<string> {
  const result = await run([program, '--version'], { cwd: '/' });
  if (result.status === 'missing') return `${program} not found`;
  if (result.status === 'failed') return `${program} does not say its version`;
  return `${program} ${escapeLine(/\d+(?:\.\d+)+\S*/.exec(result.stdout)?.[0] ?? result.stdout.trim())}`;
}
