// A descriptor that root's shell has open reaches no process of another user's: they could take it (pidfd_getfd(2)).

import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { BASES } from '../support/plan-cases.ts';
import { layOut, temporary } from '../support/trees.ts';

const PROGRAM = fileURLToPath(new URL('../../dist/reflake.cjs', import.meta.url));
const SPEC = `version: 1
host: { name: nixos, system: x86_64-linux }
config: { path: /home/srid/nixos-config, owner: srid, modules: [./configuration.nix] }
inputs: { nixpkgs: github:NixOS/nixpkgs/nixos-24.05 }
git: track
`;

let dir: string;
let remove: () => void;
beforeEach(() => {
  ({ dir, remove } = temporary());
  chmodSync(dir, 0o755);
  mkdirSync(`${dir}/machine`);
  layOut(`${dir}/machine`, BASES.machines.settled);
  writeFileSync(`${dir}/s.yaml`, SPEC);
  writeFileSync(`${dir}/secret`, 'root only', { mode: 0o600 });
});
afterEach(() => remove());

/** The descriptors of another user's processes whose command line has `word`; undefined: there is none now. */
function descriptorsOf(word: string): readonly string[] | undefined {
  const found = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const uid = /^Uid:\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
        return uid === '1000' && readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(word);
      } catch {
        return false;
      }
    });
  if (found.length === 0) return undefined;
  return found.flatMap((pid) => {
    try {
      return readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
    } catch {
      return [];
    }
  });
}

/** Runs the command with the secret open at some numbers, and watches the processes of the person. */
async function watched(...words: readonly string[]): Promise<{ readonly seen: number; readonly leaked: boolean }> {
  const open = [9, 15, 16, 40, 200, 251].map((fd) => `exec ${fd}<>"$0"`).join('; ');
  const line = [process.execPath, PROGRAM, ...words, '--root', `${dir}/machine`, '--spec', `${dir}/s.yaml`];
  const child = spawn('bash', ['-c', `${open}; exec "$@"`, `${dir}/secret`, ...line], { stdio: 'ignore', cwd: dir });
  let [seen, leaked, isOver] = [0, false, false];
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  void ended.then(() => {
    isOver = true;
  });
  while (!isOver) {
    const found = descriptorsOf('__');
    if (found !== undefined) {
      seen++;
      leaked ||= found.includes(`${dir}/secret`);
    }
    await new Promise((resume) => setTimeout(resume, 1));
  }
  return { seen, leaked };
}

test('neither the process that looks nor that of a program has one', async () => {
  if (process.getuid?.() !== 0) return;
  let seen = 0;
  for (let tries = 0; tries < 10 && seen < 3; tries++) {
    const ran = await watched('check', '--evaluate', 'always', '--offline');
    expect(ran.leaked).toBe(false);
    seen += ran.seen;
  }
  expect(seen).toBeGreaterThan(0);
});
