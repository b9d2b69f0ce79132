// Tests the fixtures with the real Nix: the miniature nixpkgs evaluates, builds, switches and fails as NixOS does,
// inputs of each kind lock offline, and the temporary machines are as the scenarios assume.
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type Machine, makeMachine } from './fixtures/machine.ts';
import { type FixtureServer, serve, tarball } from './fixtures/serve.mjs';

const nixpkgs = 'path:/opt/reflake/tests/fixtures/nixpkgs';
const features = { NIX_CONFIG: 'experimental-features = nix-command flakes' };
const srid = { user: 'srid', env: features };
const toplevel = (dir: string) => `${dir}#nixosConfigurations.nixos.config.system.build.toplevel`;

/** A script that makes a flake in ~srid/NAME with these inputs and this module. */
function flakeScript(name: string, module: string, inputs = `nixpkgs.url = "${nixpkgs}";`): string {
  return `rm -rf ${name}; mkdir ${name}; cd ${name}
cat > flake.nix <<'EOF'
{
  inputs = { ${inputs} };
  outputs = { self, nixpkgs, ... }@inputs: {
    nixosConfigurations.nixos = nixpkgs.lib.nixosSystem {
      specialArgs = { inherit inputs; };
      modules = [ ./module.nix { nixpkgs.hostPlatform = "x86_64-linux"; } ];
    };
  };
}
EOF
cat > module.nix <<'EOF'
${module}
EOF
`;
}

let nixos: Machine;
let plain: Machine;
let server: FixtureServer;

beforeAll(async () => {
  [nixos, plain, server] = await Promise.all([
    makeMachine({ shape: 'calamares' }),
    makeMachine({ shape: 'minimal', kind: 'plain' }),
    serve(),
  ]);
});

afterAll(async () => {
  await Promise.all([nixos?.remove(), plain?.remove(), server?.close()]);
});

describe('the NixOS machine', () => {
  test('has nix.conf behind /etc/static in the store, and the running system says its release', async () => {
    expect(readlinkSync(join(nixos.dir, 'etc/nix/nix.conf'))).toBe('/etc/static/nix/nix.conf');
    expect(readlinkSync(join(nixos.dir, 'etc/static'))).toMatch(/^\/nix\/store\/[a-z0-9]{32}-etc\/etc$/);
    const seen = await nixos.sh(`
      cat /etc/nix/nix.conf
      echo "--- $(cat /run/current-system/nixos-version) $(. /etc/os-release; echo $ID $VERSION_ID) $(cat /etc/hostname)"
      readlink -f /nix/var/nix/profiles/system /run/current-system | uniq | wc -l
      nix-store --check-validity $(readlink -f /run/current-system) && echo valid`);
    expect(seen).toMatchObject({ code: 0 });
    expect(seen.stdout).toBe(
      [
        '# WARNING: this file is generated from the nix.* options in',
        '# your NixOS configuration, typically',
        '# /etc/nixos/configuration.nix.  Do not edit it!',
        'allowed-users = *',
        'auto-optimise-store = false',
        'builders = ',
        'cores = 0',
        'max-jobs = auto',
        'require-sigs = true',
        'sandbox = false',
        'substituters = ',
        'system-features = nixos-test benchmark big-parallel kvm',
        'trusted-public-keys = ',
        'trusted-substituters = ',
        'trusted-users = root',
        'extra-sandbox-paths = ',
        '',
        '--- 23.11.2962.057f9aecfb71 nixos 23.11 nixos',
        '1',
        'valid',
        '',
      ].join('\n'),
    );
  });

  test('has the files of the installer, owned by root, of the past', () => {
    for (const name of ['configuration.nix', 'hardware-configuration.nix']) {
      const stat = lstatSync(join(nixos.dir, 'etc/nixos', name));
      expect([stat.uid, stat.gid, stat.mode & 0o7777, stat.mtime.getUTCFullYear()]).toEqual([0, 0, 0o644, 2023]);
    }
    const text = readFileSync(join(nixos.dir, 'etc/nixos/configuration.nix'), 'utf8');
    expect(text).toContain('networking.hostName = "nixos"; # Define your hostname.');
    expect(text).toContain('‘passwd’');
  });

  test('is channel-based: its channel rebuilds the running system', async () => {
    const rebuilt = await nixos.sh(
      `nix-build '<nixpkgs/nixos>' -A system --no-out-link; readlink -f /run/current-system; cat ~/.nix-channels`,
      { user: 'root' },
    );
    const [built, running, channel] = rebuilt.stdout.split('\n');
    expect(built).toBe(running);
    expect(channel).toBe('https://nixos.org/channels/nixos-23.11 nixos');
  });

  test('has flakes off for srid, who is an ordinary user', async () => {
    const shown = await nixos.enter(['nix', 'flake', 'show', '/etc/nixos'], { user: 'srid' });
    expect(shown.code).not.toBe(0);
    expect(shown.stderr).toContain("experimental Nix feature 'nix-command' is disabled");
    expect((await nixos.sh('id -un; id -gn; pwd; touch /etc/nixos/x', { user: 'srid' })).stdout).toBe(
      'srid\nusers\n/home/srid\n',
    );
  });
});

test('the plain machine has a regular nix.conf, and srid builds on it all the same', async () => {
  expect(lstatSync(join(plain.dir, 'etc/nix/nix.conf')).isFile()).toBe(true);
  expect(readdirSync(join(plain.dir, 'run'))).toEqual([]);
  const built = await plain.sh(
    `${flakeScript('plain', '{ }')}cp /etc/nixos/*.nix .; sed -i s/module.nix/configuration.nix/ flake.nix
     nix build ${toplevel('path:.')}; cat result/etc/hostname`,
    srid,
  );
  expect(built).toMatchObject({ code: 0, stdout: expect.stringContaining('nixos\n') });
});

describe('the miniature nixpkgs', () => {
  test('evaluates the installer files as a flake: show, check and build', async () => {
    const ran = await nixos.sh(
      `${flakeScript('installer', '{ }')}cp /etc/nixos/*.nix .; sed -i s/module.nix/configuration.nix/ flake.nix
       git init -q; git add -N .
       nix flake show ~/installer; nix flake check ~/installer
       nix build ${toplevel('~/installer')}; nix flake lock --no-update-lock-file; ls result/; cat result/system`,
      srid,
    );
    expect(ran).toMatchObject({ code: 0 });
    expect(ran.stdout.replace(/\u001b\[[0-9;]*m/g, '')).toContain('nixos: NixOS configuration');
    expect(ran.stdout).toMatch(/bin\netc\ninit\nnixos-version\nsystem\nx86_64-linux$/);
  });

  test.each([
    [
      'lists are concatenated, imported ones first',
      'experimental-features = [ "flakes" ];',
      'experimental-features = flakes nix-command',
    ],
    ['mkForce replaces', 'experimental-features = lib.mkForce [ "flakes" ];', 'experimental-features = flakes'],
    ['mkDefault gives way', 'experimental-features = lib.mkDefault [ "ca" ];', 'experimental-features = nix-command'],
    ['mkIf false is as if absent', 'keep-outputs = lib.mkIf false true;', 'experimental-features = nix-command'],
    ['mkMerge and booleans', 'keep-outputs = lib.mkMerge [ true true ];', 'keep-outputs = true'],
    ['conflicting scalars', 'cores = 2;', /`nix.settings.cores' has conflicting definition values/],
    ['a string beside a list', 'experimental-features = "flakes";', /conflicting definition values/],
  ])('nix.settings: %s', async (_, setting, expected) => {
    const ran = await nixos.sh(
      `${flakeScript('settings', `{ lib, pkgs, config, ... }: {\n  imports = [ { nix.settings = { ${setting} }; } ];`)}
cat >> module.nix <<'EOF'
  nix.settings.experimental-features = [ "nix-command" ];
  nix.settings.cores = 4;
  nix.extraOptions = "keep-derivations = true";
  environment.systemPackages = with pkgs; [ no-such-package ];
  services.made-up = { enable = true; name = config.networking.hostName; };
}
EOF
nix build ${toplevel('path:.')}; grep -e '^exp' -e '^keep' result/etc/nix/nix.conf`,
      srid,
    );
    if (typeof expected === 'string') {
      expect(ran).toMatchObject({ code: 0 });
      const lines = ran.stdout.trimEnd().split('\n');
      expect(lines).toContain(expected);
      expect(lines.at(-1)).toBe('keep-derivations = true');
    } else {
      expect(ran.code).not.toBe(0);
      expect(ran.stderr).toMatch(expected);
    }
  });

  test('fails as NixOS does: no platform, the channel in pure evaluation, a failed assertion', async () => {
    const ran = await nixos.sh(
      `${flakeScript('failing', '{ imports = [ <nixpkgs/nixos/modules/profiles/qemu-guest.nix> ]; }')}
       try() { nix build --no-link ${toplevel('path:.')} 2>&1 | grep -e '^error' -e '^ *- ' ; }
       try
       echo '{ assertions = [ { assertion = false; message = "not so"; } ]; }' > module.nix; try
       echo '{ system.copySystemConfiguration = true; }' > module.nix; try
       sed -i 's/nixpkgs.hostPlatform.*"x86_64-linux";//' flake.nix; echo '{ }' > module.nix; try`,
      srid,
    );
    expect(ran.stdout.split('\n')).toEqual([
      expect.stringContaining(
        "cannot look up '<nixpkgs/nixos/modules/profiles/qemu-guest.nix>' in pure evaluation mode",
      ),
      'error:',
      expect.stringContaining('- not so'),
      expect.stringContaining("cannot look up '<nixos-config>' in pure evaluation mode"),
      expect.stringContaining("`nixpkgs.system' is used but not defined"),
      '',
    ]);
  });
});

describe('inputs lock and build offline', () => {
  const lockedOf = (text: string) => JSON.parse(text).nodes;

  test('a tarball over loopback http, with home-manager following it', async () => {
    expect(tarball('nixpkgs').equals(tarball('nixpkgs'))).toBe(true);
    const inputs = `nixpkgs.url = "${server.url}/nixpkgs.tar.gz"; home-manager.url = "${server.url}/home-manager.tar.gz";
      home-manager.inputs.nixpkgs.follows = "nixpkgs";`;
    const module = `{ inputs, ... }: {
  imports = [ inputs.home-manager.nixosModules.home-manager ];
  home-manager.users.srid.home.stateVersion = "23.11";
}`;
    const ran = await nixos.sh(
      `${flakeScript('http', module, inputs)}nix build ${toplevel('path:.')}; cat result/etc/home-manager/srid flake.lock`,
      srid,
    );
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringMatching(/^stateVersion = 23.11\n/) });
    const nodes = lockedOf(ran.stdout.slice(ran.stdout.indexOf('{')));
    expect(nodes['home-manager'].inputs).toEqual({ nixpkgs: ['nixpkgs'] });
    expect(nodes.nixpkgs.locked).toMatchObject({ type: 'tarball', url: `${server.url}/nixpkgs.tar.gz` });
    expect(server.requests).toContain('/nixpkgs.tar.gz');
  });

  test('home-manager without follows keeps the locked nixpkgs of its own, and another release is another tree', async () => {
    const inputs = `nixpkgs.url = "${server.url}/nixpkgs-24.05.tar.gz"; home-manager.url = "path:/opt/reflake/tests/fixtures/home-manager";`;
    const ran = await nixos.sh(
      `${flakeScript('alone', '{ }', inputs)}nix build ${toplevel('path:.')}; cut -c-5 result/nixos-version; cat flake.lock`,
      srid,
    );
    expect(ran).toMatchObject({ code: 0, stdout: expect.stringMatching(/^24.05\n/) });
    expect(lockedOf(ran.stdout.slice(6))).toMatchObject({ nixpkgs_2: {}, nixpkgs: { locked: { type: 'github' } } });
  });

  test('a git repository by git+file', async () => {
    const ran = await nixos.sh(
      `rm -rf np; cp -r /opt/reflake/tests/fixtures/nixpkgs np; cd np; git init -q -b main; git add .
       git -c user.name=t -c user.email=t@t commit -qm t; cd ..
       ${flakeScript('git', '{ }', 'nixpkgs.url = "git+file:///home/srid/np";')}nix build ${toplevel('path:.')}; cat flake.lock`,
      srid,
    );
    expect(ran).toMatchObject({ code: 0 });
    expect(lockedOf(ran.stdout).nixpkgs.locked).toMatchObject({
      type: 'git',
      rev: expect.stringMatching(/^[0-9a-f]{40}$/),
    });
  });
});

describe('nixos-rebuild and switch-to-configuration', () => {
  // Prints which system runs and which one boots.
  const state = `readlink /run/current-system; readlink /etc/static; readlink -f /nix/var/nix/profiles/system;
    cat /boot/loader/loader.conf; cat /etc/nix/nix.conf | grep -c '^experimental-features = nix-command flakes' || true`;
  const rebuild = (action: string) => `nixos-rebuild ${action} --flake path:/home/srid/sys#nixos`;
  const write = (test: string) =>
    nixos.sh(
      flakeScript(
        'sys',
        `{ nix.settings.experimental-features = [ "nix-command" "flakes" ]; networking.hostName = "new"; ${test} }`,
      ),
      srid,
    );

  // Each test starts with the installed system as the only generation.
  beforeEach(async () => {
    const profile = '/nix/var/nix/profiles/system';
    const ran =
      await nixos.sh(`nix-env -p ${profile} --switch-generation 1; nix-env -p ${profile} --delete-generations old
      ${profile}/bin/switch-to-configuration switch`);
    expect(ran).toMatchObject({ code: 0 });
  });

  test('a build that fails changes nothing', async () => {
    await write('test.failBuild = true;');
    const before = await nixos.sh(state);
    const ran = await nixos.sh(rebuild('switch'));
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain('test.failBuild');
    expect(await nixos.sh(state)).toEqual(before);
  });

  test('test, boot and switch change what they say, rollback goes back', async () => {
    await write('');
    const lines = async () => (await nixos.sh(state)).stdout.split('\n');
    const [running, etc, booted] = await lines();
    expect(await nixos.sh(rebuild('dry-activate'))).toMatchObject({ code: 0 });
    expect((await lines()).slice(0, 3)).toEqual([running, etc, booted]);

    expect(await nixos.sh(rebuild('test'))).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('activating the configuration...'),
    });
    const tested = await lines();
    expect(tested[0]).not.toBe(running);
    expect(tested.slice(2)).toEqual([booted, 'timeout 5', 'default nixos-generation-1.conf', '1', '']);
    expect((await nixos.sh('cat /etc/hostname')).stdout).toBe('new\n');

    expect(await nixos.sh(rebuild('switch'))).toMatchObject({ code: 0 });
    const switched = await lines();
    expect(switched[2]).toBe(switched[0]);
    expect(switched[4]).toBe('default nixos-generation-2.conf');

    expect(await nixos.sh('nixos-rebuild switch --rollback')).toMatchObject({ code: 0 });
    expect((await lines()).slice(0, 3)).toEqual([running, etc, booted]);

    expect(await nixos.sh(rebuild('boot'))).toMatchObject({ code: 0 });
    const next = await lines();
    expect([next[0], next[2], next[4]]).toEqual([running, switched[2], 'default nixos-generation-2.conf']);
  });

  test('an activation that fails exits 2 half way, failed units 4, a second one at a time 1', async () => {
    const before = (await nixos.sh(state)).stdout.split('\n');
    await write('test.failActivation = true;');
    expect((await nixos.sh(rebuild('switch'))).code).toBe(2);
    const after = (await nixos.sh(state)).stdout.split('\n');
    expect(after[0]).toBe(before[0]);
    expect(after[1]).not.toBe(before[1]);

    await write('test.failUnits = true;');
    expect((await nixos.sh(rebuild('test'))).code).toBe(4);
    const busy = await nixos.sh(
      'flock /run/nixos/switch-to-configuration.lock /run/current-system/bin/switch-to-configuration test',
    );
    expect(busy).toMatchObject({ code: 1, stderr: expect.stringContaining('Could not acquire lock') });
  });

  test('what reflake does by hand works: build as the owner, set the profile and switch as root', async () => {
    await write('');
    const built = await nixos.sh(`nix build --no-link --json ${toplevel('path:sys')}`, srid);
    const out = JSON.parse(built.stdout)[0].outputs.out as string;
    const ran = await nixos.sh(
      `nix-env -p /nix/var/nix/profiles/system --set ${out}; ${out}/bin/switch-to-configuration switch`,
    );
    expect(ran).toMatchObject({ code: 0 });
    expect(readlinkSync(join(nixos.dir, 'run/current-system'))).toBe(out);
  });

  test('MINI_ROOT acts on the machine below a directory', async () => {
    const ran = await nixos.sh(
      `mkdir -p /tmp/m/etc/nix /tmp/m/nix/var/nix/profiles; touch /tmp/m/etc/NIXOS
       MINI_ROOT=/tmp/m ${rebuild('switch')}; readlink /tmp/m/run/current-system; cat /tmp/m/boot/loader/loader.conf; ls -A /tmp/m/etc`,
      { env: features },
    );
    expect(ran).toMatchObject({ code: 0 });
    expect(ran.stdout).toMatch(
      /^\/nix\/store\/.*\ntimeout 5\ndefault nixos-generation-1.conf\nNIXOS\nhostname\nnix\nos-release\nset-environment\nstatic\n$/,
    );
  });
});

describe('entering', () => {
  test('gives the exit code, the variables and sudo’s identity, and leaves nothing mounted', async () => {
    const ran = await nixos.sh('echo "$SUDO_USER:$SUDO_UID:$SUDO_GID:$A:$PWD:$(id -u)"; exit 7', {
      sudo: 'srid',
      env: { A: 'x y\nz' },
    });
    expect(ran).toEqual({ code: 7, stdout: 'srid:1000:100:x y\nz:/home/srid:0\n', stderr: '' });
    expect(readFileSync('/proc/self/mounts', 'utf8')).not.toContain(nixos.dir);
    for (const mountPoint of ['usr', 'proc', 'dev', 'opt/reflake']) {
      expect(readdirSync(join(nixos.dir, mountPoint))).toEqual([]);
    }
  });

  test('renames /etc/nixos, and not across a mount of its own', async () => {
    const rename =
      'node -e \'require("fs").renameSync("/etc/nixos", "/home/srid/x"); fs.renameSync("/home/srid/x", "/etc/nixos")\'';
    expect(await nixos.sh(rename)).toMatchObject({ code: 0 });
    const refused = await nixos.sh(rename, { ownMount: '/home' });
    expect(refused.stderr).toContain('EXDEV');
    expect(await nixos.sh('test -e /etc/nixos/configuration.nix')).toMatchObject({ code: 0 });
  });
});
