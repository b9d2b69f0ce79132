// status on the way from the first plan to a running flake: it tells what is so at each step, changes nothing and judges nothing,
// and says the same to the user as to root.

import { appendFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type Machine, makeMachine, type Ran } from '../fixtures/machine.ts';
import { expectCode, machineLines } from '../fixtures/scenario.ts';

const NIXPKGS = 'path:/opt/reflake/tests/fixtures/nixpkgs';

let machine: Machine;
beforeAll(async () => {
  machine = await makeMachine();
});
afterAll(async () => await machine.remove());

const asSrid = (...args: readonly string[]): Promise<Ran> => machine.enter(['reflake', ...args], { user: 'srid' });
const asRoot = (...args: readonly string[]): Promise<Ran> => machine.enter(['reflake', ...args], { sudo: 'srid' });

/** The texts of each fact. */
function facts({ stdout }: Ran): Readonly<Record<string, readonly string[]>> {
  const found: Record<string, string[]> = {};
  for (const [, what, text] of stdout.matchAll(/^status ([^:]+): (.*)$/gm))
    found[what!] = [...(found[what!] ?? []), text!];
  return found;
}

test('without a spec it says how to get one', async () => {
  const ran = await asSrid('status');
  expectCode(ran, 1);
  expect(ran.stderr).toContain('reflake init');
});

test('before the apply there is no flake, and nothing was applied', async () => {
  expectCode(await asRoot('init', '--yes', '--nixpkgs', NIXPKGS), 0);
  const before = machineLines(machine);
  const ran = await asSrid('status');
  expectCode(ran, 0);
  expect(machineLines(machine)).toEqual(before);
  expect(facts(ran)).toMatchObject({
    configuration: ['~/nixos-config, no flake yet; see what makes it one: reflake plan'],
    'last apply': ['none yet'],
    running: [expect.stringMatching(/-nixos-system-nixos-/)],
    'boot default': ['generation 1, what is running'],
    'flake builds': ['not asked: it is no flake yet'],
  });
});

test('after it the flake builds another system than the one that runs', async () => {
  expectCode(await asRoot('apply', '--yes'), 0);
  const [theirs, roots] = [await asSrid('status'), await asRoot('status')];
  expectCode(theirs, 0);
  expect(facts(theirs)).toEqual(facts(roots));
  const { wishes, running, 'last apply': last, 'flake builds': builds, configuration } = facts(theirs);
  expect(configuration).toEqual(['~/nixos-config, a flake in a git repository']);
  expect(wishes).toEqual(['hold: host, config, inputs, features, lock, git']);
  expect(last).toEqual([expect.stringMatching(/^1, \d{4}-\S+Z by srid, plan [0-9a-f]{8}$/)]);
  expect(running?.[1]).toBe('not what the flake builds');
  expect(builds).toEqual([
    expect.stringMatching(/-nixos-system-nixos-/),
    'run it: sudo nixos-rebuild switch --flake ~/nixos-config#nixos',
  ]);
  expect(theirs.stdout).toMatch(/\n10 wishes: 10 hold\n$/);
});

test('what is switched to is what the flake builds; a wish that differs is named with its code, and is no failure', async () => {
  await machine.sh(
    'sed -i "s/^activate: .*/activate: switch/" ~/reflake.yaml; grep -q "^activate" ~/reflake.yaml || echo "activate: switch" >> ~/reflake.yaml',
    { user: 'srid' },
  );
  expectCode(await asRoot('apply', '--yes'), 0);
  const switched = facts(await asSrid('status'));
  expect(switched.running?.[1]).toBe('what the flake builds');
  expect(switched['boot default']).toEqual(['generation 2, what is running']);
  expect(switched['flake builds']).toHaveLength(1);

  appendFileSync(`${machine.dir}/home/srid/nixos-config/flake.nix`, '\n"');
  const broken = await asSrid('status');
  expectCode(broken, 0);
  expect(facts(broken).wishes?.join('\n')).toMatch(/blocked: .*inputs \(RF2006\)/);
  expect(facts(broken)['flake builds']).toEqual([
    expect.stringMatching(/^not asked: RF\d{4} bars the look: reflake plan$/),
  ]);
  const never = await asSrid('status', '--evaluate', 'never');
  expect(facts(never)['flake builds']).toEqual(['not asked: as --evaluate never says']);
});
