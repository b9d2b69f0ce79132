// Every command with --format json, through the program itself: each line is an event of the published schema, which resolves
// by itself; the first is the version, the last the end, with the exit code that the process has.

import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { COMMANDS } from '../../cmd/options.ts';
import { FORMATS } from '../../cmd/report/formats/registry.ts';
import { BASES, specOf } from '../support/plan-cases.ts';
import { layOut, temporary } from '../support/trees.ts';

const PROGRAM = fileURLToPath(new URL('../../dist/reflake.cjs', import.meta.url));
const schema = JSON.parse(readFileSync(new URL('../../schemas/event.schema.json', import.meta.url), 'utf8'));
const isEvent = new Ajv2020({ discriminator: true, strict: false }).compile(schema);

let dir: string;
let remove: () => void;
beforeAll(() => {
  ({ dir, remove } = temporary());
  chmodSync(dir, 0o755);
  mkdirSync(`${dir}/machine`);
  layOut(`${dir}/machine`, BASES.machines.settled);
  writeFileSync(`${dir}/reflake.json`, specOf({}));
  writeFileSync(`${dir}/broken.json`, '{ "version": 1 }');
});
afterAll(() => remove());

interface Line extends Readonly<Record<string, unknown>> {
  readonly type: string;
}

function reflake(...words: readonly string[]): { readonly code: number | null; readonly lines: readonly Line[] } {
  const ran = spawnSync(process.execPath, [PROGRAM, ...words, '--format', 'json', '--root', `${dir}/machine`], {
    cwd: dir,
    encoding: 'utf8',
    env: { PATH: process.env.PATH, HOME: '/root' },
  });
  const lines = ran.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
  for (const line of lines) expect([line, isEvent(line), isEvent.errors]).toEqual([line, true, null]);
  expect(lines[0]).toEqual({ type: 'version', format: '2.4' });
  expect(lines.at(-1)).toMatchObject({ type: 'ended', exit: ran.status });
  expect(lines.filter(({ type }) => type === 'ended')).toHaveLength(1);
  return { code: ran.status, lines };
}

const typesOf = ({ lines }: { readonly lines: readonly Line[] }): readonly string[] => [
  ...new Set(lines.map(({ type }) => type).filter((type) => type !== 'progress')),
];
const SPEC = ['--spec', 'reflake.json'];

/** The order counts: some calls leave state that a later one reports. */
const CALLS: readonly (readonly [words: readonly string[], code: number, types: readonly string[]])[] = [
  [['validate', ...SPEC], 0, ['version', 'validated', 'ended']],
  [['validate', '--spec', 'broken.json'], 65, ['version', 'diagnostic', 'ended']],
  [['validate', '--spec', 'none.json'], 1, ['version', 'diagnostic', 'ended']],
  [['hosts', ...SPEC], 0, ['version', 'host', 'ended']],
  [['schema', 'event'], 0, ['version', 'schema', 'ended']],
  [['explain'], 0, ['version', 'code', 'ended']],
  [['explain', 'RF2002'], 0, ['version', 'code', 'ended']],
  [['explain', 'RF9999'], 64, ['version', 'ended']],
  [['init', '--yes', '--spec', 'new.yaml', '--release', '24.05'], 0, ['version', 'surveyed', 'initialised', 'ended']],
  [['init', '--spec', 'newer.yaml'], 1, ['version', 'surveyed', 'diagnostic', 'ended']],
  [['ack', '--all', '--reason', 'baseline', ...SPEC], 0, ['version', 'acknowledged', 'ended']],
  [['ack', 'abc', ...SPEC], 64, ['version', 'ended']],
  [['status', ...SPEC], 0, ['version', 'status', 'ended']],
  [['why', 'features', ...SPEC], 0, ['version', 'why', 'ended']],
  [['why', 'featurs', ...SPEC], 64, ['version', 'ended']],
  [['completion', 'zsh'], 0, ['version', 'text', 'ended']],
  [['man', 'plan'], 0, ['version', 'text', 'ended']],
  [['man', 'pln'], 64, ['version', 'ended']],
  [['doctor'], 0, ['version', 'examined', 'ended']],
  [['eject', '--state', 'none'], 0, ['version', 'ended']],
  [['history'], 0, ['version', 'history', 'ended']],
  [['show'], 64, ['version', 'diagnostic', 'ended']],
  [['recover'], 0, ['version', 'ended']],
  [['rollback', '--yes'], 0, ['version', 'ended']],
  [['check', ...SPEC], 0, ['version', 'planned', 'ended']],
  [['check', ...SPEC, '--notify-state', 'record'], 0, ['version', 'planned', 'news', 'ended']],
  [['check', ...SPEC, '--only', 'nothing'], 64, ['version', 'ended']],
  // Offline nothing evaluates here.
  [['prove', '--offline', ...SPEC], 1, ['version', 'proved', 'ended']],
  [['same', '.', '.', '--offline', ...SPEC], 1, ['version', 'proved', 'ended']],
  [['same', '.', '.', '--offline', '--host', 'all', ...SPEC], 1, ['version', 'compared', 'ended']],
  [['same', '.', ...SPEC], 64, ['version', 'ended']],
  [['plan', ...SPEC, '--diff'], 0, ['version', 'planned', 'ended']],
];

describe('every command', () => {
  test.each(CALLS)('%j', (words, code, types) => {
    const ran = reflake(...words);
    expect([ran.code, typesOf(ran)]).toEqual([code, types]);
  });

  test('a change: planned, refused without a yes, applied, told of, undone', () => {
    writeFileSync(`${dir}/machine/etc/nix/nix.conf`, '');
    const plan = reflake('plan', ...SPEC, '--out', 'plan.json');
    expect(plan.lines.at(-1)).toMatchObject({ verdicts: { differ: 1 }, exit: 0 });
    const news = reflake('check', ...SPEC, '--notify-state', 'record').lines.find(({ type }) => type === 'news');
    expect(news).toMatchObject({ fresh: [{ path: '/etc/nix/nix.conf' }], same: 0, drifts: 1 });
    expect(reflake('plan', ...SPEC, '--out', '-').code).toBe(64);
    expect(reflake('check', ...SPEC).code).toBe(2);
    expect(typesOf(reflake('show', 'plan.json', ...SPEC))).toEqual(['version', 'planned', 'ended']);
    const bytes = ['--format', 'human', '--root', `${dir}/machine`];
    const run = (...words: readonly string[]): string =>
      spawnSync(process.execPath, [PROGRAM, ...words, ...SPEC, ...bytes], { cwd: dir, encoding: 'utf8' }).stdout;
    expect(run('show', 'plan.json', '--diff')).toMatch(/^\+experimental-features = /m);
    expect(JSON.parse(run('plan', '--out', '-'))).toEqual(JSON.parse(readFileSync(`${dir}/plan.json`, 'utf8')));
    expect(reflake('apply', ...SPEC, '--no-input').code).toBe(64);
    const applied = reflake('apply', ...SPEC, '--yes');
    expect(typesOf(applied)).toEqual(['version', 'planned', 'edited', 'ended']);
    expect(applied.lines.at(-1)).toMatchObject({ outcome: { status: 'applied' }, verdicts: { differ: 0 } });
    expect(typesOf(reflake('history'))).toEqual(['version', 'history', 'apply', 'ended']);
    expect(typesOf(reflake('show', '1'))).toEqual(['version', 'apply', 'ended']);
    expect(reflake('apply', 'plan.json', ...SPEC, '--yes').code).toBe(3);
    expect(typesOf(reflake('rollback', '--yes'))).toEqual(['version', 'planned', 'edited', 'ended']);
    expect(reflake('rollback', '9', '--yes').code).toBe(64);
  });

  test('what is undecided bars nothing, and is said: apply goes on, check --strict fails', () => {
    const flake = `${dir}/machine/home/srid/nixos-config/flake.nix`;
    const before = readFileSync(flake, 'utf8');
    writeFileSync(
      flake,
      before.replace(/nixosConfigurations\.nixos = [^;]*;\n[^;]*;\n\s*};/, 'nixosConfigurations = nixpkgs.hosts;'),
    );
    writeFileSync(`${dir}/machine/etc/nix/nix.conf`, '');
    const undecided = { undecided: 2, differ: 1 };
    expect(reflake('plan', ...SPEC).lines.at(-1)).toMatchObject({ exit: 0, verdicts: undecided });
    const applied = reflake('apply', ...SPEC, '--yes').lines.at(-1);
    expect(applied).toMatchObject({ exit: 0, outcome: { status: 'applied' }, verdicts: { undecided: 2, differ: 0 } });
    expect(reflake('check', ...SPEC).code).toBe(0);
    expect(reflake('check', ...SPEC, '--strict').code).toBe(2);
    expect(reflake('apply', ...SPEC, '--yes').lines.at(-1)).toMatchObject({ outcome: { status: 'unchanged' } });
    writeFileSync(flake, before);
  });

  test('none is left out', () => {
    const said = new Set([...CALLS.map(([[command]]) => command), 'apply']);
    expect(Object.keys(COMMANDS).filter((command) => !said.has(command))).toEqual([]);
    expect(FORMATS).toContain('json');
  });
});

test('a plan has one id in plan and in apply, also before there is a state directory; of withheld bytes none is told', () => {
  const { dir: other, remove: away } = temporary();
  const before = dir;
  try {
    dir = other;
    chmodSync(dir, 0o755);
    mkdirSync(`${dir}/machine`);
    // A tree is back at the old place; apply sets it aside in the state directory.
    layOut(`${dir}/machine`, { ...BASES.machines.settled, '/etc/nixos/configuration.nix': '{ }\n' });
    writeFileSync(`${dir}/reflake.json`, specOf({}));
    const idOf = (...words: readonly string[]): unknown =>
      (reflake(...words, ...SPEC).lines.find(({ type }) => type === 'planned') as unknown as { plan: { id?: string } })
        .plan.id;
    const id = idOf('plan');
    expect(id).toMatch(/^sha256:/);
    expect(idOf('apply', '--no-input')).toBe(id);
    expect(idOf('plan')).toBe(id);
    expect(reflake('apply', ...SPEC, '--yes', '--expect', String(id).slice(7)).code).toBe(0);
    writeFileSync(`${dir}/machine/home/srid/nixos-config/flake.lock`, '{}');
    expect(idOf('check')).toBeUndefined();
  } finally {
    dir = before;
    away();
  }
});

test('a rollback reads each record of the history once', () => {
  const calls = `${dir}/calls`;
  writeFileSync(`${dir}/machine/etc/nix/nix.conf`, '# once more\n');
  expect(reflake('apply', ...SPEC, '--yes').code).toBe(0);
  const words = ['rollback', '--yes', '--root', `${dir}/machine`];
  const trace = ['-f', '-o', calls, '-e', 'trace=openat,open', process.execPath, PROGRAM, ...words];
  const ran = spawnSync('strace', trace, { cwd: dir, env: { PATH: process.env.PATH, HOME: '/root' } });
  expect(ran.status).toBe(0);
  const opened = [...readFileSync(calls, 'utf8').matchAll(/history\/(\d+\/begin)"[^\n]*= \d+/g)].map(
    ([, name]) => name,
  );
  expect(opened.length).toBeGreaterThan(1);
  expect(opened.filter((name, at) => opened.indexOf(name) !== at)).toEqual([]);
});

test('eject tells what is left, and what is gone', () => {
  const asked = reflake('eject');
  expect([asked.code, typesOf(asked)]).toEqual([64, ['version', 'left', 'diagnostic', 'ended']]);
  const ejected = reflake('eject', '--yes');
  expect([ejected.code, typesOf(ejected)]).toEqual([0, ['version', 'left', 'diagnostic', 'removed', 'ended']]);
  const none = reflake('eject');
  expect([none.code, typesOf(none)]).toEqual([0, ['version', 'ended']]);
});
