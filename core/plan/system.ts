// The question to Nix which system a flake builds, without building it; asked of the flake where it lies.

import type { Job, JobResult } from '../machine/job.ts';
import type { Person } from '../model.ts';
import type { AbsPath } from '../path.ts';
import { installableOf } from './places.ts';

/** `attribute`: of nixosConfigurations. */
export const systemJob = (dir: AbsPath, attribute: string, as: Person, offline: boolean): Job => ({
  label: 'evaluating the system',
  purpose: 'answer',
  files: [],
  from: [],
  argv: [
    'nix',
    '--extra-experimental-features',
    'nix-command flakes',
    'eval',
    '--raw',
    '--no-update-lock-file',
    ...(offline ? ['--offline', '--option', 'download-attempts', '1'] : []),
    `${installableOf(dir, attribute)}.outPath`,
  ],
  outputs: [],
  offline,
  as,
});

/** The store path of the system, or the result that does not tell it. */
export type BuiltSystem =
  | { readonly kind: 'evaluated'; readonly system: string }
  | { readonly kind: 'failed'; readonly result: JobResult };

export const systemIn = (result: JobResult): BuiltSystem =>
  result.status === 'done' ? { kind: 'evaluated', system: result.stdout.trim() } : { kind: 'failed', result };
