// A real Nix under comparison: which one PATH leads to, whose rules it has, and a place of its own to work in.
// Everything here runs offline, in a scratch directory, with a store in it; the machine's own /nix is never opened.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { NixVersion } from '../../core/formats/nix-version.ts';

/** The result of a command of Nix. `said` is its stderr without colours. */
export interface Answer {
  readonly ok: boolean;
  readonly out: string;
  readonly said: string;
}

export interface RealNix {
  /** As it says: `2.34.8`. */
  readonly release: string;
  /** The rules it has by that. */
  readonly nix: NixVersion;
  /** An empty directory, by its real path. */
  readonly scratch: string;
  /** `nix ARGUMENTS`, with both experimental features, on the store in the scratch directory. */
  run(args: readonly string[], options?: { readonly cwd?: string; readonly input?: string }): Answer;
}

/** Sets this process up for the Nix in PATH, calls `work`, and removes all that was written. */
export async function withRealNix<T>(work: (real: RealNix) => Promise<T>): Promise<T> {
  const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'agreement-')));
  try {
    const release = /\d+\.\d+(?:\.\d+)*/.exec(execFileSync('nix', ['--version'], { encoding: 'utf8' }))?.[0] ?? '';
    Object.assign(process.env, settle(scratch, rulesOf(release)));
    const run: RealNix['run'] = (args, { cwd = scratch, input = '' } = {}) => {
      const { status, stdout, stderr } = spawnSync('nix', args, { cwd, input, encoding: 'utf8', maxBuffer: 1e9 });
      return { ok: status === 0, out: stdout, said: stderr.replaceAll(/\x1b\[[\d;]*m/g, '') };
    };
    return await work({ release, nix: rulesOf(release), scratch, run });
  } finally {
    // The directories of a store are read-only.
    spawnSync('chmod', ['-R', 'u+w', scratch]);
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** The environment in which every Nix behaves alike: no file of the machine is read, and no host answers. */
function settle(scratch: string, nix: NixVersion): Record<string, string> {
  for (const name of Object.keys(process.env)) if (/^(NIX_|XDG_|GIT_)/.test(name)) delete process.env[name];
  mkdirSync(join(scratch, 'conf'));
  mkdirSync(join(scratch, 'home'));
  const config = [
    `experimental-features = nix-command flakes${nix === '2.8' ? '' : ' pipe-operators'}`,
    `store = ${join(scratch, 'store')}`,
    'flake-registry =',
    'substituters =',
    'download-attempts = 1',
    'warn-dirty = false',
    'fsync-metadata = false',
  ];
  return {
    HOME: join(scratch, 'home'),
    NIX_CONF_DIR: join(scratch, 'conf'),
    NIX_USER_CONF_FILES: '',
    NIX_CONFIG: config.join('\n'),
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_CONFIG_SYSTEM: '/dev/null',
    GIT_SSH_COMMAND: 'false',
    http_proxy: 'http://127.0.0.1:9',
    https_proxy: 'http://127.0.0.1:9',
    no_proxy: '',
    LC_ALL: 'C.UTF-8',
  };
}

/** Between the versions whose rules are known, the older one's rules apply. */
function rulesOf(release: string): NixVersion {
  const [major = 0, minor = 0] = release.split('.').map(Number);
  const is = (wanted: number): boolean => major > 2 || (major === 2 && minor >= wanted);
  return is(34) ? '2.34' : is(26) ? '2.26' : '2.8';
}

/** The last error in Nix's output. */
export function lastError(said: string): string {
  return (
    said
      .split(/^\s*error:\s*/m)
      .at(-1)
      ?.split('\n')[0] ?? ''
  );
}

/** The values of expressions; undefined where Nix throws, or dies. One process answers all of them unless it dies. */
export function askRepl(real: RealNix, expressions: readonly string[]): readonly unknown[] {
  const values: unknown[] = [];
  while (values.length < expressions.length) {
    const asked = expressions.slice(values.length);
    const input = asked.map((expression) => `"@"\nbuiltins.toJSON (${expression})\n`).join('');
    const { out } = real.run(['repl'], { input });
    const answers = out
      .replaceAll(/\x1b\[[\d;]*m/g, '')
      .split(/^"@"$/m)
      .slice(1);
    if (answers.length === 0 || answers.length > asked.length) throw new Error('nix repl answers something else');
    for (const answer of answers) {
      const line = answer.split('\n').find((one) => one.startsWith('"'));
      // It prints a Nix string that holds JSON.
      values.push(line === undefined ? undefined : JSON.parse(unquoted(line)));
    }
  }
  return values;
}

function unquoted(literal: string): string {
  const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };
  return literal.slice(1, -1).replaceAll(/\\(.)/g, (_, code: string) => escapes[code] ?? code);
}

/** Writes files, given by their path below `directory`. */
export function writeTree(directory: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), text);
  }
}
