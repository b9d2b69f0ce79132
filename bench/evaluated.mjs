// A check that a kept evaluation decides, beside the same flake in the form that the text tells: what it costs to know that the
// answer still holds.
import { spawnSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeMachine } from './machine.mjs';
import { asUser } from './nodes.mjs';

/** Whoever asks keeps the answer: in a home of theirs. */
function give(root) {
  for (const at of [root, join(root, '..')]) chmodSync(at, 0o755);
  if (process.getuid() === 0) spawnSync('chown', ['-R', '1000:100', join(root, 'bench-home'), join(root, 'home/srid')]);
}

/** A host that needs no nixpkgs; `hosts`: how it is told. */
const flake = (hosts) => `{
  outputs = { self }: let
    nixpkgs.lib.nixosSystem = { system, modules }: {
      _module.args.modules = modules;
      pkgs.stdenv.hostPlatform.system = system;
      config.networking.hostName = "nixos";
      config.nix.settings.experimental-features = [ "nix-command" "flakes" ];
    };
  in {
    nixosConfigurations = ${hosts};
  };
}
`;
const HOST = 'nixpkgs.lib.nixosSystem { system = "x86_64-linux"; modules = [ ./configuration.nix ]; }';
const FORMS = {
  literal: `{ nixos = ${HOST}; }`,
  evaluated: `builtins.listToAttrs (map (name: { inherit name; value = ${HOST}; }) (builtins.genList (_: "nixos") 1))`,
};

/**
 * `fresh`: makes an empty directory. The commands that `compare` takes, by name; each has been run once, so that its answer is
 * kept. Undefined: Nix is not here.
 */
export function evaluatedCommands(files, reflake, fresh) {
  const commands = {};
  for (const [form, hosts] of Object.entries(FORMS)) {
    const { root, dir, env } = makeMachine(fresh(`${form}-${files}`), files);
    writeFileSync(join(dir, 'flake.nix'), flake(hosts));
    writeFileSync(join(dir, 'flake.lock'), '{ "nodes": { "root": {} }, "root": "root", "version": 7 }\n');
    const spec = join(root, 'evaluated.json');
    writeFileSync(
      spec,
      JSON.stringify({
        version: 1,
        host: { name: 'nixos', system: 'x86_64-linux' },
        config: { path: '~/nixos-config', owner: 'srid', modules: ['./configuration.nix'] },
        inputs: {},
        git: 'track',
      }),
    );
    give(root);
    const argv = asUser([process.execPath, reflake, 'check', '--strict', '--root', root, '--spec', spec]);
    const first = spawnSync(argv[0], argv.slice(1), { env, cwd: root, encoding: 'utf8' });
    if (/nix is not installed/.test(first.stderr)) return undefined;
    if (first.status !== 0) throw new Error(`${form}: ${first.stdout}${first.stderr}`);
    commands[`${files} files, ${form}`] = { argv, env, cwd: root };
  }
  return commands;
}
