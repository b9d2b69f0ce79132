// Makes the machines of the bench: a --root directory whose flake is in sync with its spec, with any number of files.
// It needs no network and no Nix: flake.lock names sources that are never fetched.
import { spawnSync } from 'node:child_process';
import { chmodSync, lchownSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A machine below `root` (a directory that exists) with `files` modules in ~srid/nixos-config, all imported and tracked by
 * git. Gives the root, the flake's directory, the spec in both notations, and the environment in which to run programs there.
 */
export function makeMachine(root, files) {
  const dir = join(root, 'home/srid/nixos-config');
  const home = join(root, 'home/srid');
  mkdirSync(join(dir, 'modules'), { recursive: true });
  mkdirSync(join(root, 'etc/nix'), { recursive: true });
  // Without root, the running user plays srid.
  const uid = process.getuid() || 1000;
  const gid = process.getuid() ? process.getgid() : 100;
  write(root, {
    'etc/passwd': `root:x:0:0::/root:/bin/sh\nsrid:x:${uid}:${gid}:Srid:/home/srid:/bin/sh\n`,
    'etc/group': `root:x:0:\nusers:x:${gid}:\n`,
    'etc/hostname': 'nixos\n',
    'etc/nix/nix.conf':
      '# See nix.conf(5).\nsandbox = false\nsubstituters =\nexperimental-features = nix-command flakes\n',
    'reflake.yaml': SPEC_YAML,
    'reflake.json': `${JSON.stringify(SPEC, null, 2)}\n`,
    // safe.directory lets the running user read srid's repository; gc.auto 0 keeps git from repacking during a measurement.
    'bench-home/.gitconfig':
      '[safe]\n\tdirectory = *\n[user]\n\tname = bench\n\temail = bench@localhost\n[gc]\n\tauto = 0\n',
  });
  const names = Array.from({ length: files }, (_, index) => `modules/${placeOf(index, files)}module-${index}.nix`);
  write(dir, {
    'flake.nix': FLAKE,
    'flake.lock': `${JSON.stringify(LOCK, null, 2)}\n`,
    'configuration.nix': configuration(names),
    ...Object.fromEntries(names.map((name, index) => [name, moduleText(index)])),
  });
  const env = { PATH: process.env.PATH, HOME: join(root, 'bench-home'), LANG: 'C.UTF-8', GIT_CONFIG_NOSYSTEM: '1' };
  for (const args of [
    ['init', '--quiet', '--initial-branch=main'],
    ['add', '.'],
    ['commit', '--quiet', '--message=all'],
  ]) {
    const git = spawnSync('git', ['-C', dir, ...args], { env, encoding: 'utf8' });
    if (git.status !== 0) throw new Error(`git ${args[0]}: ${git.stderr ?? git.error}`);
  }
  give(home, uid, gid);
  return { root, dir, env, yaml: join(root, 'reflake.yaml'), json: join(root, 'reflake.json') };
}

/** Realistic text of a module, about 1.3 KiB; each number gives another. */
export function moduleText(index) {
  return `# Module ${index}: what the machine needs for service ${index}.
{ config, lib, pkgs, ... }:

let
  cfg = config.services.example${index};
  port = ${8000 + index};
  inherit (lib) mkEnableOption mkIf mkOption types optionalString;
in
{
  options.services.example${index} = {
    enable = mkEnableOption "example ${index}";
    package = mkOption {
      type = types.package;
      default = pkgs.hello;
      defaultText = "pkgs.hello";
      description = ''
        The package to use, see \`https://example.org/${index}\`.
        Another one may be given, such as ''\${pkgs.hello}.
      '';
    };
    settings = mkOption { type = with types; attrsOf (oneOf [ str int bool ]); default = { }; };
  };

  config = mkIf (cfg.enable && port != 0 || !cfg.strict or false) {
    environment.systemPackages = with pkgs; [ cfg.package git vim (python3.withPackages (ps: [ ps.requests ])) ];
    networking.firewall.allowedTCPPorts = [ port ] ++ lib.optionals (cfg ? extra) cfg.extra;
    systemd.services."example-${index}" = {
      description = "Example \${toString port} of \${config.networking.hostName}";
      wantedBy = [ "multi-user.target" ];
      serviceConfig = cfg.settings // rec {
        ExecStart = "\${cfg.package}/bin/hello --port \${toString port}";
        Restart = "on-failure"; # Not always: it ends by itself.
      };
      script = ''
        exec \${pkgs.coreutils}/bin/true ${'${optionalString (port > 1024) "--high"}'}
      '';
    };
  };
}
`;
}

// Modules lie side by side in small trees, a hundred to a directory in large ones.
const placeOf = (index, files) => (files > 100 ? `group-${Math.floor(index / 100)}/` : '');

const configuration = (names) => `{ config, pkgs, ... }:

{
  imports = [
${names.map((name) => `    ./${name}\n`).join('')}  ];

  networking.hostName = "nixos";
  users.users.srid = { isNormalUser = true; extraGroups = [ "wheel" ]; };
  system.stateVersion = "23.11";
}
`;

const NIXPKGS = 'github:NixOS/nixpkgs/nixos-23.11';
const HOME_MANAGER = 'github:nix-community/home-manager/release-23.11';

const FLAKE = `{
  inputs.nixpkgs.url = "${NIXPKGS}";
  inputs.home-manager = {
    url = "${HOME_MANAGER}";
    inputs.nixpkgs.follows = "nixpkgs";
  };

  outputs = { self, nixpkgs, ... }@inputs: {
    nixosConfigurations.nixos = nixpkgs.lib.nixosSystem {
      system = "x86_64-linux";
      specialArgs = { inherit inputs; };
      modules = [ ./configuration.nix ];
    };
  };
}
`;

const locked = (owner, repo, ref, digit) => ({
  locked: {
    lastModified: 1700000000,
    narHash: `sha256-${digit.repeat(43)}=`,
    owner,
    repo,
    rev: digit.toLowerCase().repeat(40),
    type: 'github',
  },
  original: { owner, ref, repo, type: 'github' },
});

const LOCK = {
  nodes: {
    'home-manager': {
      inputs: { nixpkgs: ['nixpkgs'] },
      ...locked('nix-community', 'home-manager', 'release-23.11', 'A'),
    },
    nixpkgs: locked('NixOS', 'nixpkgs', 'nixos-23.11', 'E'),
    root: { inputs: { 'home-manager': 'home-manager', nixpkgs: 'nixpkgs' } },
  },
  root: 'root',
  version: 7,
};

const SPEC = {
  version: 1,
  host: { name: 'nixos', system: 'x86_64-linux' },
  config: { path: '~/nixos-config', from: '/etc/nixos', owner: 'srid', modules: ['./configuration.nix'] },
  inputs: { nixpkgs: NIXPKGS, 'home-manager': { url: HOME_MANAGER, follows: { nixpkgs: 'nixpkgs' } } },
  features: ['nix-command', 'flakes'],
  git: 'track',
  activate: 'none',
};

const SPEC_YAML = `# What this machine shall be. reflake plan shows the difference, reflake apply makes it so.
version: 1

host:
  name: nixos  # nixosConfigurations.<name>
  system: x86_64-linux

config:
  path: ~/nixos-config  # where the configuration lives
  from: /etc/nixos  # moved from here while it is still there
  owner: srid  # the whole tree, .git included
  modules: [./configuration.nix]

inputs:
  nixpkgs: ${NIXPKGS}
  home-manager:
    url: ${HOME_MANAGER}
    follows: { nixpkgs: nixpkgs }

features: [nix-command, flakes]  # enabled permanently

git: track  # the flake's files are visible to Nix; never a commit
activate: none  # none | build | test | boot | switch
`;

function write(dir, texts) {
  for (const [name, text] of Object.entries(texts)) {
    const path = join(dir, name);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, text);
    chmodSync(path, 0o644);
  }
}

function give(path, uid, gid) {
  if (process.getuid() !== 0) return;
  lchownSync(path, uid, gid);
  for (const entry of readdirSync(path, { withFileTypes: true, recursive: true }))
    lchownSync(join(entry.parentPath ?? entry.path, entry.name), uid, gid);
}
