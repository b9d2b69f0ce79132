// Activates a system on the real machine: nix build as the person, then the system profile, then
// switch-to-configuration.
// NixOS makes an activation idempotent but not reversible, so the undo activates the system that was active before.

import { existsSync, readFileSync } from 'node:fs';
import { listener } from '../../formats/nix-log.ts';
import type { ActivationResult, ActivationTold } from '../../machine/host.ts';
import type { Argv } from '../../machine/job.ts';
import type { Activate, ActivationMode, ActiveSystem, Signal } from '../../model.ts';
import { OFFLINE } from './environment.ts';
import { type RunResult, run } from './run.ts';
import { runShielded } from './shielded.ts';

/** The profile that holds the generations of the system. */
const PROFILE = '/nix/var/nix/profiles/system';

const FLAKE_FLAGS = ['--extra-experimental-features', 'nix-command flakes'] as const;

/** The state of this process during an activation, which we never cut off but only wait for. */
export interface Beside {
  /** Descriptors of the mutex. The activation inherits them, so the mutex stays held if it outlives us. */
  readonly keep: readonly number[];
  readonly stopped: () => Signal | undefined;
  /** True if a build must not use the network. */
  readonly offline: boolean;
}

const NOTHING_BESIDE: Beside = { keep: [], stopped: () => undefined, offline: false };

/** Carries out an activation. When it returns `done`, the effects are durable. Mode `build` has no effects. */
export async function activate(
  edit: Activate,
  { progress, begins }: ActivationTold,
  beside = NOTHING_BESIDE,
): Promise<ActivationResult> {
  if (edit.target.kind === 'system') {
    begins();
    return await undoActivation(edit, edit.target.system, { progress, ...beside });
  }
  const { installable, drv } = edit.target;
  const other = drv === undefined ? undefined : await otherThan(drv, edit, installable, { progress, ...beside });
  if (other !== undefined) return other;
  const built = await build(edit, installable, { progress, ...beside });
  if (typeof built !== 'string') return built;
  if (edit.mode === 'build') return { status: 'done' };
  begins();
  return await forward(edit.mode, built, { progress, ...beside });
}

type Told = Beside & Pick<ActivationTold, 'progress'>;

const BUILDING = 'building the system';
const COMPARING = 'comparing the system with the one that was proven';

/** Evaluates what is to be built; a failure where it is another derivation, or none. */
async function otherThan(
  drv: string,
  { as }: Activate,
  installable: string,
  { progress, offline }: Told,
): Promise<ActivationResult | undefined> {
  progress(COMPARING);
  const words = [
    'eval',
    '--raw',
    '--no-update-lock-file',
    ...(offline ? ['--offline'] : []),
    '--',
    `${installable}.drvPath`,
  ];
  const found = await run(['nix', ...FLAKE_FLAGS, ...words], {
    cwd: '/',
    onLine: listener((doing) => progress(COMPARING, doing)),
    as,
    ...(offline && { env: OFFLINE }),
    limit: { silent: 600 },
  });
  if (found.status !== 'done') return { status: 'failed', phase: 'build', log: logOf(found) };
  const is = found.stdout.trim();
  return is === drv ? undefined : { status: 'failed', phase: 'proof', log: `proven: ${drv}\nwritten: ${is}` };
}

/** Builds the system and returns its store path. */
async function build(
  edit: Activate,
  installable: string,
  { progress, offline }: Told,
): Promise<string | ActivationResult> {
  progress(BUILDING);
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
    onLine: listener((doing) => progress(BUILDING, doing)),
    as: edit.as,
    ...(offline && { env: OFFLINE }),
    // One package may build for hours and print nothing.
    limit: 'none',
  });
  if (built.status !== 'done') return { status: 'failed', phase: 'build', log: logOf(built) };
  const system = outPathIn(built.stdout);
  return system ?? { status: 'failed', phase: 'build', log: `nix build printed no store path: ${built.stdout}` };
}

/**
 * Runs `test` before the system becomes the boot default: one that does not activate never gets a generation or a boot
 * entry.
 */
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

/** The store path in the output of `nix build --json`. Nix 2.8 does not have --print-out-paths. */
function outPathIn(json: string): string | undefined {
  const [built] = JSON.parse(json) as { outputs?: { out?: string } }[];
  const path = built?.outputs?.out;
  return path !== undefined && /^\/nix\/store\/[^/\s]+$/.test(path) ? path : undefined;
}

/** Returns to what was active before: the generation that the profile link named, and the system that was running. */
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

/**
 * Flushes what was activated, so that it survives a power cut: neither Nix nor switch-to-configuration flushes the
 * links it makes.
 */
async function durable(told: Told): Promise<ActivationResult> {
  const places = ['/nix/var/nix', '/etc', '/boot'].filter((place) => existsSync(place));
  return await shielded(['sync', '-f', ...places], told);
}

const logOf = (result: RunResult): string =>
  result.status === 'missing' ? `${result.tool} is not installed` : [result.stdout, result.stderr].join('\n').trim();

/** The hostname in /proc; empty if it can't be read. */
export function kernelHostname(): string {
  try {
    return readFileSync('/proc/sys/kernel/hostname', 'utf8').trim();
  } catch {
    return '';
  }
}
