// The runs that are disturbed: what a person does with reflake, with everything in it that an edit can be.

import { execFileSync } from 'node:child_process';
import { BASES, specOf } from '../support/plan-cases.ts';
import type { Literal } from '../support/trees.ts';
import type { Scenario } from './workshop.ts';

const APPLY = ['apply', '--yes', '--offline', '--spec', '{spec}'];

/** Links, set-id bits, closed directories, two names of odd bytes, besides what the installer leaves. */
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

/** An attribute and an ACL; nothing where the file system has none. */
function attribute(path: string): void {
  try {
    execFileSync('setfattr', ['-n', 'user.note', '-v', 'kept', path], { stdio: 'ignore' });
    execFileSync('setfacl', ['-m', 'u:1000:r', path], { stdio: 'ignore' });
  } catch {
    // What is not there need not be kept.
  }
}

/** The whole way: parents, a move, births, links, owners and modes, a nix.conf, a repository. */
export const FRESH: Scenario = {
  name: 'first apply',
  machine: ODD,
  spec: FIRST,
  earlier: async (machine) => attribute(`${machine}/etc/nixos/hardware-configuration.nix`),
  words: APPLY,
};

/** The same, with the home on another file system: the tree is copied. */
export const ACROSS: Scenario = { ...FRESH, name: 'first apply, across file systems', mounts: ['/home'] };

/** By an ordinary user, whose the whole machine is. */
export const USERS: Scenario = { ...FRESH, name: 'first apply, by an ordinary user', as: { uid: 1000, gid: 100 } };

/** A machine in sync, and a spec with two wishes more: files are replaced. */
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

/** One apply undone. */
export const ROLLBACK: Scenario = {
  name: 'rollback',
  machine: ODD,
  spec: FIRST,
  earlier: async (_, run) => await run(APPLY),
  words: ['rollback', '--yes'],
};

/** Two applies undone in one transaction. */
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
