// --only and --skip by the names of providers and by words of the spec; and what they leave out is counted apart.
import { describe, expect, test } from '@jest/globals';
import { selectionOf } from '../../../cmd/session/selection.ts';
import { tallyOf } from '../../../core/finding.ts';
import { plan } from '../../../core/plan/planner.ts';
import type { Spec } from '../../../core/spec/hosts-over-defaults.ts';
import { wishesOf } from '../../../core/spec/leaves.ts';
import { loadSpec } from '../../../core/spec/load.ts';
import { resolve } from '../../../core/spec/resolve.ts';
import type { Counts } from '../../../core/verdict.ts';
import { PROVIDERS } from '../../../providers/index.ts';
import { memoryScene } from '../../support/faults.ts';
import { machineOf, type PlanCase, RUN, specOf, toolsOf } from '../../support/plan-cases.ts';

const SPEC: Spec = {
  version: 1,
  host: { name: 'nixos', system: 'x86_64-linux' },
  config: { path: '~/c', from: '/etc/nixos', owner: 'srid' },
  inputs: { nixpkgs: 'github:o/r' },
  features: ['flakes'],
  git: 'track',
};
const looking = (how: Parameters<typeof selectionOf>[0], spec: Spec = SPEC): readonly string[] => {
  const { isSelected } = selectionOf(how, spec, PROVIDERS);
  return PROVIDERS.map(({ name }) => name).filter(isSelected);
};

test.each([
  [{ only: ['nix-conf'] }, ['nix-conf']],
  // Either may set features, depending on who makes nix.conf.
  [{ only: ['features'] }, ['configuration', 'nix-conf']],
  [{ only: ['config.owner'] }, ['ownership']],
  [{ only: ['/config/owner', 'git'] }, ['git', 'ownership']],
  [{ only: ['inputs.nixpkgs'] }, ['flake']],
  [{ skip: ['lock', 'git'] }, PROVIDERS.map(({ name }) => name).filter((name) => name !== 'lock' && name !== 'git')],
  [
    { skip: ['features', 'host'] },
    PROVIDERS.map(({ name }) => name).filter((name) => name !== 'machine' && name !== 'nix-conf'),
  ],
])('%j', (how, names) => {
  expect(looking(how)).toEqual(names);
});

test('what is skipped is not wished of a provider that only has a say in it', () => {
  expect(selectionOf({ skip: ['features'] }, SPEC, PROVIDERS).spec.features).toBeUndefined();
  expect(selectionOf({ skip: ['git'] }, SPEC, PROVIDERS).spec.git).toBe('off');
  expect(selectionOf({}, SPEC, PROVIDERS).spec).toEqual(SPEC);
});

describe('wrong usage', () => {
  test.each([
    [{ only: ['featurs'] }, /falls under "featurs"/],
    [{ only: ['lock.maxAge'] }, /falls under "lock.maxAge"/],
    [{ skip: ['inputs.none'] }, /falls under "inputs.none"/],
    [{ only: ['activation'] }, /falls under "activation"/],
    [{ only: ['git'], skip: ['git'] }, /falls under/],
    [{ skip: ['config.from'] }, /config\/from cannot be left out by itself/],
  ])('%j', (how, why) => {
    let usage = '';
    try {
      selectionOf(how, SPEC, PROVIDERS);
    } catch (thrown) {
      ({ usage } = thrown as { usage: string });
    }
    expect(usage).toMatch(why);
  });
});

/** Of the settled machine, changed, looked at by some. */
async function tallyFor(only: readonly string[], machine: NonNullable<PlanCase['machine']> = {}): Promise<Counts> {
  const loaded = await loadSpec('spec.json', specOf({}));
  if (!loaded.ok) throw new Error('bad spec');
  const { host } = memoryScene(machineOf({ base: 'settled', machine }), toolsOf({})).open();
  const { isSelected, spec } = selectionOf({ only }, loaded.hosts.views[0].spec, PROVIDERS);
  const resolved = resolve(spec, host, RUN);
  if (!resolved.ok) throw new Error('not resolved');
  const how = { isSelected, leaves: wishesOf(resolved.wishes) };
  const { plan: made } = await plan(resolved.wishes, loaded.digest, host, PROVIDERS, () => {}, how);
  return tallyOf(made);
}

const NONE = { hold: 0, differ: 0, undecided: 0, blocked: 0 };

test('what is left out is neither held nor undecided', async () => {
  expect(await tallyFor(['inputs'])).toEqual({ ...NONE, wishes: 1, hold: 1, leftOut: 8 });
});

test('a provider that has nothing to look at leaves its wish to the one that has, or leaves it out', async () => {
  const byNixOs = { '/etc/nix/nix.conf': { link: '/etc/static/nix.conf' }, '/etc/static/nix.conf': 'cores = 2\n' };
  expect(await tallyFor(['nix-conf'], byNixOs)).toEqual({ ...NONE, wishes: 0, leftOut: 9 });
  // The modules of this one enable nothing.
  expect(await tallyFor(['features'], byNixOs)).toMatchObject({ differ: 1 });
});
