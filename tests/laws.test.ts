// The laws (ARCHITECTURE.md, "Invariants") over every provider and case, and over random machines and specs. Nothing
// stands in for Nix: a case that needs a lock has one, or asks the real Nix (`"tools": "nix"`). Only `git init` is
// answered without git, because it makes the same tree each time and no law is about it.
//
// UPDATE_CASES=1 writes the results into the cases; then read the difference line by line. RUNS=n draws more random
// machines; EVERY=1 also tries each step on the disk.

import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { diffLines } from 'diff';
import fc from 'fast-check';
import { digestOf } from '../core/canonical.ts';
import { CODES, type Code, entryOf } from '../core/codes.ts';
import { changesOf, findingsOf, isBar, isBlocked, isChange, isEmpty, wishesIn } from '../core/finding.ts';
import { keyOf } from '../core/leaf.ts';
import type { Host } from '../core/machine/host.ts';
import { matches, type Plan } from '../core/model.ts';
import { absolute } from '../core/path.ts';
import { editsOf } from '../core/plan/edits.ts';
import { isIntact } from '../core/plan/plan-id.ts';
import { plan as planOf } from '../core/plan/planner.ts';
import { hostsOf } from '../core/spec/hosts-over-defaults.ts';
import { wishesOf } from '../core/spec/leaves.ts';
import { loadSpec } from '../core/spec/load.ts';
import { resolve } from '../core/spec/resolve.ts';
import { execute } from '../core/transaction/executor.ts';
import { undoing } from '../core/transaction/going-back.ts';
import { past, select } from '../core/transaction/history.ts';
import { PROVIDERS } from '../providers/index.ts';
import { canonicalJson } from './support/canonical-json.ts';
import {
  around,
  difference,
  diskScene,
  memoryScene,
  recoverable,
  type Scene,
  type Trial,
  undoable,
} from './support/faults.ts';
import {
  aboutOf,
  BASES,
  machineOf,
  type NamedCase,
  type PlanCase,
  planCases,
  planFor,
  providersWithCases,
  RUN,
  specOf,
  summaryOf,
  toolsOf,
  transactionOf,
} from './support/plan-cases.ts';
import type { Leaf } from './support/trees.ts';

const ALL = planCases();

/** The parts of a case, or of a random draw, that the laws need. */
type Drawn = Pick<PlanCase, 'base' | 'machine' | 'spec' | 'run' | 'tools' | 'release'>;

/** The machine's name is its /etc/hostname, as on the disk. */
function inMemory(one: Drawn, tools = toolsOf(one)): Scene {
  const literal = machineOf(one);
  const [name = ''] = (literal['/etc/hostname'] ?? []) as readonly string[];
  return memoryScene(literal, tools, { name, system: 'x86_64-linux', machineId: '' });
}

describe.each(ALL.map((one) => [one.name, one] as const))('%s', (_name, one) => {
  const tools = toolsOf(one);

  test('is planned as expected', async () => {
    const found = summaryOf(await planFor(one, inMemory(one, tools).open().host));
    if (process.env.UPDATE_CASES) update(one, found);
    else
      expect(found).toEqual({
        changes: one.changes,
        edits: one.edits,
        diagnostics: one.diagnostics,
        verdicts: one.verdicts,
      });
  });

  test('inert, deterministic, answered, told, located, honest, quiet, lossless', async () => {
    const scene = inMemory(one, tools);
    const before = scene.rows();
    const { plan } = await planFor(one, scene.open().host);
    expect(difference('after planning', before, scene.rows())).toEqual([]);
    if (plan === undefined) return;
    const { plan: again } = await planFor(one, inMemory(one, tools).open().host);
    expect(canonicalJson(again)).toBe(canonicalJson(plan));
    expect(isIntact(plan)).toBe(true);
    expect(quiet(plan)).toEqual([]);
    expect(answered(one, plan)).toEqual([]);
    expect(told(plan)).toEqual([]);
    expect(located(plan, scene.open().host)).toEqual([]);
    expect(coded(plan)).toEqual([]);
    expect(honest(plan, inMemory(one, tools).open().host)).toEqual([]);
    expect(lossless(plan, scene.open().host)).toEqual([]);
  });

  test('settled, undoable, recoverable, and back', async () => {
    const { plan } = await planFor(one, inMemory(one, tools).open().host);
    if (plan === undefined || isBlocked(plan) || isEmpty(plan)) return;
    expect(await settled(one, plan, inMemory(one, tools))).toEqual([]);
    const trial: Trial = { scene: () => inMemory(one, tools), transaction: () => transactionOf(plan) };
    expect(await undoable(trial)).toEqual([]);
    expect(await recoverable(trial)).toEqual([]);
  });
});

describe('on the disk', () => {
  test.each(['location/moves-a-fresh-machine', 'ownership/foreign-paths'])('%s', async (name) => {
    const one = ALL.find((other) => other.name === name)!;
    const scene = (): Scene => diskScene(machineOf(one));
    const first = scene();
    const { plan } = await planFor(one, first.open().host);
    expect(await settled(one, plan!, first)).toEqual([]);
    first.remove();
    const stride = process.env.EVERY ? 1 : 4;
    const trial: Trial = { scene, transaction: () => transactionOf(plan!), stride };
    expect(await undoable(trial)).toEqual([]);
    expect(await recoverable(trial, { twice: Boolean(process.env.EVERY) })).toEqual([]);
  });
});

describe('machines and specs that nobody thought of', () => {
  test('keep every law', async () => {
    await fc.assert(
      fc.asyncProperty(drawn(), fc.nat({ max: 6 }), async (one, offset) => {
        const tools = toolsOf(one);
        const scene = inMemory(one, tools);
        const before = scene.rows();
        const { plan } = await planFor(one, scene.open().host);
        expect(difference('after planning', before, scene.rows())).toEqual([]);
        if (plan === undefined) return;
        expect((await planFor(one, inMemory(one, tools).open().host)).plan?.id).toBe(plan.id);
        expect(quiet(plan)).toEqual([]);
        expect(answered(one, plan)).toEqual([]);
        expect(told(plan)).toEqual([]);
        expect(located(plan, scene.open().host)).toEqual([]);
        expect(coded(plan)).toEqual([]);
        expect(honest(plan, inMemory(one, tools).open().host)).toEqual([]);
        expect(lossless(plan, scene.open().host)).toEqual([]);
        if (isBlocked(plan) || isEmpty(plan)) return;
        expect(await settled(one, plan, inMemory(one, tools))).toEqual([]);
        const trial: Trial = {
          scene: () => inMemory(one, tools),
          transaction: () => transactionOf(plan),
          stride: 7 + offset,
        };
        expect(await undoable(trial)).toEqual([]);
        expect(await recoverable(trial, { twice: false })).toEqual([]);
      }),
      { numRuns: Number(process.env.RUNS ?? 150) },
    );
  });
});

describe('where nothing is there to look at, nothing holds', () => {
  const nowhere = async (names: readonly string[]): Promise<Plan> => {
    const spec = { config: { owner: null }, git: 'track', activate: 'switch', lock: { maxAge: '30d', allow: ['x:*'] } };
    const { host } = memoryScene({}, toolsOf({ tools: 'none' }), { name: '', system: '', machineId: '' }).open();
    const loaded = await loadSpec('spec.json', specOf({ spec }));
    const resolved = loaded.ok ? resolve(loaded.hosts.views[0].spec, host, { ...RUN, caller: SRID_HIMSELF }) : loaded;
    if (!loaded.ok || !resolved.ok) throw new Error(JSON.stringify(resolved));
    const { plan } = await planOf(resolved.wishes, loaded.digest, host, PROVIDERS, () => {}, {
      isSelected: (name) => names.includes(name),
    });
    return plan;
  };

  test.each([
    ['all together', PROVIDERS.map(({ name }) => name)],
    ...PROVIDERS.map(({ name }) => [name, [name]] as const),
  ])('%s', async (_what, names) => {
    const { steps } = await nowhere(names);
    const holding = steps.flatMap(({ verdicts }) => verdicts.filter(({ verdict }) => verdict === 'holds'));
    expect(holding).toEqual([]);
  });
});

describe('nothing is left out', () => {
  test('every code that a provider may tell is registered for it alone or shared, and none is idle', () => {
    const told = new Set<string>([...PROVIDERS.flatMap(({ codes }) => codes), ...PLANNERS]);
    const machine = (Object.keys(CODES) as Code[]).filter((code) => code.startsWith('RF2'));
    // The spec's user is looked up before any provider runs.
    expect(machine.filter((code) => !told.has(code))).toEqual(['RF2001']);
  });

  test('every provider has cases', () => {
    expect([...providersWithCases()].sort()).toEqual(PROVIDERS.map(({ name }) => name).sort());
  });

  /** Codes that no machine in memory can provoke, and the tests that have them. */
  const ELSEWHERE: Readonly<Record<string, string>> = {
    RF2019: 'the rules of Nix 2.8 for overridden inputs: tests/core/formats/lock/verdict.test.ts',
    RF2042: 'needs a mount: tests/boundary.test.ts',
    RF2043: 'needs a disk: tests/scenarios/obstacles.test.ts',
    RF2045: 'needs the machine itself: tests/scenarios/right-machine.test.ts',
    RF2110: 'no memory builds a system: tests/scenarios/activation.test.ts',
    RF2061: 'no memory evaluates: tests/scenarios/evaluate.test.ts',
    RF2062: 'no memory evaluates: tests/scenarios/evaluate.test.ts',
    RF2063: 'no memory evaluates: tests/scenarios/evaluate.test.ts',
    RF2079: 'missing rights need a disk and an ordinary user: tests/scenarios/channels.test.ts',
    RF2005: 'missing rights need a disk and an ordinary user: tests/core/plan/planner.test.ts',
  };

  test('every code of the machine has a case that provokes it', () => {
    const lines = ALL.flatMap(({ diagnostics, changes }) => [...diagnostics, ...changes]);
    const provoked = new Set(lines.map((line) => line.split(' ')[1]));
    const machine = Object.keys(CODES).filter((code) => code.startsWith('RF2'));
    expect(machine.filter((code) => !provoked.has(code) && !(code in ELSEWHERE))).toEqual([]);
    expect(Object.keys(ELSEWHERE).filter((code) => provoked.has(code) || !machine.includes(code))).toEqual([]);
  });
});

/** No edit without a change, and no change without an edit, unless an error says why the edit cannot be made. */
const quiet = ({ steps }: Plan): readonly string[] =>
  steps.flatMap(({ provider, findings, edits }) => {
    const changes = findings.filter(isChange).length;
    return changes > 0 === edits.length > 0 || (edits.length === 0 && findings.some(isBar))
      ? []
      : [`${provider}: ${changes} changes, ${edits.length} edits`];
  });

/** Each wish of the spec has one answer, in one step. */
function answered(one: Drawn, { steps, leftOut, host }: Plan): readonly string[] {
  const hosts = hostsOf(JSON.parse(specOf(one)));
  const { spec, run } = aboutOf(hosts, { facts: host }, one.run)!;
  const about = { spec, hosts: hosts.views, gone: hosts.gone, isMachine: run.isMachine ?? true };
  const wished = wishesOf({ ...about, ...(run.key !== undefined && { key: run.key }) }).map(keyOf);
  const given = [...steps.flatMap(({ verdicts }) => verdicts.map(keyOf)), ...leftOut];
  return [
    ...wished.filter((wish) => !given.includes(wish)).map((wish) => `${wish} is not answered`),
    ...given.filter((wish) => !wished.includes(wish)).map((wish) => `${wish} was not wished`),
    ...given.filter((wish, at) => given.indexOf(wish) !== at).map((wish) => `${wish} is answered twice`),
    // No provider leaves a wish out; only a selection does.
    ...leftOut.map((wish) => `${wish} is left out`),
  ];
}

/** A wish that does not hold names a finding that is told; a wish that holds has no finding to the contrary. */
function told(plan: Plan): readonly string[] {
  const findings = findingsOf(plan);
  return plan.steps.flatMap(({ verdicts }) =>
    verdicts.flatMap(({ verdict, by, ...leaf }) => {
      const wish = keyOf(leaf);
      const against = findings.filter(
        (finding) =>
          (finding.hosts === undefined ? finding.wish === leaf.wish : wishesIn(finding).includes(wish)) &&
          entryOf(finding.code).verdict !== undefined,
      );
      if (verdict === 'holds')
        return against.length === 0 ? [] : [`${wish} holds, and ${against.map(({ code }) => code).join(' ')} is told`];
      return findings.some(({ code }) => code === by) ? [] : [`${wish} ${verdict} by ${by}, which nobody tells`];
    }),
  );
}

/** Codes that the planner reports for every provider. */
const PLANNERS: readonly Code[] = ['RF2005', 'RF2018', 'RF2040', 'RF2042', 'RF2043', 'RF2054'];

/** A provider reports only codes of its descriptor. */
const coded = ({ steps }: Plan): readonly string[] =>
  steps.flatMap(({ provider, findings }) => {
    const { codes = [] } = PROVIDERS.find(({ name }) => name === provider) ?? {};
    return findings.flatMap(({ code }) =>
      codes.includes(code) || PLANNERS.includes(code) ? [] : [`${provider}: ${code}`],
    );
  });

/** A finding about bytes names a file that exists now, or one that the plan makes. */
function located(plan: Plan, host: Host): readonly string[] {
  const made = new Set(editsOf(plan.steps).flatMap((edit) => (edit.op === 'put' ? [edit.path as string] : [])));
  return findingsOf(plan).flatMap(({ code, at }) => {
    if (at === undefined || !at.file.startsWith('/')) return [];
    const isThere = host.stat(absolute(at.file)).type !== 'absent' || made.has(at.file);
    return isThere ? [] : [`${code} is about ${at.file}, which is not there`];
  });
}

/** Each `before` is there when its turn comes, and each `after` is there at the end. */
function honest(plan: Plan, host: Host): readonly string[] {
  const edits = editsOf(plan.steps);
  const lies: string[] = [];
  if (isBlocked(plan)) return lies;
  const there = (path: Parameters<Host['stat']>[0]) => {
    const entry = host.stat(path);
    const bytes = host.read(path);
    return entry.type === 'file' && bytes !== undefined ? { ...entry, content: digestOf(bytes) } : entry;
  };
  const work = host.work(edits, 'f00d');
  try {
    work.prepare(plan.blobs);
  } catch (thrown) {
    lies.push(`cannot be prepared: ${String(thrown)}`);
  }
  for (const [at, edit] of edits.entries()) {
    if (edit.op === 'activate') continue;
    if (edit.op === 'put' && !matches(edit.before, there(edit.path)))
      lies.push(`${edit.path} is ${JSON.stringify(there(edit.path))}, not ${JSON.stringify(edit.before)}`);
    try {
      work.publish(at);
    } catch (thrown) {
      lies.push(`${edit.op === 'move' ? edit.to : edit.path}: ${String(thrown)}`);
    }
  }
  work.sweep();
  for (const edit of edits)
    if (edit.op === 'put' && !matches(edit.after, there(edit.path))) lies.push(`${edit.path} is not as planned`);
  return lies;
}

/** In a Nix file or nix.conf no comment is lost, and no more lines change than changes are told. */
function lossless(plan: Plan, host: Host): readonly string[] {
  const changes = changesOf(plan);
  const origin = new Map(
    editsOf(plan.steps).flatMap((edit) => (edit.op === 'move' ? [[edit.to as string, edit.from as string]] : [])) as [
      string,
      string,
    ][],
  );
  const before = (path: string): string => {
    const moved = [...origin].find(([to]) => path.startsWith(`${to}/`));
    const at = moved ? moved[1] + path.slice(moved[0].length) : path;
    return Buffer.from(host.read(at as never) ?? []).toString();
  };
  return editsOf(plan.steps).flatMap((edit) => {
    if (edit.op !== 'put' || !/\.nix$|nix\.conf$/.test(edit.path)) return [];
    if (edit.before.type !== 'file' || edit.after.type !== 'file' || edit.after.content === undefined) return [];
    const old = before(edit.path);
    const next = Buffer.from(plan.blobs[edit.after.content] ?? []).toString();
    if (old === next) return [];
    const comments = old.match(/#.*$/gm) ?? [];
    // A wish that removes something removes the comment behind it, too.
    const removals = changes.filter(({ path, remedy }) => path === edit.path && remedy.action === 'remove').length;
    const lost = comments.filter((comment) => !next.includes(comment));
    const gone = lost.length > removals ? lost.map((comment) => `${edit.path}: lost ${comment}`) : [];
    const removed = diffLines(old, next).reduce((sum, part) => sum + (part.removed ? (part.count ?? 0) : 0), 0);
    const told = changes
      .filter(({ path }) => path === edit.path)
      .reduce((sum, { subject, remedy }) => sum + (remedy.action === 'remove' ? linesOf(subject, old) : 1), 0);
    // No wish changes the stateVersion, whatever release it wants.
    const born = (text: string): string => (text.match(/.*stateVersion.*/g) ?? []).join('\n');
    if (born(old) !== born(next)) gone.push(`${edit.path}: stateVersion was edited`);
    return removed > told ? [...gone, `${edit.path}: ${removed} lines changed for ${told} changes`] : gone;
  });
}

/** The lines of a host that goes, with the blank one behind it; 1 for anything else. */
function linesOf(subject: string, text: string): number {
  const name = /^nixosConfigurations\.([\w-]+)$/.exec(subject)?.[1];
  const block = name && new RegExp(`^( *)${name} = [\\s\\S]*?^\\1\\};\\n`, 'm').exec(text)?.[0];
  return block ? block.split('\n').length : 1;
}

/** After the apply, a new plan is empty; after its rollback, the machine is as before. */
async function settled(one: Drawn, plan: Plan, scene: Scene): Promise<readonly string[]> {
  const before = scene.rows();
  const { transaction, blobs } = transactionOf(plan);
  const outcome = await execute(transaction, blobs, around(scene.open()));
  if (outcome.status !== 'applied') return [JSON.stringify(outcome)];
  const after = scene.rows();
  const { plan: next, diagnostics } = await planFor(one, scene.open().host);
  if (next === undefined || !isEmpty(next) || isBlocked(next))
    return [`not settled: ${JSON.stringify([summaryOf({ plan: next, diagnostics }), next?.steps])}`.slice(0, 2000)];
  const { host, store } = scene.open();
  const history = past(store);
  if (!history.ok) return [history.problem.summary];
  const selected = select(history.applies, { kind: 'newest' }) ?? [];
  const stamp = { tx: 'beef', startedAt: '', by: '' };
  const back = undoing(selected, history.applies, host, stamp, false);
  const undone = await execute(back.transaction, back.blobs, around({ host, store }));
  return undone.status === 'applied'
    ? difference('rolled back', before, scene.rows())
    : [`${JSON.stringify(undone)} ${after.length}`];
}

const samples = (name: string): string => readFileSync(new URL(`./cases/samples/${name}`, import.meta.url), 'utf8');

/** A person who is in no passwd file: the machine has none. */
const SRID_HIMSELF = { name: 'srid', uid: 1000, gid: 100, home: '/home/srid' };

const DIR = '/home/srid/nixos-config';
const SRID = [1000, 100] as const;

/** A base machine with any number of disturbances at once. */
function drawn(): fc.Arbitrary<Drawn> {
  const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
  const flake = (BASES.machines.settled[`${DIR}/flake.nix`] as { file: readonly string[] }).file;
  const swapped = (from: string, to: string): readonly string[] => flake.map((line) => line.replace(from, to));
  const base = fc.constantFrom('fresh' as const, 'settled' as const, 'settled' as const, 'empty' as const);
  return base.chain((chosen) => {
    const dir = chosen === 'fresh' ? '/etc/nixos' : DIR;
    const owner = fc.constantFrom(SRID, [0, 0] as const, [1000, 0] as const);
    const leaf = (...texts: readonly (string | readonly string[])[]): fc.Arbitrary<Leaf> =>
      fc.record({
        file: fc.constantFrom(...texts),
        owner,
        mode: fc.constantFrom('0644', '0600', '0755', '0400', '0000', '6755'),
      });
    const place = (path: string, value: Leaf | null | undefined): [string, Leaf | null][] =>
      value === undefined ? [] : [[path, value]];
    return fc
      .record({
        configuration: maybe(
          leaf(
            '{ }\n',
            '{ pkgs, ... }: {\n  # kept\n  nix.settings.experimental-features = [ "flakes" ]; # also kept\n}\n',
            '{\n  imports = [ ./sub ./extra.nix ];\n  system.copySystemConfiguration = true; # why not\n}\n',
            '{ lib, ... }: { nix.extraOptions = "experimental-features = nix-command"; }',
            '{ broken',
            samples('09-extraOptions-nixFlakes.nix'),
            samples('17-hostname-shapes.nix'),
          ),
        ),
        flakeNix: maybe(
          fc.oneof(
            fc.constant(null),
            leaf(
              flake,
              swapped('nixos-24.05', 'nixos-23.11'),
              swapped('nixosConfigurations.nixos', 'nixosConfigurations.other'),
              swapped('x86_64-linux', 'aarch64-linux'),
              '{ outputs = _: { }; }',
              '{ broken',
            ),
          ),
        ),
        lock: maybe(fc.constantFrom(null, { file: 'no lock', owner: SRID })),
        conf: maybe(
          fc.constantFrom<Leaf | null>(
            null,
            '',
            'experimental-features = nix-command # mine\n',
            'extra-experimental-features = flakes\n!include other.conf\n',
            { file: '# none\nsandbox = false', mode: '0600' },
            { link: '/nix/store/abc-nix.conf' },
          ),
        ),
        userConf: maybe(fc.constantFrom<Leaf>({ file: 'experimental-features = ca-derivations\n', owner: SRID })),
        extra: maybe(leaf('extra', '{ }\n')),
        sub: maybe(
          fc.constantFrom<Leaf>(
            { dir: true, mode: '0500' },
            { dir: true, mode: '2755', owner: SRID },
            { link: '../elsewhere' },
            { other: 'fifo' },
          ),
        ),
        channels: fc.constantFrom(undefined, undefined, 'keep', 'retire'),
        followed: fc.subarray<[string, Leaf]>([
          ['/root/.nix-channels', { file: 'https://nixos.org/channels/nixos-24.05 nixos\n', mode: '0600' }],
          ['/nix/var/nix/profiles/per-user/root/channels', { link: 'channels-1-link' }],
          ['/nix/var/nix/profiles/per-user/root/channels-1-link', { link: '/nix/store/abc-user-environment' }],
          ['/home/srid/.nix-channels', { file: '# none\n', owner: SRID }],
          ['/home/srid/.nix-defexpr', { dir: true, owner: SRID }],
          ['/home/srid/.nix-defexpr/channels_root', { link: '/nowhere', owner: SRID }],
          ['/home/srid/.local', { link: '/srv', owner: SRID }],
          ['/srv/state/nix/profiles/channels', { link: 'channels-7-link' }],
        ]),
        hard: fc.boolean(),
        git: fc.constantFrom('off', 'track', undefined),
        repository: fc.boolean(),
        back: fc.boolean(),
        spec: fc.record(
          {
            features: fc.constantFrom(null, ['flakes'], ['nix-command', 'flakes', 'ca-derivations']),
            owner: fc.constantFrom(null, 'srid', 'root', 'srid:root', 'nobody-here'),
            inputs: fc.constantFrom('github:NixOS/nixpkgs/nixos-24.05', 'github:NixOS/nixpkgs?ref=nixos-24.05'),
            path: fc.constantFrom('~/nixos-config', '~/a/b/c', '/etc/nixos'),
            link: fc.boolean(),
          },
          { requiredKeys: [] },
        ),
        others: fc.constantFrom(undefined, undefined, 0, 1, 2, 12),
        isMachine: fc.constantFrom(true, true, true, false),
        gone: fc.constantFrom([], ['other'], ['never-was']),
      })
      .map(
        ({
          configuration,
          flakeNix,
          lock,
          conf,
          userConf,
          extra,
          sub,
          channels,
          followed,
          hard,
          git,
          repository,
          back,
          spec,
          others,
          isMachine,
          gone,
        }): Drawn => ({
          base: chosen,
          run: { isMachine },
          machine: Object.fromEntries([
            ...(chosen === 'empty' ? [] : place(`${dir}/configuration.nix`, configuration)),
            ...(chosen === 'empty' ? [] : place(`${dir}/flake.nix`, flakeNix)),
            ...(chosen === 'empty' ? [] : place(`${dir}/flake.lock`, lock)),
            ...followed,
            ...place('/etc/nix/nix.conf', conf),
            ...place('/home/srid/.config/nix/nix.conf', userConf),
            ...(chosen === 'empty' ? [] : place(`${dir}/extra.nix`, extra)),
            ...(chosen === 'empty' ? [] : place(`${dir}/sub`, sub)),
            ...(hard && chosen !== 'empty'
              ? [['/var/shared', { hardLink: `${dir}/configuration.nix` }] as [string, Leaf]]
              : []),
            ...(repository && chosen !== 'empty'
              ? ([
                  [`${dir}/.git/HEAD`, { file: 'ref: refs/heads/main\n', owner: SRID }],
                  [`${dir}/.git/objects`, { dir: true, owner: SRID }],
                ] as [string, Leaf][])
              : []),
            ...(back && chosen === 'settled' ? ([['/etc/nixos/configuration.nix', '{ }\n']] as [string, Leaf][]) : []),
          ]),
          spec: {
            ...(others !== undefined && manyHosts(others, gone)),
            ...(git && { git }),
            ...(channels && { channels }),
            ...(spec.features !== undefined && { features: spec.features }),
            ...(spec.inputs && { inputs: { nixpkgs: spec.inputs } }),
            config: {
              ...('owner' in spec && { owner: spec.owner }),
              ...(spec.path && { path: spec.path }),
              ...(spec.link !== undefined && { link: spec.link }),
            },
          },
        }),
      );
  });
}

/** A patch that makes the machine of the spec one of several: a second one of its modules, others of files that are not there. */
function manyHosts(others: number, gone: readonly string[]): object {
  const host = (number: number): object => ({
    host: { system: number % 2 === 0 ? 'x86_64-linux' : 'aarch64-linux' },
    ...(number > 0 && { config: { modules: number === 1 ? ['./configuration.nix'] : [`./extra-${number % 3}.nix`] } }),
  });
  const names = Array.from({ length: others + 1 }, (_, number) => [
    number === 0 ? 'nixos' : `h${number}`,
    host(number),
  ]);
  return { host: null, hosts: { ...Object.fromEntries(names), ...Object.fromEntries(gone.map((one) => [one, null])) } };
}

function update(one: NamedCase, found: ReturnType<typeof summaryOf>): void {
  const { name: _name, file, ...kept } = one;
  writeFileSync(file, `${JSON.stringify({ ...kept, ...found }, null, 2)}\n`);
}
