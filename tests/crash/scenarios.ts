// The runs that are disturbed: what a person does with reflake, with every kind of edit in it.

import { execFileSync } from 'node:child_process';
import { BASES, specOf } from '../support/plan-cases.ts';
import type { Literal } from '../support/trees.ts';
import type { Scenario } from './workshop.ts';

const APPLY = ['apply', '--yes', '--offline', '--spec', '{spec}'];

/** Links, set-id bits, closed directories and two names that are not UTF-8, besides what the installer leaves. */
const ODD: Literal = {
  ...BASES.machines.fresh,
  '/etc/nixos/l': { link: 'configuration.nix' },
  '/etc/nixos/dangling': { link: '/nowhere' },
  '/etc/nixos/tool': { file: 'x', mode: '0755' },
  '/etc/nixos/closed': { dir: true, mode: '2500' },
  '/etc/nixos/closed/secret': { file: 'secret', mode: '0400', owner: [1000, 0] },
  '/etc/nixos/two\nlines': 'a name of two lines',
  '/etc/nixos/latin-\udce9': 'a name that is not UTF-8',
};

const FIRST = specOf({ spec: { git: 'track', config: { path: '~/a/nixos' } } });
const AGAIN = specOf({
  spec: {
    git: 'track',
    config: { path: '~/a/nixos', modules: ['./configuration.nix', './extra.nix'] },
    features: ['nix-command', 'flakes', 'ca-derivations'],
  },
});

/** Sets an attribute and an ACL, unless the file system has none. */
function attribute(path: string): void {
  try {
    execFileSync('setfattr', ['-n', 'user.note', '-v', 'kept', path], { stdio: 'ignore' });
    execFileSync('setfacl', ['-m', 'u:1000:r', path], { stdio: 'ignore' });
  } catch {
    // What the file system does not have need not be kept.
  }
}

/** The whole way: parents, a move, new files, links, owners and modes, a nix.conf, a repository. */
export const FRESH: Scenario = {
  name: 'first apply',
  machine: ODD,
  spec: FIRST,
  earlier: async (machine) => attribute(`${machine}/etc/nixos/hardware-configuration.nix`),
  words: APPLY,
};

/** The same with the home on another file system, so the tree is copied. */
export const ACROSS: Scenario = { ...FRESH, name: 'first apply, across file systems', mounts: ['/home'] };

/** The same by an ordinary user who owns the whole machine. */
export const USERS: Scenario = { ...FRESH, name: 'first apply, by an ordinary user', as: { uid: 1000, gid: 100 } };

/** A machine in sync, and a spec with two more wishes, so files are replaced. */
export const EDITS: Scenario = {
  name: 'small edits',
  machine: ODD,
  spec: AGAIN,
  earlier: async (machine, run) => {
    await run(APPLY, FIRST);
    attribute(`${machine}/etc/nix/nix.conf`);
    attribute(`${machine}/home/srid/a/nixos/flake.nix`);
    execFileSync('sh', ['-c', 'echo "{ }" > extra.nix && chown 1000:100 extra.nix'], {
      cwd: `${machine}/home/srid/a/nixos`,
    });
  },
  words: APPLY,
};

/** Undoes one apply. */
export const ROLLBACK: Scenario = {
  name: 'rollback',
  machine: ODD,
  spec: FIRST,
  earlier: async (_, run) => await run(APPLY),
  words: ['rollback', '--yes'],
};

/** Undoes two applies in one transaction. */
export const ROLLBACK_ALL: Scenario = {
  name: 'rollback of two applies',
  machine: ODD,
  spec: AGAIN,
  earlier: async (machine, run) => {
    await EDITS.earlier?.(machine, run);
    await run(APPLY);
  },
  words: ['rollback', '--to', '0', '--yes'],
};
