// Activation on the real machine: build as the person, set the system profile, switch-to-configuration.
// NixOS makes an activation idempotent, not undoable: its undo activates what was active before.

import { existsSync, readFileSync } from 'node:fs';
import type { ActivationResult, ActivationTold } from '../../machine/host.ts';
import type { Argv } from '../../machine/job.ts';
import type { Activate, ActivationMode, ActiveSystem, Signal } from '../../model.ts';
import { OFFLINE } from './environment.ts';
import { type RunResult, run } from './run.ts';
import { runShielded } from './shielded.ts';

/** Nix's own place for the generations of the system. */
const PROFILE = '/nix/var/nix/profiles/system';

const FLAKE_FLAGS = ['--extra-experimental-features', 'nix-command flakes'] as const;

/** What goes on beside an activation: it can't be cut off, only waited for. */
export interface Beside {
  /** Descriptors of the locks, which it keeps should it outlive us. */
  readonly keep: readonly number[];
  readonly stopped: () => Signal | undefined;
  /** A build is kept from the network. */
  readonly offline: boolean;
}

const NOTHING_BESIDE: Beside = { keep: [], stopped: () => undefined, offline: false };

/** The effects of one that is done are durable. Of a build alone there are none. */
export async function activate(
  edit: Activate,
  { progress, begins }: ActivationTold,
  beside = NOTHING_BESIDE,
): Promise<ActivationResult> {
  if (edit.target.kind === 'system') {
    begins();
    return await undoActivation(edit, edit.target.system, { progress, ...beside });
  }
  const built = await build(edit, edit.target.installable, { progress, ...beside });
  if (typeof built !== 'string') return built;
  if (edit.mode === 'build') return { status: 'done' };
  begins();
  return await forward(edit.mode, built, { progress, ...beside });
}

type Told = Beside & Pick<ActivationTold, 'progress'>;

/** The store path of the system. */
async function build(
  edit: Activate,
  installable: string,
  { progress, offline }: Told,
): Promise<string | ActivationResult> {
  progress('building the system');
  const words = [
    'build',
    '--no-link',
    '--json',
    '--no-update-lock-file',
    ...(offline ? ['--offline'] : []),
    '--',
    installable,
  ];
  const built = await run(['nix', ...FLAKE_FLAGS, ...words], {
    cwd: '/',
    onLine: progress,
    as: edit.as,
    ...(offline && { env: OFFLINE }),
    // One package may build for hours without a word.
    limit: 'none',
  });
  if (built.status !== 'done') return { status: 'failed', phase: 'build', log: logOf(built) };
  const system = outPathIn(built.stdout);
  return system ?? { status: 'failed', phase: 'build', log: `nix build printed no store path: ${built.stdout}` };
}

/** Tried before it becomes the boot default: what does not activate never gets a generation or a boot entry. */
async function forward(mode: Exclude<ActivationMode, 'build'>, system: string, told: Told): Promise<ActivationResult> {
  const switchTo = `${system}/bin/switch-to-configuration`;
  const steps: readonly Argv[] = [
    ...(mode === 'boot' ? [] : [[switchTo, 'test'] as const]),
    ...(mode === 'test' ? [] : [['nix-env', '-p', PROFILE, '--set', system] as const, [switchTo, 'boot'] as const]),
  ];
  for (const step of steps) {
    const done = await shielded(step, told);
    if (done.status === 'failed') return done;
    const signal = told.stopped();
    if (signal !== undefined) return { status: 'failed', phase: 'activate', log: `stopped by ${signal}` };
  }
  return await durable(told);
}

/** `nix build --json`; Nix 2.8 has no --print-out-paths yet. */
function outPathIn(json: string): string | undefined {
  const [built] = JSON.parse(json) as { outputs?: { out?: string } }[];
  const path = built?.outputs?.out;
  return path !== undefined && /^\/nix\/store\/[^/\s]+$/.test(path) ? path : undefined;
}

/** To what was active before: the generation that the profile link named, and the system that was running. */
async function undoActivation(
  edit: Activate,
  { running, profile }: ActiveSystem,
  told: Told,
): Promise<ActivationResult> {
  const generation = profile?.match(/^system-(\d+)-link$/)?.[1];
  if (edit.mode !== 'test' && profile !== edit.before.profile && generation !== undefined) {
    const set = await shielded(['nix-env', '-p', PROFILE, '--switch-generation', generation], told);
    if (set.status === 'failed') return set;
  }
  if (running === undefined) return { status: 'failed', phase: 'activate', log: 'no system was running before' };
  const mode = edit.mode === 'build' ? 'test' : edit.mode;
  const done = await shielded([`${running}/bin/switch-to-configuration`, mode], told);
  return done.status === 'failed' ? done : await durable(told);
}

async function shielded(argv: Argv, { progress, keep, stopped }: Told): Promise<ActivationResult> {
  const [program, ...words] = argv;
  progress(program.startsWith('/') ? `${words[0]}: ${program.split('/').slice(0, 4).join('/')}` : argv.join(' '));
  let isTold = stopped() !== undefined;
  const meanwhile = (): void => {
    const signal = stopped();
    if (isTold || signal === undefined) return;
    isTold = true;
    progress(`${signal}: the activation is not cut off; waiting for its end, then undoing`);
  };
  const done = await runShielded(argv, { keep, onLine: progress, meanwhile });
  return done.status === 'done' ? { status: 'done' } : { status: 'failed', phase: 'activate', log: logOf(done) };
}

/** What was activated is still so after a power cut: neither Nix nor an activation flushes its links. */
async function durable(told: Told): Promise<ActivationResult> {
  const places = ['/nix/var/nix', '/etc', '/boot'].filter((place) => existsSync(place));
  return await shielded(['sync', '-f', ...places], told);
}

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
