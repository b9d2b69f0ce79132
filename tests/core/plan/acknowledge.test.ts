// Acknowledged findings: their wishes stay as they are, one field at a time, and are counted apart; until their day.

import { describe, expect, test } from '@jest/globals';
import { findingsOf, tallyOf } from '../../../core/finding.ts';
import type { Finding, Plan } from '../../../core/model.ts';
import { absolute } from '../../../core/path.ts';
import { acknowledgedIn, idleIn, openIn, withId } from '../../../core/plan/acknowledge.ts';
import { memoryScene } from '../../support/faults.ts';
import { machineOf, type PlanCase, planFor, toolsOf } from '../../support/plan-cases.ts';

const DIR = absolute('/home/srid/nixos-config');
/** 2026-11-30 */
const NOW = 1_796_000_000;

const CASE: PlanCase = {
  about: '',
  base: 'settled',
  spec: { inputs: { nixpkgs: 'github:NixOS/nixpkgs/nixos-25.11' } },
  run: { now: NOW },
  changes: [],
  edits: [],
  diagnostics: [],
  verdicts: [],
};

const wishOf = (plan: Plan, wish: string): readonly Finding[] => findingsOf(plan).filter((one) => one.wish === wish);
async function planned(ack: readonly unknown[]): Promise<Plan> {
  const one = { ...CASE, spec: { ...(CASE.spec as object), ack } };
  const facts = { name: 'nixos', system: 'x86_64-linux', machineId: '' };
  const { plan, diagnostics } = await planFor(one, memoryScene(machineOf(one), toolsOf(one), facts).open().host);
  if (plan === undefined) throw new Error(JSON.stringify(diagnostics));
  return plan;
}
const idOf = async (wish: string): Promise<string> => wishOf(await planned([]), wish)[0]!.id!;

test('what is acknowledged has no edit, and its neighbours keep theirs', async () => {
  const before = await planned([]);
  expect(wishOf(before, '/inputs/nixpkgs').length).toBe(1);
  const id = await idOf('/inputs/nixpkgs');
  const after = await planned([{ finding: id, reason: 'vendor pin', until: '2027-03-01' }]);
  expect(after.acknowledged?.map(({ wish, reason, until }) => [wish, reason, until])).toEqual([
    ['/inputs/nixpkgs', 'vendor pin', '2027-03-01'],
  ]);
  expect(wishOf(after, '/inputs/nixpkgs')).toEqual([]);
  expect(after.steps.flatMap(({ edits }) => edits)).toEqual([]);
  const [one, other] = [tallyOf(before), tallyOf(after)];
  expect([other.wishes, other.acknowledged]).toEqual([one.wishes - 1, 1]);
});

test('by the first twelve digits of its id', async () => {
  const id = await idOf('/inputs/nixpkgs');
  expect((await planned([{ finding: id.slice(0, 19), reason: 'pin' }])).acknowledged?.length).toBe(1);
});

describe('what does not count', () => {
  test.each([
    ['of yesterday', { until: '2026-11-29' }],
    ['of another finding', { finding: `sha256:${'0'.repeat(64)}` }],
  ])('%s', async (_what, other) => {
    const id = await idOf('/inputs/nixpkgs');
    const plan = await planned([{ finding: id, reason: 'pin', ...other }]);
    expect(plan.acknowledged).toBeUndefined();
    expect(wishOf(plan, '/inputs/nixpkgs').length).toBe(1);
  });
});

describe('the id of a finding', () => {
  const FINDING: Finding = {
    code: 'RF2103',
    wish: '/inputs/nixpkgs',
    subject: 'inputs.nixpkgs.url',
    path: absolute(`${DIR}/flake.nix`),
    from: 'a, locked 2026-01-01, 3 days ago',
    to: 'b',
    because: 'x',
    remedy: { by: 'plan', action: 'change' },
  };
  const id = (changed: Partial<Finding>, dir = DIR): string | undefined => withId({ ...FINDING, ...changed }, dir).id;

  test('is the same on another day, at another place, with another remedy', () => {
    expect(id({ from: 'a, locked 2026-02-01, 40 days ago' })).toBe(id({}));
    expect(id({ remedy: { by: 'you', hint: '' } })).toBe(id({}));
    expect(id({ hosts: ['a', 'b'] })).toBe(id({ hosts: ['c'] }));
    expect(id({ because: 'locked 3 days ago' })).toBe(id({ because: 'locked 40 days ago' }));
    expect(id({ because: `"${DIR}/a"` })).toBe(
      id({ because: '"/etc/nixos/a"', path: absolute('/etc/nixos/flake.nix') }, absolute('/etc/nixos')),
    );
    expect(id({ path: absolute('/etc/nixos/flake.nix') }, absolute('/etc/nixos'))).toBe(id({}));
  });
  test.each<Partial<Finding>>([
    { code: 'RF2007' },
    { wish: '/host/name' },
    { because: 'y' },
    { from: 'github:a/b/2024-01-01' },
    { from: 'c' },
    { to: 'c' },
    { path: absolute(`${DIR}/other.nix`) },
  ])('is another for %j', (changed) => expect(id(changed)).not.toBe(id({})));
  test('of a reference with a date is another with another date', () => {
    expect(id({ from: 'github:a/b/2024-01-01' })).not.toBe(id({ from: 'github:a/b/2026-11-30' }));
  });
  test('advice has none', () => {
    const { wish: _wish, ...advice } = FINDING;
    expect(withId(advice, DIR).id).toBeUndefined();
  });
});

test('a wish with a finding that nobody acknowledged is none', () => {
  const finding = (path: string): Finding =>
    withId(
      {
        code: 'RF2004',
        wish: '/config/modules',
        subject: 'config.modules',
        path: absolute(path),
        because: 'x',
        remedy: { by: 'you', hint: '' },
      },
      DIR,
    );
  const [one, other] = [finding('/a'), finding('/b')];
  const steps: Plan['steps'] = [
    {
      provider: 'configuration',
      verdicts: [{ wish: '/config/modules', verdict: 'blocked', by: 'RF2004' }],
      findings: [one, other],
      edits: [],
    },
  ];
  const acks = (...ids: readonly string[]) => ({
    spec: { ack: ids.map((id) => ({ finding: id, reason: 'r' })) } as never,
    now: NOW,
  });
  expect(acknowledgedIn({ steps }, acks(one.id!))).toEqual([]);
  expect(acknowledgedIn({ steps }, acks(one.id!, other.id!)).map(({ wish }) => wish)).toEqual(['/config/modules']);
});

describe('an acknowledgement that does nothing is told', () => {
  const told = async (entry: object): Promise<readonly string[]> => {
    const ack = [{ reason: 'pin', finding: await idOf('/inputs/nixpkgs'), ...entry }];
    return idleIn(await planned(ack), { spec: { ack } as never, now: NOW }).map(
      ({ severity, code, summary, pointer }) => `${severity} ${code} ${pointer} ${summary}`,
    );
  };
  test.each([
    ['none of one that counts', {}, []],
    [
      'one whose day is over',
      { until: '2026-11-29' },
      [
        'warning RF1019 /ack/0/finding the acknowledgement "pin" ended on 2026-11-29, and what it is about is still there',
      ],
    ],
    [
      'one of what is not found',
      { finding: `sha256:${'0'.repeat(64)}` },
      ['warning RF1016 /ack/0/finding the acknowledgement "pin" is about nothing that is found here'],
    ],
  ])('%s', async (_what, entry, lines) => expect(await told(entry)).toEqual(lines));
});

test('what is open and has an id can be acknowledged, and then is no more', async () => {
  const open = openIn(await planned([]));
  expect(open.map(({ wish }) => wish)).toContain('/inputs/nixpkgs');
  const rest = openIn(await planned(open.map(({ id }) => ({ finding: id, reason: 'all' }))));
  expect(rest).toEqual([]);
});
