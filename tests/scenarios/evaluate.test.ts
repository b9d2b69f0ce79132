// The real Nix decides what the text of a flake leaves open: through the command line, on a machine.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Machine, makeMachine, type Ran } from '../fixtures/machine.ts';
import { expectCode, machineLines, toolsDir, withPath } from '../fixtures/scenario.ts';

const NIXPKGS = 'path:/opt/reflake/tests/fixtures/nixpkgs';
const TREE = '/home/srid/nixos-config';

let machine: Machine;
let withGit: string;

const reflake = (...args: string[]): Promise<Ran> => machine.enter(['reflake', ...args], { sudo: 'srid' });
const root = async (script: string): Promise<void> => expectCode(await machine.sh(script), 0);
const said = ({ stdout, stderr }: Ran): string => `${stdout}${stderr}`;

/** The hosts of flake.nix, written so that no text tells them. */
const hosts = (body: string): string => `{
  inputs.nixpkgs.url = "${NIXPKGS}";
  outputs = { self, nixpkgs }: let
    mk = system: more: nixpkgs.lib.nixosSystem { inherit system; modules = [ ./configuration.nix ] ++ more; };
    known = f: builtins.listToAttrs (map f (builtins.genList (n: n) 1));
  in {
    nixosConfigurations = ${body};
  };
}`;
const ONE = hosts('known (_: { name = "nixos"; value = mk "x86_64-linux" [ ]; })');

const write = (file: string, text: string): Promise<void> =>
  root(
    `mkdir -p $(dirname ${TREE}/${file}) && cat > ${TREE}/${file} <<'TEXT'\n${text}\nTEXT\nchown -R srid:users ${TREE}`,
  );

/** How many programs of this name were started. */
async function started(program: string, ...args: string[]): Promise<number> {
  const ran = await machine.enter(
    ['strace', '-f', '-qq', '-e', 'trace=execve', '-o', '/tmp/starts', 'reflake', ...args],
    {
      sudo: 'srid',
    },
  );
  expectCode(ran, 0);
  const { stdout } = await machine.sh(`grep -c 'execve("[^"]*/${program}", .* = 0' /tmp/starts; rm /tmp/starts`);
  return Number(stdout);
}

beforeAll(async () => {
  machine = await makeMachine({ kind: 'nixos' });
  withGit = toolsDir(machine, 'with-git', ['git']);
  expectCode(await reflake('init', '--yes', '--nixpkgs', NIXPKGS), 0);
  expectCode(await reflake('apply', '--yes'), 0);
  await root(
    `cp ${TREE}/configuration.nix /root/configuration.nix; install -d -o srid -g users -m 700 /home/srid/.cache`,
  );
}, 120_000);
afterAll(() => machine.remove());

test('hosts that a function makes are as wished, once Nix was asked', async () => {
  await write('flake.nix', ONE);
  const open = await reflake('check', '--evaluate', 'never');
  expectCode(open, 0);
  expect(said(open)).toContain('4 undecided');
  const before = machineLines(machine);
  const check = await reflake('check');
  expectCode(check, 0);
  expect(said(check)).toContain('10 wishes: 10 hold');
  expectCode(await reflake('plan', '--detailed-exitcode'), 0);
  expectCode(await reflake('apply', '--yes'), 0);
  expect(machineLines(machine)).toEqual(before);
});

test('the answer is kept: the next check starts no Nix, and one after a change does', async () => {
  await write('flake.nix', ONE);
  expectCode(await reflake('check'), 0);
  expect(await started('nix', 'check')).toBe(0);
  await write('flake.nix', `${ONE}# changed`);
  expect(await started('nix', 'check')).toBeGreaterThan(0);
});

test('what is kept, and the store of evaluations, only its owner can enter; the common store gets nothing', async () => {
  const stored = async (): Promise<string> => (await machine.sh('ls /nix/store')).stdout;
  await write('flake.nix', `${ONE}# another one`);
  const before = await stored();
  expectCode(await reflake('check'), 0);
  expect(await stored()).toBe(before);
  const { stdout } = await machine.sh(`cd /home/srid/.cache && stat -c '%a %U %n' reflake reflake/answers`);
  expect(stdout).toBe('700 srid reflake\n700 srid reflake/answers\n');
});

describe('another end than the wished one', () => {
  test('another system', async () => {
    await write('flake.nix', ONE);
    await write(
      'configuration.nix',
      '{ nixpkgs.hostPlatform = "aarch64-linux"; nix.settings.experimental-features = [ "nix-command" "flakes" ]; system.stateVersion = "23.11"; }',
    );
    const check = await reflake('check');
    await root(`cp /root/configuration.nix ${TREE}/configuration.nix`);
    expectCode(check, 2);
    expect(said(check)).toContain('evaluation says nixosConfigurations.nixos is for aarch64-linux');
    expect(said(check)).toContain('RF2061');
  });

  test.each([
    ['none', '', 2, 'evaluation says nix-command, flakes are not enabled'],
    [
      'other ones',
      'nix.settings.experimental-features = [ "flakes" ];',
      2,
      'evaluation says nix-command is not enabled',
    ],
    ['all, as extra ones', 'nix.settings.extra-experimental-features = "nix-command flakes";', 0, '10 wishes: 10 hold'],
  ])('of features: %s', async (_, features, code, words) => {
    await write('flake.nix', ONE);
    await write('configuration.nix', `{ networking.hostName = "nixos"; ${features} system.stateVersion = "23.11"; }`);
    const check = await reflake('check');
    await root(`cp /root/configuration.nix ${TREE}/configuration.nix`);
    expectCode(check, code);
    expect(said(check)).toContain(words);
  });

  test('another name of the machine', async () => {
    await write('flake.nix', ONE);
    await write(
      'configuration.nix',
      '{ networking.hostName = builtins.concatStringsSep "" [ "desk" "top" ]; nix.settings.experimental-features = [ "nix-command" "flakes" ]; system.stateVersion = "23.11"; }',
    );
    const check = await reflake('check');
    await root(`cp /root/configuration.nix ${TREE}/configuration.nix`);
    expectCode(check, 6);
    expect(said(check)).toContain('the configuration names the machine "desktop", and the spec is for "nixos"');
  });

  test('no host of the name', async () => {
    await write('flake.nix', ONE.replace('"nixos"', '"laptop"'));
    const check = await reflake('check');
    expectCode(check, 2);
    expect(said(check)).toContain('evaluation finds no nixosConfigurations.nixos; there is laptop');
  });

  test('no host of the name, and another one is broken', async () => {
    await write('flake.nix', hosts('known (_: { name = "laptop"; value = throw "unfinished"; })'));
    const check = await reflake('check');
    expectCode(check, 2);
    expect(said(check)).toContain('evaluation finds no nixosConfigurations.nixos; there is laptop');
  });

  test('it does not evaluate', async () => {
    await write('flake.nix', hosts('known (_: { name = "nixos"; value = throw "unfinished"; })'));
    const check = await reflake('check');
    expectCode(check, 1);
    expect(said(check)).toContain('the configuration does not evaluate: unfinished');
  });
});

describe('where Nix cannot be asked', () => {
  test('there is none', async () => {
    await write('flake.nix', ONE);
    const check = await withPath(machine, withGit, ['check']);
    expectCode(check, 0);
    expect(said(check)).toContain('Nix could not be asked about what is open: nix is not installed');
    expect(said(check)).toContain('4 undecided');
    expectCode(await withPath(machine, withGit, ['check', '--strict']), 2);
  });

  test('evaluation would have to build', async () => {
    const text = hosts('let d = derivation { name = "d"; system = "x86_64-linux"; builder = "/bin/sh"; }; in import d');
    await write('flake.nix', text);
    const check = await reflake('check');
    expectCode(check, 0);
    expect(said(check)).toContain('4 undecided');
    expect(said(check)).toContain('RF2063');
  });
});

describe('what git hides', () => {
  const flake = ONE.replace('++ more', '++ [ ./modules ]').replace(
    'inherit system;',
    'inherit system; specialArgs.filesIn = d: map (n: d + "/${n}") (builtins.filter (n: n != "default.nix") (builtins.attrNames (builtins.readDir d)));',
  );
  const shown = (file: string): Promise<void> =>
    root(`cd ${TREE} && setpriv --reuid=1000 --regid=100 --clear-groups git add --intent-to-add ${file}`);

  test('a module that a function would find makes another system', async () => {
    await write('flake.nix', flake);
    await write('modules/default.nix', '{ filesIn, ... }: { imports = filesIn ./.; }');
    await write('modules/motd.nix', '{ environment.etc.greeting.text = "hello"; }');
    await shown('modules/default.nix');
    expect(said(await reflake('check', '--evaluate', 'never'))).toContain('RF2050');
    for (const command of ['check', 'plan']) {
      const ran = await reflake(command);
      expectCode(ran, command === 'check' ? 2 : 1);
      expect(said(ran)).toContain('with modules/motd.nix, which git does not show, it is another system');
    }
    await shown('modules/motd.nix');
    expectCode(await reflake('check'), 0);
  });

  test('a file that nothing reads makes none', async () => {
    await write('flake.nix', flake);
    await write(
      'modules/default.nix',
      '{ filesIn, ... }: { imports = builtins.seq filesIn [ ]; a = builtins.isPath ./.; }',
    );
    await write('modules/other.nix', 'not even a module');
    expect(said(await reflake('check', '--evaluate', 'never'))).toContain('RF2050');
    const check = await reflake('check');
    expectCode(check, 0);
    expect(said(check)).not.toContain('RF2050');
  });
});

test('of several hosts each is decided; one that does not evaluate blocks its own wishes alone', async () => {
  const host = (name: string, module: string): string =>
    `{ name = "${name}"; value = mk "x86_64-linux" [ ${module} ]; }`;
  const all = [host('web', '{ }'), host('broken', '(throw "no boot here")'), host('db', '{ }')].join(' ');
  await write(
    'flake.nix',
    hosts(`builtins.listToAttrs (map (builtins.elemAt [ ${all} ]) (builtins.genList (n: n) 3))`),
  );
  const wished = (system: string): string => `{ host: { system: ${system} } }`;
  await write(
    'team.yaml',
    `version: 1
inputs: { nixpkgs: "${NIXPKGS}" }
git: track
hosts:
  web: ${wished('x86_64-linux')}
  broken: ${wished('x86_64-linux')}
  db: ${wished('aarch64-linux')}`,
  );
  const check = await reflake('check', '--repo', '--spec', `${TREE}/team.yaml`, '--evaluate', 'always');
  expectCode(check, 1);
  expect(said(check)).toContain('error: the configuration does not evaluate: no boot here');
  expect(said(check)).toContain('error: evaluation says nixosConfigurations.db is for x86_64-linux (of db)');
  expect(said(check)).toContain('12 wishes: 8 hold, 1 differs, 2 undecided, 1 blocked; 3 not checked');
});
