// One answer for each wish from several looks: which outweighs which; wishes barred, deferred and left out.
import { describe, expect, test } from '@jest/globals';
import type { Code } from '../../../core/codes.ts';
import type { Answer, Finding } from '../../../core/model.ts';
import { answersTo, type Looked } from '../../../core/plan/answers.ts';
import type { Difference } from '../../../core/plan/provider.ts';

const finding = (code: Code, wish?: string): Finding => ({
  code,
  ...(wish && { wish }),
  subject: 's',
  because: 'b',
  remedy: { by: 'you', hint: 'h' },
});
/** `a` answers /a and /b; `z` concerns /a. */
const a = (found: Partial<Difference> | undefined): Looked => ({
  provider: { name: 'a', answers: ['/a', '/b'], codes: [] },
  found: found && { findings: [], edits: [], ...found },
});
const z = (found: Partial<Difference> | undefined): Looked => ({
  provider: { name: 'z', answers: [], concerns: ['/a'], codes: [] },
  found: found && { findings: [], edits: [], ...found },
});
const answerTo = (wish: string, looked: readonly Looked[], guard?: Code): Omit<Answer, 'wish'> | 'left out' => {
  const answers = answersTo([{ wish }], looked, guard);
  const [found] = [...answers.of('a'), ...answers.of('z')];
  if (found === undefined) return answers.leftOut.includes(wish) ? 'left out' : { verdict: 'holds' };
  const { wish: _, ...rest } = found;
  return rest;
};

describe('the weightiest finding decides', () => {
  test.each<[string, readonly Code[], Omit<Answer, 'wish'>]>([
    ['nothing', [], { verdict: 'holds' }],
    ['advice alone', ['RF2025'], { verdict: 'holds' }],
    ['a difference, and the tool that would mend it fails', ['RF4001', 'RF2106'], { verdict: 'differs', by: 'RF2106' }],
    ['the tool alone', ['RF4001'], { verdict: 'blocked', by: 'RF4001' }],
    ['a difference, and another error', ['RF2106', 'RF2006'], { verdict: 'blocked', by: 'RF2006' }],
    ['a doubt and a difference', ['RF2029', 'RF2103'], { verdict: 'differs', by: 'RF2103' }],
    ['a doubt and a tool', ['RF4005', 'RF2019'], { verdict: 'blocked', by: 'RF4005' }],
  ])('%s', (_what, codes, answer) => {
    expect(answerTo('/a', [a({ findings: codes.map((code) => finding(code, '/a')) })])).toEqual(answer);
    // Whoever tells it.
    expect(answerTo('/a', [a({}), z({ findings: codes.map((code) => finding(code, '/a')) })])).toEqual(answer);
  });
  test('a finding about another wish, or about none, decides nothing', () => {
    expect(answerTo('/a', [a({ findings: [finding('RF2103', '/b'), finding('RF2103')] })])).toEqual({
      verdict: 'holds',
    });
  });
});

test('the rest: what no finding names', () => {
  const rest = [{ verdict: 'blocked', by: 'RF2006' }] as const;
  const found = { findings: [finding('RF2103', '/a')], rest };
  expect(answerTo('/a', [a(found)])).toEqual({ verdict: 'differs', by: 'RF2103' });
  expect(answerTo('/b', [a(found)])).toEqual({ verdict: 'blocked', by: 'RF2006' });
  expect(answerTo('/b', [a({ rest: [{ ...rest[0], of: ['/a'] }] })])).toEqual({ verdict: 'holds' });
  expect(answerTo('/a', [a({}), z({ rest })])).toEqual({ verdict: 'blocked', by: 'RF2006' });
});

test('behind a guard everything is blocked that nobody looked at', () => {
  expect(answerTo('/a', [a(undefined)], 'RF2002')).toEqual({ verdict: 'blocked', by: 'RF2002' });
  expect(answerTo('/a', [a({}), z(undefined)], 'RF2002')).toEqual({ verdict: 'blocked', by: 'RF2002' });
  expect(answerTo('/b', [a({}), z(undefined)], 'RF2002')).toEqual({ verdict: 'holds' });
});

test('left out: nobody looked who answers, unless one with a say in it tells something', () => {
  expect(answerTo('/a', [])).toBe('left out');
  expect(answerTo('/a', [z({})])).toBe('left out');
  expect(answerTo('/a', [z({ findings: [finding('RF2103', '/a')] })])).toEqual({ verdict: 'differs', by: 'RF2103' });
  expect(answerTo('/a', [a({ defers: ['/a'] })])).toBe('left out');
  expect(answerTo('/a', [a({ defers: ['/a'] }), z({})])).toEqual({ verdict: 'holds' });
});

describe('of several hosts', () => {
  /** `machine` looks at this machine's host alone, `flake` at all. */
  const machine = (found: Partial<Difference> = {}): Looked => ({
    provider: { name: 'machine', answers: ['/host/name'], codes: [], ofMachine: true },
    found: { findings: [], edits: [], ...found },
  });
  const flake = (found: Partial<Difference> = {}): Looked => ({
    provider: { name: 'flake', answers: ['/config/modules'], answersElsewhere: ['/host/name'], codes: [] },
    found: { findings: [], edits: [], ...found },
  });
  const said = (wish: string, host: string, looked: readonly Looked[]): string => {
    const answers = answersTo([{ wish, host }], looked, undefined, (leaf) => leaf.host === 'own');
    const found = ['machine', 'flake'].flatMap((name) => answers.of(name).map((one) => `${name}: ${one.verdict}`));
    return [...found, ...answers.leftOut].join(' ');
  };

  test('the machine answers for its own host, the repository for every other', () => {
    const looked = [machine({ findings: [finding('RF2002', '/host/name')] }), flake()];
    expect(said('/host/name', 'own', looked)).toBe('machine: blocked');
    expect(said('/host/name', 'web', looked)).toBe('flake: holds');
    expect(said('/host/name', 'web', [machine()])).toBe('/hosts/web/host/name');
    expect(said('/host/name', 'own', [flake()])).toBe('/hosts/own/host/name');
  });
  test('a finding decides for the hosts that it names, for all where it names none', () => {
    const found = { ...finding('RF2103', '/config/modules'), hosts: ['web', 'db'] };
    expect(said('/config/modules', 'web', [flake({ findings: [found] })])).toBe('flake: differs');
    expect(said('/config/modules', 'own', [flake({ findings: [found] })])).toBe('flake: holds');
    expect(said('/config/modules', 'own', [flake({ findings: [finding('RF2103', '/config/modules')] })])).toBe(
      'flake: differs',
    );
  });
  test('the rest of some hosts is not that of others', () => {
    const rest = [
      { verdict: 'differs', by: 'RF2103', hosts: ['web'] },
      { verdict: 'undecided', by: 'RF2029', hosts: ['db'] },
    ] as const;
    expect(said('/config/modules', 'web', [flake({ rest })])).toBe('flake: differs');
    expect(said('/config/modules', 'db', [flake({ rest })])).toBe('flake: undecided');
    expect(said('/config/modules', 'own', [flake({ rest })])).toBe('flake: holds');
  });
});
