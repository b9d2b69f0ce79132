// The code map of ARCHITECTURE.md as a test: which folder may import which, which files may import a package, and how
// files look. The rules are a function of sources as data, so planted violations show that each rule can fail.

import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';

type Sources = Readonly<Record<string, string>>;

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const LAYERS = ['schemas', 'core', 'providers', 'cmd'];

/** Every folder, from the top floor down. A file imports only from its own folder and from lower ones, types included. */
const FLOORS = [
  'cmd',
  'cmd/commands',
  'cmd/init',
  'cmd/proving',
  'cmd/applying',
  'cmd/checking',
  'cmd/session',
  'cmd/report/formats',
  'cmd/report',
  'providers',
  'providers/*',
  'core/doctor',
  'core/seen',
  'core/transaction',
  'core/plan',
  'core/proof',
  'core/survey',
  'core/spec',
  'core/evaluation',
  'core/documents',
  'core/host/border',
  'core/host',
  'core/host/work',
  'core/host/disk',
  'core/host/process',
  'core/machine',
  'core/formats/lock',
  'core/formats/flake',
  'core/formats/flake-hosts',
  'core/formats/module',
  'core/formats/purity',
  'core/formats/derivation',
  'core/formats/nix-conf',
  'core/formats/flake-ref',
  'core/formats/nix-value',
  'core/formats/nix',
  'core/formats/git',
  'core/formats/nar',
  'core/formats',
  'core',
  'schemas',
];

/** The most files in one folder, so that it can be taken in at a glance. */
const MOST_FILES = 20;

const folderOf = (file: string): string => file.split('/').slice(0, -1).join('/');

/** The floor, counted from the top; a provider may have a folder of its own. Undefined if the folder is not in `FLOORS`. */
function floorOf(file: string): number | undefined {
  const floor = FLOORS.indexOf(folderOf(file).replace(/^providers\/[^/]+$/, 'providers/*'));
  return floor === -1 ? undefined : floor;
}

/** The files that may import a package: a file, or a directory with a final slash. An empty list: nobody may. */
const DOORS: Readonly<Record<string, readonly string[]>> = {
  execa: ['core/host/process/run.ts'],
  // Validators are generated from the schemas beforehand.
  ajv: [],
  'ajv-formats': [],
  // Types only.
  sarif: ['cmd/report/formats/sarif.ts'],
  yargs: ['cmd/main.ts'],
  diff: ['cmd/report/'],
  yaml: ['core/formats/yaml.ts'],
  'get-east-asian-width': ['cmd/report/'],
};

/** The same for modules of Node. One that is not named here may be imported by cmd and core/host only. */
const NODE: Readonly<Record<string, readonly string[]>> = {
  'node:fs': ['core/host/'],
  'node:child_process': ['core/host/'],
  'node:crypto': [
    'core/canonical.ts',
    'core/little-hash.ts',
    'core/formats/',
    'core/host/disk/copy-tree.ts',
    'core/host/surroundings.ts',
    'cmd/commands/apply.ts',
  ],
  'node:zlib': ['core/machine/git-stages.ts', 'core/formats/'],
  'node:path': ['core/host/', 'cmd/'],
  'node:os': ['core/host/', 'cmd/'],
};
const NODE_ELSEWHERE = ['core/host/', 'cmd/'];

interface Import {
  readonly from: string;
  /** One of our files, as a path from the root; or a package's name. */
  readonly to: string;
  readonly line: number;
}

function importsOf(file: string, text: string): readonly Import[] {
  const imports: Import[] = [];
  // Imports in comments do not count. A comment never holds a quote that opens one of these.
  const code = text
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' '))
    .replace(/^\s*\/\/.*$/gm, '');
  const forms = [
    /^[ \t]*(?:import|export)\b[^'";]*?\bfrom\s*['"]([^'"]+)['"]/gm,
    /^[ \t]*import\s*['"]([^'"]+)['"]/gm,
    /\bimport\(\s*['"]([^'"]+)['"]\s*\)/g,
    /\brequire\(\s*['"]([^'"]+)['"]\s*\)/g,
  ];
  for (const form of forms)
    for (const found of code.matchAll(form)) {
      const line = code.slice(0, found.index).split('\n').length;
      imports.push({ from: file, to: resolve(file, found[1]!), line });
    }
  return imports;
}

function resolve(file: string, specifier: string): string {
  if (!specifier.startsWith('.')) return packageOf(specifier);
  const parts = file.split('/').slice(0, -1);
  for (const part of specifier.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '.') parts.push(part);
  }
  return parts.join('/');
}

const packageOf = (specifier: string): string =>
  specifier.startsWith('node:')
    ? specifier
    : specifier
        .split('/')
        .slice(0, specifier.startsWith('@') ? 2 : 1)
        .join('/');

const isOurs = (name: string): boolean => LAYERS.includes(name.split('/')[0]!);

const mayEnter = (file: string, doors: readonly string[]): boolean =>
  doors.some((door) => (door.endsWith('/') ? file.startsWith(door) : file === door));

/** Every breach of a rule, in words. */
function violations(sources: Sources): readonly string[] {
  const files = Object.keys(sources);
  const imports = files.flatMap((file) => importsOf(file, sources[file]!));
  return [
    ...imports.flatMap((one) => violationsOf(one, files)),
    ...cycles(imports).map((cycle) => `cycle: ${cycle.join(' -> ')}`),
    ...files.flatMap((file) => lookOf(file, sources[file]!)),
    ...folders(files),
  ];
}

function folders(files: readonly string[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const file of files) counts.set(folderOf(file), (counts.get(folderOf(file)) ?? 0) + 1);
  return [...counts].flatMap(([folder, count]) => [
    ...(floorOf(`${folder}/`) === undefined ? [`${folder}: a folder that has no floor`] : []),
    ...(count > MOST_FILES ? [`${folder}: ${count} files`] : []),
  ]);
}

function violationsOf({ from, to, line }: Import, files: readonly string[]): readonly string[] {
  const at = `${from}:${line}`;
  const found: string[] = [];
  if (isOurs(to)) {
    if ((floorOf(from) ?? 0) > (floorOf(to) ?? 0)) found.push(`${at} looks up to ${to}`);
    // Code that decides knows the machine by its interfaces in core/machine; only cmd chooses an implementation.
    if (to.startsWith('core/host/') && !/^(cmd|core\/host)\//.test(from))
      found.push(`${at} knows the implementation ${to}`);
    if (!files.includes(to) && !/\.gen\.mjs$|\.json$/.test(to)) found.push(`${at} imports ${to}, which is not there`);
    const isProvider = from.startsWith('providers/') && from !== 'providers/index.ts';
    const own = from.split('/').slice(0, 2).join('/');
    if (isProvider && to.startsWith('providers/') && !(own.endsWith('.ts') ? false : to.startsWith(`${own}/`)))
      found.push(`${at}: a provider imports the provider ${to}`);
  } else if (to === 'package.json') {
    if (from !== 'cmd/version.ts') found.push(`${at} imports ${to}`);
  } else if (to.startsWith('node:')) {
    if (!mayEnter(from, NODE[to] ?? NODE_ELSEWHERE)) found.push(`${at} imports ${to}`);
  } else if (!mayEnter(from, DOORS[to] ?? [])) found.push(`${at} imports ${to}`);
  return found;
}

/** Type imports count, too: files in a cycle of types cannot be understood one by one. */
function cycles(imports: readonly Import[]): readonly (readonly string[])[] {
  const next = new Map<string, string[]>();
  for (const { from, to } of imports) if (isOurs(to)) next.set(from, [...(next.get(from) ?? []), to]);
  const found: string[][] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    const at = path.indexOf(file);
    if (at !== -1) {
      found.push([...path.slice(at), file]);
      return;
    }
    if (done.has(file)) return;
    for (const other of next.get(file) ?? []) visit(other, [...path, file]);
    done.add(file);
  };
  for (const file of next.keys()) visit(file, []);
  return found;
}

function lookOf(file: string, text: string): readonly string[] {
  const found: string[] = [];
  const name = file.split('/').at(-1)!;
  if (/(^|[-.])(utils?|helpers?|manager|common|misc)\b/.test(name)) found.push(`${file}: a name that says nothing`);
  if (/^export default\b/m.test(text) || /^export \{[^}]*\bas default\b/m.test(text))
    found.push(`${file}: a default export`);
  if (!/^(#![^\n]*\n)?\/\/ \S/.test(text)) found.push(`${file}: opens without a comment`);
  if (/^\s*(export\s+)?(abstract\s+)?class\s+\w+\s+extends\b/m.test(text)) found.push(`${file}: inheritance`);
  if (/^\s*(export\s+)?(const\s+)?enum\s/m.test(text)) found.push(`${file}: an enum`);
  if (
    file.startsWith('core/formats/') &&
    /\bprocess\.|\bDate\.now\(|\bMath\.random\(|\bnew Date\(\)/.test(withoutComments(text))
  )
    found.push(`${file}: a format that looks around`);
  const isReporting = file.startsWith('cmd/');
  if (!isReporting && /\bconsole\.|process\.(exit|stdout|stderr)\b/.test(withoutComments(text)))
    found.push(`${file}: prints or exits`);
  return found;
}

const withoutComments = (text: string): string => text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/\/\/.*$/gm, '');

function sourcesHere(): Sources {
  const sources: Record<string, string> = {};
  for (const layer of LAYERS)
    for (const entry of readdirSync(`${ROOT}${layer}`, { recursive: true, encoding: 'utf8' })) {
      const file = `${layer}/${entry}`;
      if (/\.ts$/.test(file) && !/\.d\.ts$/.test(file)) sources[file] = readFileSync(ROOT + file, 'utf8');
    }
  return sources;
}

test('the sources keep every rule', () => {
  const sources = sourcesHere();
  expect(Object.keys(sources).length).toBeGreaterThan(60);
  expect(violations(sources)).toEqual([]);
});

test('every package that a source imports is a door, and every door is used', () => {
  const imported = new Set(
    Object.entries(sourcesHere()).flatMap(([file, text]) => importsOf(file, text).map(({ to }) => to)),
  );
  for (const [name, doors] of Object.entries(DOORS))
    expect([name, imported.has(name)]).toEqual([name, doors.length > 0 && imported.has(name)]);
});

describe('each rule can fail', () => {
  const clean = '// A file that is in order, and says so.\n';
  const PLANTED: readonly (readonly [string, Sources, string])[] = [
    [
      'core looks up',
      { 'core/a.ts': `import type { X } from '../providers/b.ts';\n` },
      'core/a.ts:2 looks up to providers/b.ts',
    ],
    [
      'schemas look up',
      { 'schemas/a.ts': `import { x } from '../core/b.ts';\n` },
      'schemas/a.ts:2 looks up to core/b.ts',
    ],
    ['providers look up', { 'providers/a.ts': `export { x } from '../cmd/b.ts';\n` }, 'looks up to cmd/b.ts'],
    ['a dynamic import looks up', { 'core/a.ts': `const x = await import('../cmd/b.ts');\n` }, 'looks up to cmd/b.ts'],
    [
      'a cycle of types',
      { 'core/a.ts': `import type { B } from './b.ts';\n`, 'core/b.ts': `import type {\n  A,\n} from './a.ts';\n` },
      'cycle: core/a.ts -> core/b.ts -> core/a.ts',
    ],
    ['a file that imports itself', { 'core/a.ts': `import './a.ts';\n` }, 'cycle: core/a.ts -> core/a.ts'],
    ['execa elsewhere', { 'core/host/a.ts': `import { execa } from 'execa';\n` }, 'imports execa'],
    ['execa in a lazy import', { 'cmd/a.ts': `await import('execa');\n` }, 'imports execa'],
    ['ajv at run time', { 'core/spec/load.ts': `import Ajv from 'ajv/dist/2020.js';\n` }, 'imports ajv'],
    ['yargs elsewhere', { 'cmd/commands/plan.ts': `import yargs from 'yargs/helpers';\n` }, 'imports yargs'],
    ['diff elsewhere', { 'cmd/commands/plan.ts': `import { diffLines } from 'diff';\n` }, 'imports diff'],
    ['yaml elsewhere', { 'core/spec/load.ts': `import { parse } from 'yaml';\n` }, 'imports yaml'],
    ['a package nobody knows', { 'cmd/main.ts': `import _ from '@scope/lodash/fp';\n` }, 'imports @scope/lodash'],
    ['the disk in cmd', { 'cmd/a.ts': `import { readFileSync } from 'node:fs';\n` }, 'imports node:fs'],
    ['the disk in a format', { 'core/formats/a.ts': `import { readFileSync } from 'node:fs';\n` }, 'imports node:fs'],
    [
      'a process in core',
      { 'core/a.ts': `import { spawn } from 'node:child_process';\n` },
      'imports node:child_process',
    ],
    ['Node in a provider', { 'providers/a.ts': `import { createHash } from 'node:crypto';\n` }, 'imports node:crypto'],
    [
      'a provider knows another',
      { 'providers/a.ts': `import { b } from './b.ts';\n`, 'providers/b.ts': '' },
      'a provider imports the provider',
    ],
    [
      'a format knows the host',
      { 'core/formats/a.ts': `import type { Host } from '../machine/host.ts';\n` },
      'core/formats/a.ts:2 looks up to core/machine/host.ts',
    ],
    [
      'one format knows a higher one',
      { 'core/formats/nix/a.ts': `import type { Flake } from '../flake/flake.ts';\n` },
      'core/formats/nix/a.ts:2 looks up to core/formats/flake/flake.ts',
    ],
    [
      'the machine knows the plan, by a type',
      { 'core/machine/a.ts': `import type { Overlay } from '../plan/overlay.ts';\n` },
      'core/machine/a.ts:2 looks up to core/plan/overlay.ts',
    ],
    [
      'the disk knows a transaction that works on it',
      { 'core/host/disk/a.ts': `import { take } from '../work/taking.ts';\n` },
      'core/host/disk/a.ts:2 looks up to core/host/work/taking.ts',
    ],
    [
      'a transaction knows the disk',
      { 'core/transaction/a.ts': `import { realHost } from '../host/real-host.ts';\n` },
      'core/transaction/a.ts:2 knows the implementation core/host/real-host.ts',
    ],
    [
      'a command knows the command line',
      { 'cmd/commands/a.ts': `import { main } from '../main.ts';\n` },
      'cmd/commands/a.ts:2 looks up to cmd/main.ts',
    ],
    ['a folder that nobody placed', { 'core/attic/a.ts': '' }, 'core/attic: a folder that has no floor'],
    ['a format looks around', { 'core/formats/a.ts': `export const home = process.env.HOME;\n` }, 'looks around'],
    ['core prints', { 'core/a.ts': `console.log('x');\n` }, 'prints or exits'],
    ['utils', { 'core/nix-utils.ts': '' }, 'a name that says nothing'],
    ['helpers', { 'cmd/helpers.ts': '' }, 'a name that says nothing'],
    ['a manager', { 'providers/lock/manager.ts': '' }, 'a name that says nothing'],
    ['a default export', { 'core/a.ts': `export default function x() {}\n` }, 'a default export'],
    ['a class of a class', { 'core/a.ts': `export class A extends B {}\n` }, 'inheritance'],
    ['an enum', { 'core/a.ts': `export enum A { B }\n` }, 'an enum'],
  ];
  test.each(PLANTED)('%s', (_what, sources, words) => {
    const planted = Object.fromEntries(Object.entries(sources).map(([file, text]) => [file, clean + text]));
    expect(violations(planted).join('\n')).toContain(words);
  });

  test('a folder with too many files', () => {
    const files = Array.from({ length: 21 }, (_, number) => [`core/plan/${number}.ts`, clean]);
    expect(violations(Object.fromEntries(files))).toEqual(['core/plan: 21 files']);
  });

  test('a provider with a folder of its own', () => {
    expect(
      violations({
        'providers/index.ts': `${clean}import { a } from './a/index.ts';\n`,
        'providers/a/index.ts': `${clean}import { b } from './b.ts';\nimport { c } from '../../core/plan/c.ts';\n`,
        'providers/a/b.ts': clean,
        'core/plan/c.ts': clean,
      }),
    ).toEqual([]);
    const other = { 'providers/a/b.ts': `${clean}import { c } from '../c.ts';\n`, 'providers/c.ts': clean };
    expect(violations(other)).toContain('providers/a/b.ts:2: a provider imports the provider providers/c.ts');
  });

  test('a file that opens without a comment', () => {
    expect(violations({ 'core/a.ts': 'export const a = 1;\n' })).toEqual(['core/a.ts: opens without a comment']);
  });

  test('and what is in order does not', () => {
    const text = `${clean}/** import { x } from 'execa' is only told of. */\nimport type { Y } from './b.ts';\n`;
    expect(
      violations({
        'core/a.ts': text,
        'core/b.ts': clean,
        'core/host/process/run.ts': `${clean}await import('execa');\n`,
      }),
    ).toEqual([]);
  });
});
