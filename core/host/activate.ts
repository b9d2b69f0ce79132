// Activation on the real machine: build as the person, set the system profile, switch-to-configuration.
// NixOS makes an activation idempotent, not undoable: going back is activating what was active before.

import { readFileSync } from 'node:fs';
import type { Activate, ActiveSystem, Person } from '../model.ts';
import type { ActivationResult, ActivationTold, Argv } from './host.ts';
import { type RunResult, run } from './run.ts';

/** Nix's own place for the generations of the system. */
const PROFILE = '/nix/var/nix/profiles/system';

export const FLAKE_FLAGS = ['--extra-experimental-features', 'nix-command flakes'] as const;

export async function activate(edit: Activate, { progress, begins }: ActivationTold): Promise<ActivationResult> {
  if (edit.target.kind === 'system') begins();
  return edit.target.kind === 'flake'
    ? await forward(edit, edit.target.installable, { progress, begins })
    : await back(edit, edit.target.system, progress);
}

async function forward(
  edit: Activate,
  installable: string,
  { progress, begins }: ActivationTold,
): Promise<ActivationResult> {
  progress('building the system');
  const built = await as(
    edit.as,
    ['nix', ...FLAKE_FLAGS, 'build', '--no-link', '--json', '--no-update-lock-file', installable],
    progress,
  );
  if (built.status !== 'done') return { status: 'failed', phase: 'build', log: logOf(built) };
  const system = outPathIn(built.stdout);
  if (system === undefined)
    return { status: 'failed', phase: 'build', log: `nix build printed no store path: ${built.stdout}` };
  if (edit.mode === 'build') return { status: 'done' };
  begins();
  // Tried before it becomes the boot default: what does not activate never gets a generation or a boot entry.
  if (edit.mode !== 'boot') {
    const tried = await switchTo(system, 'test', progress);
    if (tried.status === 'failed' || edit.mode === 'test') return tried;
  }
  const set = await as(undefined, ['nix-env', '-p', PROFILE, '--set', system], progress);
  if (set.status !== 'done') return { status: 'failed', phase: 'activate', log: logOf(set) };
  return await switchTo(system, 'boot', progress);
}

/** `nix build --json`; Nix 2.8 has no --print-out-paths yet. */
function outPathIn(json: string): string | undefined {
  const [built] = JSON.parse(json) as { outputs?: { out?: string } }[];
  const path = built?.outputs?.out;
  return path !== undefined && /^\/nix\/store\/[^/\s]+$/.test(path) ? path : undefined;
}

/** To what was active before: the generation that the profile link named, and the system that was running. */
async function back(
  edit: Activate,
  { running, profile }: ActiveSystem,
  progress: (text: string) => void,
): Promise<ActivationResult> {
  const generation = profile?.match(/^system-(\d+)-link$/)?.[1];
  if (edit.mode !== 'test' && profile !== edit.before.profile && generation !== undefined) {
    const set = await as(undefined, ['nix-env', '-p', PROFILE, '--switch-generation', generation], progress);
    if (set.status !== 'done') return { status: 'failed', phase: 'activate', log: logOf(set) };
  }
  if (running === undefined) return { status: 'failed', phase: 'activate', log: 'no system was running before' };
  return await switchTo(running, edit.mode === 'build' ? 'test' : edit.mode, progress);
}

async function switchTo(system: string, mode: string, progress: (text: string) => void): Promise<ActivationResult> {
  progress(`${mode}: ${system}`);
  const done = await as(undefined, [`${system}/bin/switch-to-configuration`, mode], progress);
  return done.status === 'done' ? { status: 'done' } : { status: 'failed', phase: 'activate', log: logOf(done) };
}

const as = (person: Person | undefined, argv: Argv, progress: (text: string) => void): Promise<RunResult> =>
  run(argv, { cwd: '/', onLine: progress, ...(person && { as: person }) });

const logOf = (result: RunResult): string =>
  result.status === 'missing' ? `${result.tool} is not installed` : [result.stdout, result.stderr].join('\n').trim();

/** The machine's own word for itself; empty where it has none. */
export function kernelHostname(): string {
  try {
    return readFileSync('/proc/sys/kernel/hostname', 'utf8').trim();
  } catch {
    return '';
  }
}
