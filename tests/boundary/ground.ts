// Runs the real program over hostile trees: on a machine that is the real `/` (scripts/enter.sh), or on a second one in
// it, for --root. Beside the tree are files of root's and of a third user's that nobody may change or show. Says what
// came to harm.

import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Owner } from '../../core/model.ts';
import { type Machine, makeMachine } from '../fixtures/machine.ts';
import { rowsOfDisk } from '../support/trees.ts';
import { type Layout, lay } from './lay.ts';

/** The person whose tree it is, and a third user. */
export const SRID: Owner = { uid: 1000, gid: 100 };
export const OTHER: Owner = { uid: 1001, gid: 100 };
export const HOME = '/home/srid';
export const TREE = `${HOME}/nixos-config`;

/** The mark that each secret holds; only its owner may ever see it. */
export const MARK = 'SECRET-MARK';

export const CONFIGURATION = `{ config, pkgs, ... }:
{
  imports = [ ./hardware-configuration.nix ];
  networking.hostName = "nixos";
  system.stateVersion = "23.11";
}
`;
const HARDWARE = '{ config, lib, ... }:\n{\n  nixpkgs.hostPlatform = lib.mkDefault "x86_64-linux";\n}\n';

/** Secrets of root's and of the third user's: none may change, and no mark may show. */
const SECRETS: Layout = {
  '/root/.ssh': { dir: 0o700 },
  '/root/.ssh/id': { text: `${MARK} ssh\n`, mode: 0o600 },
  '/root/.config/nix': { dir: 0o700 },
  '/root/.config/nix/nix.conf': { text: `experimental-features = flakes\n# ${MARK}\n`, mode: 0o600 },
  '/srv/rootconf': { dir: 0o700 },
  '/srv/rootconf/configuration.nix': { text: CONFIGURATION, mode: 0o600 },
  '/srv/rootconf/hardware-configuration.nix': { text: HARDWARE, mode: 0o600 },
  '/srv/rootconf/secret.nix': { text: `"${MARK}"\n`, mode: 0o600 },
  '/srv/vault': { dir: 0o755 },
  ...Object.fromEntries(
    ['HEAD', 'config', 'index', 'description', 'id'].map((name) => [
      `/srv/vault/${name}`,
      { text: `${MARK} vault ${name}\n`, mode: 0o600 },
    ]),
  ),
  '/srv/vault/objects': { dir: 0o755 },
  '/srv/vault/refs': { dir: 0o755 },
  '/srv/repo': { dir: 0o755 },
  '/srv/repo/HEAD': { text: 'ref: refs/heads/main\n' },
  '/srv/repo/config': { text: '[core]\n\trepositoryformatversion = 0\n\tbare = false\n' },
  '/srv/repo/objects': { dir: 0o755 },
  '/srv/repo/objects/info': { dir: 0o755 },
  '/srv/repo/objects/pack': { dir: 0o755 },
  '/srv/repo/refs': { dir: 0o755 },
  '/srv/repo/refs/heads': { dir: 0o755 },
  '/srv/readable': { text: 'everybody may read this\n' },
  '/etc/shadow': { text: `root:${MARK}:1::::::\n`, mode: 0o600 },
  '/etc/cron.d': { dir: 0o755 },
  '/home/other': { dir: 0o700, by: OTHER },
  '/home/other/conf': { dir: 0o700, by: OTHER },
  '/home/other/conf/configuration.nix': { text: CONFIGURATION, mode: 0o600, by: OTHER },
  '/home/other/conf/hardware-configuration.nix': { text: HARDWARE, mode: 0o600, by: OTHER },
  '/home/other/conf/secret.nix': { text: `"${MARK}"\n`, mode: 0o600, by: OTHER },
};

/** Directories whose entries are compared. Other things in /etc are the machine's own. */
const KEPT = ['/root', '/srv', '/home/other', '/etc/cron.d'];

const ACCOUNTS: Layout = {
  '/etc/passwd': {
    text: 'root:x:0:0:r:/root:/bin/sh\nsrid:x:1000:100:Srid:/home/srid:/bin/sh\nother:x:1001:100:Other:/home/other:/bin/sh\nnixbld1:x:30001:30000:b:/var/empty:/bin/false\nnixbld2:x:30002:30000:b:/var/empty:/bin/false\n',
  },
  '/etc/group': { text: 'root:x:0:\nusers:x:100:\nnixbld:x:30000:nixbld1,nixbld2\n' },
};

/** `moving`: /etc/nixos is root's and on its way to the home. `own`: the tree is there, and /etc/nixos is empty. */
export const BASES = {
  moving: {
    '/home/srid': { dir: 0o755, by: SRID },
    '/etc/nixos': { dir: 0o755 },
    '/etc/nixos/configuration.nix': { text: CONFIGURATION },
    '/etc/nixos/hardware-configuration.nix': { text: HARDWARE },
  },
  own: {
    '/home/srid': { dir: 0o755, by: SRID },
    '/etc/nixos': null,
    [TREE]: { dir: 0o755, by: SRID },
    [`${TREE}/configuration.nix`]: { text: CONFIGURATION, by: SRID },
    [`${TREE}/hardware-configuration.nix`]: { text: HARDWARE, by: SRID },
  },
} satisfies Readonly<Record<string, Layout>>;

const SPEC = {
  version: 1,
  host: { name: 'nixos', system: 'x86_64-linux' },
  config: { path: '~/nixos-config', from: '/etc/nixos', owner: 'srid', modules: ['./configuration.nix'] },
  inputs: { nixpkgs: 'path:/opt/reflake/tests/fixtures/nixpkgs' },
  features: ['nix-command', 'flakes'],
  git: 'track',
};

export type SpecPatch = { readonly [name in keyof typeof SPEC]?: unknown };

export const specWith = (patch: SpecPatch = {}): string => {
  const merged = { ...SPEC, ...patch, config: { ...SPEC.config, ...(patch.config as object) } };
  return JSON.stringify({ ...merged, inputs: { ...SPEC.inputs, ...(patch.inputs as object) } });
};

export interface Ran {
  /** Null if the program did not end and was killed. */
  readonly code: number | null;
  readonly out: string;
}

export interface How {
  /** Words before the program: strace and its options. */
  readonly prefix?: readonly string[];
  /** As sudo runs it for srid (the default), or as root alone. */
  readonly caller?: 'sudo' | 'root';
  readonly cwd?: string;
  /** A Perl program that runs as the person beside the command. */
  readonly attacker?: string | undefined;
  readonly program?: string;
}

export interface Ground {
  readonly machine: Machine;
  /** '' or the DIR of `--root`. */
  readonly prefix: string;
  /** Lays out paths of the machine, below the prefix. */
  readonly lay: (layout: Layout) => void;
  /** The path of the trusted spec. */
  readonly spec: string;
  readonly run: (words: readonly string[], how?: How) => Promise<Ran>;
  /** Puts a copy of the program there. */
  readonly install: (program: string) => void;
  /** Starts the comparison: `harm` returns in lines what came to harm since then. */
  readonly begin: () => void;
  readonly harm: (said: readonly Ran[]) => readonly string[];
  readonly remove: () => Promise<void>;
}

const DIST = fileURLToPath(new URL('../../dist/', import.meta.url));

/** Seconds that any command may take; they take about two. */
const PATIENCE = 60;

export const PROGRAM = '/opt/prog/reflake.cjs';

/** `prefix`: '' for the machine as the real /, '/m' for `--root /m`. $REFLAKE names another program than dist's. */
export async function ground(prefix: '' | '/m', base: Layout, spec: SpecPatch = {}): Promise<Ground> {
  const machine = await makeMachine({ kind: 'plain' });
  const at = machine.dir;
  const program = process.env.REFLAKE ?? `${DIST}reflake.cjs`;
  if (!existsSync(program)) throw new Error(`${program} is not built: npm run build`);
  mkdirSync(`${at}/opt/prog`);
  mkdirSync(`${at}/opt/spec`);
  mkdirSync(`${at}/srv`);
  copyFileSync(program, `${at}${PROGRAM}`);
  chmodSync(`${at}${PROGRAM}`, 0o755);
  const cache = program.replace(/\.cjs$/, '.cache');
  if (existsSync(cache)) copyFileSync(cache, `${at}/opt/prog/reflake.cache`);
  writeFileSync(`${at}/opt/spec/reflake.json`, specWith(spec));
  for (const below of new Set(['', prefix])) {
    if (below !== '') {
      lay(at, { [below]: { dir: 0o755 }, [`${below}/etc/nix/nix.conf`]: { text: 'sandbox = false\n' } });
      lay(at, { [`${below}/etc/hostname`]: { text: 'nixos\n' }, [`${below}/root`]: { dir: 0o700 } });
    }
    lay(at + below, { ...ACCOUNTS, ...SECRETS });
  }
  lay(at + prefix, base);
  let untouched: readonly string[] = [];
  const rows = (): readonly string[] =>
    [...new Set(['', prefix])].flatMap((below) => [
      ...KEPT.flatMap((dir) =>
        rowsOfDisk(at + below + dir)
          // Files that root itself asked for.
          .filter((row) => !/^\/(plan\.json|new\.yaml)\t/.test(row))
          .map((row) => `${below}${dir}${row}`),
      ),
      // The directories themselves, and single files.
      ...[
        '/etc',
        '/etc/shadow',
        '/etc/passwd',
        '/etc/group',
        '/etc/cron.d',
        '/root',
        '/srv',
        '/home',
        '/home/other',
      ].map((path) =>
        execFileSync('stat', ['-c', '%n %a %u:%g %F', at + below + path], { encoding: 'utf8' })
          .trim()
          .replace(at, ''),
      ),
    ]);
  return {
    machine,
    prefix,
    lay: (layout) => lay(at + prefix, layout),
    spec: '/opt/spec/reflake.json',
    install(program) {
      lay(at, { [program]: { text: '', mode: 0o755 } });
      copyFileSync(`${at}${PROGRAM}`, at + program);
    },
    begin() {
      untouched = rows();
    },
    harm(said) {
      const now = rows();
      return [
        ...untouched.filter((row) => !now.includes(row)).map((row) => `- ${row}`),
        ...now.filter((row) => !untouched.includes(row)).map((row) => `+ ${row}`),
        ...exposed(at),
        ...said.flatMap(({ code, out }) => [
          ...(code === null ? ['it did not end'] : []),
          ...(out.includes(MARK) ? [`a secret stands in what it said: ${lineWith(out)}`] : []),
          ...(/internal error|^\s+at .*:\d+:\d+/m.test(out) ? [`a stack trace: ${out.slice(0, 300)}`] : []),
        ]),
      ];
    },
    async run(words, { prefix: before = [], caller = 'sudo', cwd, attacker, program: run = PROGRAM } = {}) {
      const root = prefix === '' ? [] : ['--root', prefix];
      if (attacker !== undefined) writeFileSync(`${at}/opt/attack.pl`, attacker);
      const command = [...before, 'node', run, ...words, ...root, '--color', 'never', '--offline'];
      const beside =
        'setpriv --reuid=1000 --regid=100 --clear-groups perl /opt/attack.pl > /dev/null 2>&1 < /dev/null &';
      const script = `${cwd === undefined ? '' : `cd ${cwd};`} ${attacker === undefined ? '' : beside} timeout -s KILL ${PATIENCE} "$@" < /dev/null`;
      const argv = ['sh', '-c', script, 'sh', ...command];
      const ran = await machine.enter(argv, caller === 'sudo' ? { sudo: 'srid' } : {});
      return { code: ran.code === 137 ? null : ran.code, out: ran.stdout + ran.stderr };
    },
    async remove() {
      await machine.remove();
    },
  };
}

const lineWith = (out: string): string => out.split('\n').find((line) => line.includes(MARK)) ?? '';

/** Files with the mark that somebody other than their rightful owner can read. */
function exposed(at: string): readonly string[] {
  const { stdout } = spawnSync(
    'grep',
    [
      '-rlaD',
      'skip',
      '--',
      MARK,
      ...['home', 'tmp', 'nix', 'var', 'etc', 'opt/spec', 'm'].map((dir) => `${at}/${dir}`),
    ],
    {
      encoding: 'utf8',
      maxBuffer: 64 << 20,
    },
  );
  return stdout
    .split('\n')
    .filter((file) => file !== '' && !/^\/(m\/)?(root|srv|home\/other|etc\/shadow)(\/|$)/.test(file.slice(at.length)))
    .filter((file) => isOpen(at, file.slice(at.length)))
    .map((file) => `a secret is in ${file.slice(at.length)}`);
}

/** True if somebody other than root and the third user, who own the secrets, can read it at its place. */
function isOpen(at: string, path: string): boolean {
  const parts = path.split('/').slice(1);
  for (let n = 1; n <= parts.length; n++) {
    const [mode = '', uid] = execFileSync('stat', ['-c', '%a %u', `${at}/${parts.slice(0, n).join('/')}`], {
      encoding: 'utf8',
    }).split(' ');
    const bits = Number.parseInt(mode, 8);
    const needed = n === parts.length ? 0o4 : 0o1;
    const isRightful = [0, OTHER.uid].includes(Number(uid));
    if (isRightful && ((bits >> 3) & needed) === 0 && (bits & needed) === 0) return false;
  }
  return true;
}
