// The walk of the tutorial, through the real program with real Nix on a real machine: init, plan, apply, check, each
// disturbance mended, and back to the first tree.
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { treeLines } from '../fixtures/digest.ts';
import { type Machine, makeMachine, type Ran } from '../fixtures/machine.ts';
import { expectCode } from '../fixtures/scenario.ts';

const NIXPKGS = 'path:/opt/reflake/tests/fixtures/nixpkgs';

/** Paths that any Nix call touches, and reflake's own state: no part of the machine that a plan is about. */
const WITHOUT = [
  'nix',
  'tmp',
  'proc',
  'dev',
  'sys',
  'usr',
  'opt',
  'run',
  'var',
  'home/srid/.cache',
  'root/.cache',
  'root/.nix-defexpr',
];

const lines = (machine: Machine, mtimes = false): readonly string[] =>
  treeLines(machine.dir, { mtimes, without: WITHOUT });

const reflake = (machine: Machine, ...args: string[]): Promise<Ran> =>
  machine.enter(['reflake', ...args], { sudo: 'srid' });

/** Several commands in one go. */
const all = (machine: Machine, ...commands: readonly (readonly string[])[]): Promise<readonly Ran[]> =>
  machine.enterAll(commands, { sudo: 'srid' });

/** Each is done by hand after the apply; `check` must name the wish, the file and the reason. */
const DISTURBANCES: readonly { readonly what: string; readonly by: string; readonly named: readonly RegExp[] }[] = [
  {
    what: 'url of an input',
    by: `sed -i 's|fixtures/nixpkgs|fixtures/home-manager/../nixpkgs|' flake.nix`,
    named: [/flake\.nix/, /inputs\.nixpkgs/, /spec:\/inputs\/nixpkgs/],
  },
  {
    what: 'a follows',
    by: `sed -i '/follows/d' flake.nix`,
    named: [/flake\.nix/, /home-manager\.inputs\.nixpkgs\.follows/, /spec:\/inputs\/home-manager/],
  },
  {
    what: 'the host removed from the outputs',
    by: `sed -i 's/nixosConfigurations\\.nixos/nixosConfigurations.other/' flake.nix`,
    named: [/flake\.nix/, /nixosConfigurations\.nixos/, /spec:\/host/],
  },
  { what: 'flake.lock deleted', by: 'rm flake.lock', named: [/flake\.lock/, /lock\.nixpkgs/] },
  {
    what: 'flake.lock made stale',
    by: `sed -i 's|"path": "/opt/reflake/tests/fixtures/nixpkgs"|"path": "/elsewhere"|' flake.lock`,
    named: [/flake\.lock/, /lock\.nixpkgs/, /spec:\/lock reflake\.yaml:\d+/],
  },
  {
    what: 'one file chowned to root',
    by: 'chown root:root hardware-configuration.nix',
    named: [/hardware-configuration\.nix/, /root:root/, /spec:\/config\/owner/],
  },
  {
    what: 'one file unreadable',
    by: 'chmod 000 configuration.nix',
    named: [/configuration\.nix/, /0000/, /spec:\/config\/owner/],
  },
  {
    what: "a file taken out of git's index",
    by: 'git -c safe.directory=* rm -q --cached hardware-configuration.nix',
    named: [/hardware-configuration\.nix/, /git/, /spec:\/git/],
  },
  {
    what: '/etc/nixos back in place, beside the new tree',
    by: 'mkdir /etc/nixos && cp configuration.nix /etc/nixos/',
    named: [/\/etc\/nixos/, /config\.from/],
  },
  {
    what: '/etc/nixos back in place, the new tree gone',
    by: 'cd / && mv /home/srid/nixos-config /etc/nixos',
    named: [/\/etc\/nixos/, /config\.path/],
  },
];

const FEATURE_DROPPED = {
  plain: {
    what: 'the feature dropped from nix.conf',
    by: `sed -i 's/ flakes//' /etc/nix/nix.conf`,
    named: [/nix\.conf/, /flakes/, /spec:\/features/],
  },
  nixos: {
    what: 'the feature dropped from the configuration',
    by: `sed -i 's/ "flakes"//' configuration.nix`,
    named: [/configuration\.nix/, /flakes/, /spec:\/features/],
  },
};

for (const [kind, shape] of [
  ['plain', 'calamares'],
  ['nixos', 'minimal'],
] as const) {
  describe(`a ${kind} machine as the ${shape} installer left it`, () => {
    let machine: Machine;
    let first: readonly string[];

    beforeAll(async () => {
      machine = await makeMachine({ kind, shape });
    });
    afterAll(async () => machine.remove());

    test('init writes a spec that describes it', async () => {
      const ran = await reflake(machine, 'init', '--yes', '--nixpkgs', NIXPKGS);
      expectCode(ran, 0);
      const { stdout: spec } = await machine.sh('cat reflake.yaml', { user: 'srid' });
      expect(spec).toMatch(/name: nixos\b/);
      expect(spec).toMatch(/system: x86_64-linux/);
      expect(spec).toMatch(/owner: srid/);
      expect(ran.stderr).toMatch(/release +nixos-23\.11, from/);
      const more = `/^inputs:/a\\  home-manager: { url: "path:/opt/reflake/tests/fixtures/home-manager", follows: { nixpkgs: nixpkgs } }`;
      await machine.sh(`sed -i '${more}' reflake.yaml`, { user: 'srid' });
      first = lines(machine);
    });

    test('plan shows everything and changes nothing, not one mtime', async () => {
      const before = lines(machine, true);
      const ran = await reflake(machine, 'plan', '--diff');
      expectCode(ran, 0);
      for (const shown of [
        '/home/srid/nixos-config',
        'inputs.nixpkgs',
        'nixosConfigurations.nixos',
        '"narHash":',
        'srid:users',
        'visible to Nix',
        kind === 'plain'
          ? 'experimental-features = nix-command flakes'
          : 'nix.settings.experimental-features = [ "nix-command" "flakes" ];',
      ])
        expect(ran.stdout).toContain(shown);
      expect(lines(machine, true)).toEqual(before);
      for (const one of await all(machine, ['reflake', 'check'], ['reflake', 'plan', '--detailed-exitcode']))
        expectCode(one, 2);
    });

    test('apply does it, and Nix agrees', async () => {
      const applied = await reflake(machine, 'apply', '--yes');
      expectCode(applied, 0);
      expect(applied.stdout).toContain('Your configuration is now a flake in ~/nixos-config. It is not running yet.\n');
      expect(applied.stdout).toContain('  Run it:   sudo nixos-rebuild switch --flake ~/nixos-config#nixos\n');
      expect(applied.stdout.includes('Flakes are not enabled yet')).toBe(kind !== 'plain');
      expect(applied.stdout).toContain('  Go back:  sudo reflake rollback\n');
      // NixOS makes nix.conf from the configuration, so there the features come with the next switch.
      const flags = kind === 'plain' ? '' : `--extra-experimental-features 'nix-command flakes'`;
      const shown = await machine.sh(
        `cd / && nix ${flags} flake show ~/nixos-config && nix ${flags} build --no-link ~/nixos-config#nixosConfigurations.nixos.config.system.build.toplevel && nix ${flags} flake lock --no-update-lock-file ~/nixos-config`,
        { user: 'srid' },
      );
      expectCode(shown, 0);
      // Nix colours its output whether it is asked to or not.
      expect(shown.stdout.replace(/\x1b\[[\d;]*m/g, '')).toMatch(/nixos: NixOS configuration/);
    });

    test('then everything is in sync, and a second apply writes nothing', async () => {
      expectCode(await reflake(machine, 'check'), 0);
      const before = lines(machine, true);
      const [again, history] = await all(machine, ['reflake', 'apply', '--yes'], ['reflake', 'history']);
      expectCode(again, 0);
      expect(again?.stdout).toMatch(/No changes/);
      expect(lines(machine, true)).toEqual(before);
      expect(history?.stdout.trim().split('\n')).toHaveLength(1);
    });

    // Most are the same on both machines: one walks through all, the other through some and its own.
    const some = DISTURBANCES.filter((_, at) => kind === 'plain' || process.env.EVERY || at % 4 === 1);
    test.each([...some, FEATURE_DROPPED[kind]])('$what: check names it, apply mends it', async ({ by, named }) => {
      const [disturbed, check, ...mended] = await all(
        machine,
        ['sh', '-euc', `cd /home/srid/nixos-config && ${by}`],
        ['reflake', 'check', '-v'],
        ['reflake', 'plan'],
        ['reflake', 'apply', '--yes'],
        ['reflake', 'check'],
      );
      expectCode(disturbed, 0);
      expectCode(check, 2);
      for (const name of named) expect(`${check?.stdout}${check?.stderr}`).toMatch(name);
      expect(mended).toHaveLength(3);
      for (const one of mended) expectCode(one, 0);
    });

    test('rollback, repeated, walks back to the very first tree; --to 0 does it in one go', async () => {
      const copy = `${machine.dir}.copy`;
      execFileSync('cp', ['-a', machine.dir, copy]);
      try {
        const applies = (await reflake(machine, 'history')).stdout.trim().split('\n').length;
        const back = await all(
          machine,
          ...Array<readonly string[]>(applies + 1).fill(['reflake', 'rollback', '--yes']),
        );
        for (const one of back.slice(0, applies)) expectCode(one, 0);
        expect(back[applies]?.stdout).toMatch(/nothing/i);
        expect(lines(machine)).toEqual(first);
        execFileSync('rm', ['-rf', machine.dir]);
        execFileSync('mv', [copy, machine.dir]);
        expectCode(await reflake(machine, 'rollback', '--to', '0', '--yes'), 0);
        expect(lines(machine)).toEqual(first);
      } finally {
        execFileSync('rm', ['-rf', copy]);
      }
    });
  });
}
