// The scenarios of power cuts: machines, specs and commands.

import { execFileSync } from 'node:child_process';
import { chownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { BASES, specOf } from '../support/plan-cases.ts';
import { type Literal, layOut, type Rows, rowsOfDisk } from '../support/trees.ts';
import { type Bench, demand, reflake } from './bench.ts';
import { killAt, pointsOf } from './points.ts';
import { materialise, snapshot } from './snapshot.ts';

export interface Scenario {
  readonly name: string;
  /** Arguments without --root and --state. */
  readonly words: (bench: Bench) => readonly string[];
  /** Lays the scenario out. */
  readonly prepare: (bench: Bench) => void;
  /** After a cut, only the end of the undisturbed command is right: an earlier run decided it. */
  readonly isDecided?: boolean;
}

const applying = ({ spec }: Bench): readonly string[] => ['apply', '--yes', '--offline', '--spec', spec];

/** The machine for a run with every kind of edit: parents, a move, new files, links, owners and modes, a nix.conf. */
const MACHINE: Literal = {
  ...BASES.machines.fresh,
  '/etc/nixos/l': { link: 'configuration.nix' },
  '/etc/nixos/dangling': { link: '/nowhere', owner: [1000, 0] },
  '/etc/nixos/tool': { file: 'x', mode: '0755' },
  '/etc/nixos/closed': { dir: true, mode: '2500' },
  '/etc/nixos/closed/secret': { file: 'x', mode: '0400', owner: [1000, 0] },
  '/etc/nixos/two\nlines': 'a name of two lines',
  '/etc/nixos/latin-\udce9': 'a name that is not UTF-8',
};

const SPEC = { git: 'track', config: { path: '~/a/nixos' } };

/** Mount points of the scenarios across file systems: home and state. The root file system keeps /etc. */
export const ACROSS = ['machine/home', 'state'];

/** The whole way, from what the installer leaves. */
export const APPLY: Scenario = {
  name: 'apply',
  words: applying,
  prepare(bench) {
    const machine = `${bench.disk}/machine`;
    // Made elsewhere and copied, because parts of the machine may already be mounted.
    const pattern = `${bench.home}/machine`;
    mkdirSync(pattern);
    layOut(pattern, MACHINE);
    mkdirSync(machine, { recursive: true });
    execFileSync('cp', ['-a', `${pattern}/.`, machine]);
    rmSync(pattern, { recursive: true });
    writeFileSync(bench.spec, specOf({ spec: SPEC }));
  },
};

/** A machine in sync, and a spec with two more wishes, so files are replaced. */
export const EDITS: Scenario = {
  name: 'small edits',
  words: applying,
  prepare(bench) {
    ROLLBACK.prepare(bench);
    const extra = `${bench.disk}/machine/home/srid/a/nixos/extra.nix`;
    writeFileSync(extra, '{ }\n');
    chownSync(extra, 1000, 100);
    const features = ['nix-command', 'flakes', 'ca-derivations'];
    const config = { ...SPEC.config, modules: ['./configuration.nix', './extra.nix'] };
    writeFileSync(bench.spec, specOf({ spec: { ...SPEC, config, features } }));
  },
};

/** Undoes one apply. */
export const ROLLBACK: Scenario = {
  name: 'rollback',
  words: () => ['rollback', '--yes'],
  prepare(bench) {
    APPLY.prepare(bench);
    demand(reflake(bench, applying(bench)));
  },
};

/** Recovers from an apply that was killed after `share` of its calls: back, or forward if it was committed. */
export const recoveryAfter = (share: number): Scenario => ({
  name: `recover at ${Math.round(share * 100)} %`,
  words: () => ['recover'],
  isDecided: true,
  prepare(bench) {
    APPLY.prepare(bench);
    const start = snapshot(bench.disk);
    const points = pointsOf(bench, applying(bench));
    materialise(bench.disk, start);
    const { code, out } = killAt(bench, applying(bench), points[Math.floor(share * points.length)]!);
    if (code === 0) throw new Error(`it was to be killed: ${out}`);
  },
});

export const same = (one: Rows, other: Rows): boolean => JSON.stringify(one) === JSON.stringify(other);

/** The rows of the machine, without what mkfs makes in each ext4. */
export const rowsOf = ({ disk }: Bench): Rows => rowsOfDisk(`${disk}/machine`);
