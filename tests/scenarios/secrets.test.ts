// Secrets planted everywhere in a tree: none comes into a store, a journal or an output; and what git would newly show to everybody
// bars, before anything is evaluated.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Machine, makeMachine, type Ran } from '../fixtures/machine.ts';
import { expectCode } from '../fixtures/scenario.ts';

const NIXPKGS = 'path:/opt/reflake/tests/fixtures/nixpkgs';
const TREE = '/home/srid/nixos-config';
/** In every secret, and nowhere else. */
const MARK = 'planted4711';

let machine: Machine;

const reflake = (...args: string[]): Promise<Ran> => machine.enter(['reflake', ...args], { sudo: 'srid' });
const root = async (script: string): Promise<string> => {
  const ran = await machine.sh(script);
  expectCode(ran, 0);
  return ran.stdout;
};
const said = ({ stdout, stderr }: Ran): string => `${stdout}${stderr}`;

/** A host that only evaluation tells of. */
const FLAKE = `{
  inputs.nixpkgs.url = "${NIXPKGS}";
  outputs = { self, nixpkgs }: {
    nixosConfigurations = builtins.listToAttrs (map (name: {
      inherit name;
      value = nixpkgs.lib.nixosSystem { system = "x86_64-linux"; modules = [ ./configuration.nix ]; };
    }) (builtins.genList (_: "nixos") 1));
  };
}`;

const PLANT = `
  cd ${TREE}
  echo 'TOKEN=${MARK}' > .env
  echo '${MARK}' > untracked.txt
  printf -- '-----BEGIN OPENSSH PRIVATE KEY-----\\n${MARK}\\n' > id_ed25519
  mkdir -p secrets; echo '${MARK}' > secrets/wifi.psk
  echo '/secrets' > .gitignore
  git config remote.origin.url https://me:${MARK}@example.org/a
  mkdir -p inner; git -C inner init -q; echo '${MARK}' > inner/private.nix
  chown -R srid:users ${TREE}`;

beforeAll(async () => {
  machine = await makeMachine({ kind: 'nixos' });
  await root('install -d -o srid -g users -m 700 /home/srid/.cache; git config --system --add safe.directory "*"');
  expectCode(await reflake('init', '--yes', '--nixpkgs', NIXPKGS), 0);
  expectCode(await reflake('apply', '--yes'), 0);
  await root(`cp ${TREE}/configuration.nix /root/; cat > ${TREE}/flake.nix <<'TEXT'\n${FLAKE}\nTEXT\n${PLANT}`);
}, 120_000);
afterAll(() => machine.remove());

/** Everywhere but where they were planted. */
const found = (): Promise<string> =>
  root(`grep -rlaF ${MARK} / --exclude-dir=proc --exclude-dir=sys --exclude-dir=nixos-config --exclude-dir=reflake 2> /dev/null \
    | grep -v '^/opt/' || true; grep -rlaF ${MARK} /var/lib/reflake /home/srid/.cache || true`);

test('one that lies elsewhere would be found', async () => {
  await root(`echo ${MARK} > /var/lib/reflake/leak`);
  expect(await found()).toBe('/var/lib/reflake/leak\n');
  await root('rm /var/lib/reflake/leak');
});

test('evaluation, plan, apply and rollback take none of them anywhere', async () => {
  const outputs: string[] = [];
  for (const args of [
    ['check'],
    ['check', '-v', '--format', 'json'],
    ['plan', '--diff'],
    ['apply', '--yes'],
    ['check', '--evaluate', 'always'],
  ]) {
    const ran = await reflake(...args);
    expectCode(ran, 0);
    outputs.push(said(ran));
  }
  // It has been evaluated.
  expect(outputs[0]).toContain('10 wishes: 10 hold');
  for (const output of outputs) expect(output).not.toContain(MARK);
  expect(await found()).toBe('');
});

describe('what git would newly show', () => {
  const refused = async (module: string, words: RegExp): Promise<void> => {
    await root(`cp /root/configuration.nix ${TREE}/; cat > ${TREE}/more.nix <<'TEXT'\n${module}\nTEXT
      sed -i 's#./hardware-configuration.nix#./hardware-configuration.nix ./more.nix#' ${TREE}/configuration.nix; chown -R srid:users ${TREE}`);
    for (const [command, code] of [
      ['check', 6],
      ['plan', 6],
      ['apply', 6],
    ] as const) {
      const ran = await reflake(command, ...(command === 'apply' ? ['--yes'] : []));
      expectCode(ran, code);
      expect(said(ran)).toMatch(words);
      expect(said(ran)).not.toContain(MARK);
    }
    expect(await found()).toBe('');
  };

  test('a key that a module reads', () =>
    refused('{ environment.etc.key.source = ./id_ed25519; }', /id_ed25519.*a private key.*RF2064/));
  test('a token in a file that a module reads', () =>
    refused('{ environment.etc.env.text = builtins.readFile ./.env; }', /\.env.*environment secrets.*RF2064/));
});
