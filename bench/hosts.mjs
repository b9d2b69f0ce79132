// Measures the plan of a spec of a thousand hosts: in one flake.nix and in a file for each, in sync and with one difference each. Prints
// CPU time and peak memory, beside those of a tenth of the hosts, so that anything but a line shows.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runOnce } from './measure.mjs';

const PROGRAM = new URL('../dist/reflake.cjs', import.meta.url).pathname;
const NIXPKGS = 'github:NixOS/nixpkgs/nixos-24.05';

/** A host as nixosSystem makes it; `lacks`: without a module that the spec wishes. */
const host = (modules, lacks) =>
  `nixpkgs.lib.nixosSystem {\n  system = "x86_64-linux";\n  modules = [ ${modules}${lacks ? '' : ' ../common.nix'} ];\n}`;

/** A --root directory with `count` hosts: `kind` one (all in flake.nix) or files (a file for each). */
function makeHosts(root, count, kind, lacks) {
  const dir = join(root, 'srv/config');
  for (const place of ['hosts', 'modules']) mkdirSync(join(dir, place), { recursive: true });
  mkdirSync(join(root, 'etc/nix'), { recursive: true });
  const write = (path, text) => writeFileSync(join(root, path), text);
  const names = Array.from({ length: count }, (_, number) => `h${number}`);
  write('etc/passwd', 'root:x:0:0::/root:/bin/sh\n');
  write('etc/group', 'root:x:0:\n');
  write('etc/hostname', 'h0\n');
  write('srv/config/common.nix', '{ }\n');
  const bindings = names.map((name) =>
    kind === 'one'
      ? `      ${name} = ${host(`./modules/${name}.nix`, lacks).replace('../common', './common').replaceAll('\n', '\n      ')};`
      : `      ${name} = import ./hosts/${name}.nix { inherit nixpkgs; };`,
  );
  write(
    'srv/config/flake.nix',
    `{\n  inputs.nixpkgs.url = "${NIXPKGS}";\n  outputs = { self, nixpkgs }: {\n    nixosConfigurations = {\n${bindings.join('\n')}\n    };\n  };\n}\n`,
  );
  for (const name of names) {
    write(
      `srv/config/modules/${name}.nix`,
      `{ lib, ... }: {\n  networking.hostName = "${name}";\n  nixpkgs.hostPlatform = lib.mkDefault "x86_64-linux";\n}\n`,
    );
    if (kind === 'files')
      write(`srv/config/hosts/${name}.nix`, `{ nixpkgs }:\n${host(`../modules/${name}.nix`, lacks)}\n`);
  }
  const wished = (name) => ({
    host: { system: 'x86_64-linux' },
    config: { modules: [`./modules/${name}.nix`, './common.nix'] },
  });
  const hosts = Object.fromEntries(names.map((name) => [name, wished(name)]));
  const spec = { version: 1, hosts, config: { path: '/srv/config' }, inputs: { nixpkgs: NIXPKGS } };
  write('spec.json', JSON.stringify(spec));
}

const root = mkdtempSync(join(tmpdir(), 'reflake-hosts-'));
try {
  for (const kind of ['one', 'files'])
    for (const lacks of [false, true]) {
      const [few, many] = [100, 1000].map((count) => {
        const at = join(root, `${kind}-${lacks}-${count}`);
        makeHosts(at, count, kind, lacks);
        const spec = ['--root', at, '--state', `${at}/state`, '--spec', `${at}/spec.json`];
        const argv = [process.execPath, PROGRAM, 'plan', ...spec, '--skip', 'lock', '--offline'];
        return runOnce({ argv, env: process.env, cwd: at });
      });
      const what = `${kind === 'one' ? 'one flake.nix' : 'a file each'}, ${lacks ? 'one difference each' : 'in sync'}`;
      const told = ({ cpu, rss }) => `${(cpu / 1000).toFixed(2)} s, ${Math.round(rss / 1024)} MiB`;
      console.log(`${what.padEnd(34)} 100 hosts: ${told(few)}   1,000 hosts: ${told(many)}`);
    }
} finally {
  rmSync(root, { recursive: true, force: true });
}
