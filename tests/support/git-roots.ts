// The flakes in git work trees of tests/vectors/gitroot.json: built, and judged from the index and the texts.

import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readFlake } from '../../core/formats/flake/flake.ts';
import { isRelativePath } from '../../core/formats/flake-ref/model.ts';
import { readIndex } from '../../core/formats/git/index.ts';
import { type LockInput, lockInputsOf } from '../../core/formats/lock/inputs.ts';
import type { LockNode } from '../../core/formats/lock/model.ts';
import { parseLock } from '../../core/formats/lock/parse-lock.ts';
import { printLock } from '../../core/formats/lock/print-lock.ts';
import { lockVerdict } from '../../core/formats/lock/verdict.ts';
import type { NixVersion } from '../../core/formats/nix-version.ts';
import { hashTree } from '../../core/host/disk/nar-walk.ts';
import { writeTree } from '../nix/real-nix.ts';

interface GitRoot {
  readonly name: string;
  /** Shell commands, run beside `flake` and `dep`. */
  readonly setup: readonly string[];
  readonly results: Readonly<Record<string, { readonly verdict: string }>>;
}

const file = new URL('../vectors/gitroot.json', import.meta.url);

/** The records of the vector file. */
export const gitRoots = (JSON.parse(readFileSync(file, 'utf8')) as { readonly vectors: readonly GitRoot[] }).vectors;

/** Builds one in an empty directory. Where Nix would write a lock, this function writes it. */
export function buildGitRoot({ setup }: GitRoot, dir: string): void {
  writeTree(dir, {
    'dep/flake.nix': '{ outputs = { self }: { }; }\n',
    'flake/flake.nix': `{ inputs.a.url = "path:${dir}/dep"; outputs = { self, a }: { }; }\n`,
  });
  const env = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' };
  const shell = (command: string) => execFileSync('sh', ['-c', command], { cwd: dir, env, stdio: 'pipe' });
  shell('git init -q -b main flake && git -C flake config user.name o && git -C flake config user.email o@o');
  for (const command of setup) {
    if (command.startsWith('nix flake lock ')) lockAsNix(join(dir, 'flake'));
    else shell(command);
  }
}

/** The answer of `nix flake lock --no-update-lock-file DIR/flake`, from the index and the texts alone. */
export function judgeGitRoot(dir: string, nix: NixVersion): 'fresh' | 'stale' | 'error' | 'refetch' {
  const top = join(dir, 'flake');
  const index = existsSync(join(top, '.git/index')) ? readIndex(readFileSync(join(top, '.git/index'))) : undefined;
  const listed = index?.ok ? index.index.entries.map(({ path }) => path.toString()) : [];
  const shown = (path: string): string | undefined =>
    listed.includes(path) && existsSync(join(top, path)) ? readFileSync(join(top, path), 'utf8') : undefined;
  const sub = existsSync(join(top, 'flake.nix')) ? '' : 'nix/';
  const inputs = inputsOf(shown(`${sub}flake.nix`), nix);
  const text = shown(`${sub}flake.lock`);
  const lock = text === undefined ? undefined : parseLock(text, { nix });
  if (inputs === undefined || lock?.ok === false) return 'error';
  // An input that is not locked yet is fetched from the same tree.
  const kept = lock?.lock.nodes.get(lock.lock.root)?.inputs;
  const lost = inputs.some(
    ({ name, ref }) =>
      ref && isRelativePath(ref.attrs) && !kept?.has(name) && !shown(join(String(ref.attrs.path), 'flake.nix')),
  );
  return lost ? 'error' : lockVerdict(inputs, lock?.lock, { nix }).verdict;
}

function inputsOf(text: string | undefined, nix: NixVersion): readonly LockInput[] | undefined {
  const flake = text === undefined ? undefined : readFlake(text);
  const inputs = flake?.ok ? lockInputsOf(flake, nix) : undefined;
  return inputs?.ok ? inputs.inputs : undefined;
}

/** Writes the lock of a flake whose inputs are paths. Writes nothing if there is no flake.nix, since Nix fails then. */
function lockAsNix(top: string): void {
  if (!existsSync(join(top, 'flake.nix'))) return;
  const inputs = inputsOf(readFileSync(join(top, 'flake.nix'), 'utf8'), '2.34') ?? [];
  const nodes = inputs.map(({ name, ref }): readonly [string, LockNode] => {
    const original = ref?.attrs ?? {};
    if (isRelativePath(original))
      return [name, { inputs: new Map(), original, locked: original, flake: true, parent: [] }];
    const locked = { ...original, lastModified: 1_700_000_000, narHash: hashTree(String(original.path)) };
    return [name, { inputs: new Map(), original, locked, flake: true }];
  });
  const edges = inputs.map(({ name }) => [name, { kind: 'node' as const, key: name }] as const);
  const root: LockNode = { inputs: new Map(edges), flake: true };
  const lock = { root: 'root', version: 7, nodes: new Map([['root', root] as const, ...nodes]), orphans: [] };
  writeFileSync(join(top, 'flake.lock'), printLock(lock));
}
