// The machine of the golden screens: a plan that moves, writes, edits, locks, owns and activates.
import { digestOf } from '../../../core/canonical.ts';
import type { JsonPointer, SourceRange } from '../../../core/diagnostic.ts';
import type { Change, Digest, Edit, Plan, Puttable, Step } from '../../../core/model.ts';
import { type AbsPath, absolute } from '../../../core/path.ts';
import { withIds } from '../../../core/plan/plan-id.ts';

export const DIR = absolute('/home/srid/nixos-config');
export const OLD = absolute('/etc/nixos');
const ROOT_OWNER = { uid: 0, gid: 0 };
const SRID = { uid: 1000, gid: 100 };

export const SPEC = `version: 1
host:
  name: nixos
  system: x86_64-linux
config:
  path: ~/nixos-config
  from: /etc/nixos
  owner: srid
inputs:
  nixpkgs: github:NixOS/nixpkgs/nixos-23.11
features: [nix-command, flakes]
git: track
activate: switch
`;

export const nameOf = ({ uid, gid }: { uid: number; gid: number }): string =>
  `${uid === 0 ? 'root' : 'srid'}:${gid === 0 ? 'root' : 'users'}`;

/** A `locate` like loadSpec's, as far as this spec needs it. */
export function locate(pointer: JsonPointer): SourceRange | undefined {
  const key = pointer.split('/').at(-1)!;
  const lines = SPEC.split('\n');
  const line = lines.findIndex((text) => text.trimStart().startsWith(`${key}:`));
  if (line === -1) return undefined;
  const column = lines[line]!.indexOf(':') + 3;
  return { file: 'reflake.yaml', line: line + 1, column, endLine: line + 1, endColumn: lines[line]!.length + 1 };
}
export const source = (file: string): string | undefined => (file === 'reflake.yaml' ? SPEC : undefined);

export const CONFIGURATION = `{ config, pkgs, ... }:

{
  imports = [ ./hardware-configuration.nix ];

  networking.hostName = "nixos";
  users.users.srid.initialPassword = "hunter2";
  system.stateVersion = "23.11";
}
`;
const EDITED = CONFIGURATION.replace(
  '  system.state',
  '  nix.settings.experimental-features = [ "nix-command" "flakes" ];\n  system.state',
).replace('hunter2', 'hunter3');
const FLAKE = `{
  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-23.11";
  outputs = { nixpkgs, ... }: {
    nixosConfigurations.nixos = nixpkgs.lib.nixosSystem {
      system = "x86_64-linux";
      modules = [ ./configuration.nix ];
    };
  };
}
`;
const LOCK = '{ "nodes": {}, "root": "root", "version": 7 }\n';

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
export const inDir = (name: string): AbsPath => absolute(`${DIR}/${name}`);
export const file = (content: string | undefined, owner = SRID, mode = 0o644): Puttable => ({
  type: 'file',
  mode,
  owner,
  ...(content === undefined ? {} : { content: digestOf(content) }),
});
export const blobsOf = (...texts: string[]): Record<Digest, Uint8Array> =>
  Object.fromEntries(texts.map((text) => [digestOf(text), bytes(text)]));

const ABSENT = { type: 'absent' } as const;
const step = (provider: string, changes: readonly Change[], edits: readonly Edit[]): Omit<Step, 'blobs'> => ({
  provider,
  verdicts: [...new Set(changes.map(({ wish }) => wish!))].map((wish) => ({ wish, verdict: 'differs', by: 'RF2103' })),
  findings: changes,
  edits,
});

export function planOf(steps: readonly Omit<Step, 'blobs'>[], blobs: Plan['blobs'] = {}): Plan {
  const body = {
    version: 2 as const,
    spec: digestOf(SPEC),
    host: { name: 'nixos', system: 'x86_64-linux', machineId: '' },
    readSet: [],
    steps,
    leftOut: [],
    blobs,
  };
  return withIds(body);
}

/** Nothing differs. */
export const IN_SYNC = planOf([
  {
    provider: 'flake',
    verdicts: ['/inputs/nixpkgs', '/host/name', '/host/system'].map((wish) => ({ wish, verdict: 'holds' as const })),
    findings: [],
    edits: [],
  },
]);

export const MOVE: Edit = { op: 'move', from: OLD, to: DIR };
export const WRITES: readonly Edit[] = [
  { op: 'put', path: inDir('configuration.nix'), before: file(CONFIGURATION, ROOT_OWNER), after: file(EDITED) },
  { op: 'put', path: inDir('flake.lock'), before: ABSENT, after: file(LOCK) },
  { op: 'put', path: inDir('flake.nix'), before: ABSENT, after: file(FLAKE) },
];
export const OWNS: readonly Edit[] = ['', 'hardware-configuration.nix', 'secrets.age'].map((name): Edit => {
  const path = name === '' ? DIR : inDir(name);
  const entry = (owner: { uid: number; gid: number }): Puttable =>
    name === '' ? { type: 'dir', mode: 0o755, owner } : { type: 'file', mode: 0o644, owner };
  return { op: 'put', path, before: entry(ROOT_OWNER), after: entry(SRID) };
});
export const ACTIVATE: Edit = {
  op: 'activate',
  mode: 'switch',
  target: { kind: 'flake', installable: `${DIR}#nixosConfigurations.nixos.config.system.build.toplevel` },
  as: { ...SRID, name: 'srid', home: '/home/srid' },
  before: { running: '/nix/store/a-nixos-system' },
};

export const EXAMPLE = planOf(
  [
    step(
      'location',
      [
        {
          subject: 'config.path',
          path: OLD,
          remedy: { by: 'plan', action: 'move' },
          from: OLD,
          to: DIR,
          because: 'the configuration (3 entries) is still at "/etc/nixos"',
          code: 'RF2103',
          wish: '/config/path',
        },
      ],
      [MOVE],
    ),
    step(
      'flake',
      [
        {
          subject: 'inputs.nixpkgs',
          path: inDir('flake.nix'),
          remedy: { by: 'plan', action: 'add' },
          to: 'github:NixOS/nixpkgs/nixos-23.11',
          because: 'there is no flake.nix',
          code: 'RF2103',
          wish: '/inputs/nixpkgs',
        },
        {
          subject: 'nixosConfigurations.nixos',
          path: inDir('flake.nix'),
          remedy: { by: 'plan', action: 'add' },
          to: 'x86_64-linux',
          because: 'there is no flake.nix',
          code: 'RF2103',
          wish: '/host/name',
        },
      ],
      [WRITES[2]!],
    ),
    step(
      'features',
      [
        {
          subject: 'nix.settings.experimental-features',
          path: inDir('configuration.nix'),
          remedy: { by: 'plan', action: 'add' },
          to: 'nix-command flakes',
          because: 'no file enables nix-command and flakes',
          code: 'RF2103',
          wish: '/features',
          at: { file: inDir('configuration.nix'), line: 8, column: 1, endLine: 8, endColumn: 1 },
        },
      ],
      [WRITES[0]!],
    ),
    step(
      'lock',
      [
        {
          subject: 'nixpkgs',
          path: inDir('flake.lock'),
          remedy: { by: 'plan', action: 'add' },
          to: 'd02d818f22c777aa4e854efc3242ec451e5d462a (2023-11-25)',
          because: 'nixpkgs is not locked',
          code: 'RF2103',
          wish: '/inputs/nixpkgs',
        },
      ],
      [WRITES[1]!],
    ),
    step(
      'ownership',
      [
        {
          subject: 'owner',
          path: DIR,
          remedy: { by: 'plan', action: 'change' },
          from: 'root:root',
          to: 'srid:users',
          because: '5 paths belong to root:root',
          code: 'RF2103',
          wish: '/config/owner',
        },
      ],
      OWNS,
    ),
    step(
      'git',
      [
        {
          subject: 'git',
          path: DIR,
          remedy: { by: 'plan', action: 'change' },
          to: '3 files become visible to Nix (intent to add)',
          because: "flake.nix, flake.lock and configuration.nix are not in git's index, so Nix does not see them",
          code: 'RF2103',
          wish: '/git',
        },
      ],
      [],
    ),
    step(
      'activation',
      [
        {
          subject: 'activate (switch)',
          path: DIR,
          remedy: { by: 'plan', action: 'activate' },
          from: '/nix/store/00000000000000000000000000000000-nixos-system-nixos-23.05',
          to: `${DIR}#nixosConfigurations.nixos.config.system.build.toplevel`,
          because: 'the running system is not what the flake describes',
          code: 'RF2103',
          wish: '/activate',
        },
      ],
      [ACTIVATE],
    ),
  ],
  blobsOf(EDITED, FLAKE, LOCK),
);
