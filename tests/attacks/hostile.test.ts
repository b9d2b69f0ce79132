// Hostile files: whatever a spec, lock, plan, journal, nix.conf or .nix holds, the command ends soon, with words and no stack,
// shows terminal escapes instead of passing them on, and writes nothing outside. Inputs that may be too much for a process, and
// the first of each kind, go through the real program; the others go through its commands in one process.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { digestOf, digestOfJson } from '../../core/canonical.ts';
import { withIds } from '../../core/plan/plan-id.ts';
import { type Ran, resident } from '../resident/resident.ts';
import { BASES, specOf } from '../support/plan-cases.ts';
import { layOut, type Rows, rowsOfDisk, temporary } from '../support/trees.ts';

const PROGRAM = fileURLToPath(new URL('../../dist/reflake.cjs', import.meta.url));
/** Milliseconds: far more than any of them needs. */
const PATIENCE = 15_000;
const KNOWN = [0, 1, 2, 3, 4, 5, 6, 64, 65];
const ESC = '\u001b[31m\u001b]0;owned\u0007\u009b2J\r';

const home = temporary({ fast: true });
const root = `${home.dir}/machine`;
const state = `${home.dir}/state`;
const spec = `${home.dir}/spec.json`;
const TREE = '/etc/nixos';
const GOOD = specOf({ spec: {} });

const env = { PATH: process.env.PATH, HOME: home.dir, TMPDIR: home.dir };
const inside = resident(home.dir, env, PATIENCE);
const given = (words: readonly string[]): readonly string[] => [
  ...words,
  '--root',
  root,
  '--state',
  state,
  '--color',
  'never',
  '--offline',
  '--spec',
  spec,
];

/** Runs a command and returns its output as bytes. */
type Run = (words: readonly string[]) => Promise<Ran>;

/** Starts the real program. */
const started: Run = async (words) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, ...given(words)], {
    encoding: 'latin1',
    timeout: PATIENCE,
    killSignal: 'SIGKILL',
    maxBuffer: 64 << 20,
    cwd: home.dir,
    env,
  });
  return { code: status, out: stdout + stderr };
};

/** Runs the program's command in a process that has run others before. */
const commanded: Run = async (words) => {
  const { code, out } = await inside.run(given(words));
  return { code, out: Buffer.from(out).toString('latin1') };
};

/** Checks what must hold of every run, whatever its input. */
function isSound(words: readonly string[], { code, out }: Ran): void {
  const told = out.slice(0, 1500);
  expect({ words, code: code === null ? 'hangs, or was killed' : KNOWN.includes(code) ? 'known' : code, told }).toEqual(
    {
      words,
      code: 'known',
      told,
    },
  );
  expect(out).not.toMatch(/internal error|^\s+at .*:\d+:\d+/m);
  expect(out.replaceAll('\n', '').match(/[\x00-\x08\x0b-\x1f\x7f]/)?.[0] ?? '').toBe('');
}

const outside = (): Rows =>
  rowsOfDisk(home.dir, [
    '/machine',
    '/state',
    '/spec.json',
    '/resident.mjs',
    '/reflake-cache-0',
    '/reflake-cache-1000',
  ]);

function fresh(): void {
  for (const dir of [root, state]) rmSync(dir, { recursive: true, force: true });
  mkdirSync(root);
  layOut(root, BASES.machines.fresh);
  rmSync(spec, { recursive: true, force: true });
  writeFileSync(spec, GOOD);
}

beforeAll(() => {
  if (!existsSync(PROGRAM)) throw new Error('dist/reflake.cjs is not built: npm run build');
  mkdirSync(`${home.dir}/beside`);
  writeFileSync(`${home.dir}/beside/file`, 'untouched\n');
});
beforeEach(fresh);
afterAll(() => {
  inside.end();
  home.remove();
});

/** Makes something that is no file at a path of this disk. */
const KINDS: Readonly<Record<string, (path: string) => void>> = {
  'a FIFO': (path) => void execFileSync('mkfifo', [path]),
  'a directory': (path) => void mkdirSync(path),
  'a link to /dev/zero': (path) => symlinkSync('/dev/zero', path),
  'a file of 8 TiB': (path) => void execFileSync('truncate', ['-s', '8T', path]),
};

const long = (text: string): string => text.repeat(Math.ceil(10_000_000 / text.length));
const deep = (open: string, close: string, depth = 100_000): string => `${open.repeat(depth)}${close.repeat(depth)}`;

const NIX = `${TREE}/configuration.nix`;
const FLAKE = `${TREE}/flake.nix`;
const LOCK = `${TREE}/flake.lock`;
const CONF = '/etc/nix/nix.conf';

/** Files of the machine (or the spec) that are replaced by a text, by bytes, or by something that is no file. */
const SPEC = 'the spec';
const TEXTS: readonly (readonly [what: string, path: string, text: string | Buffer])[] = [
  ['one line of 10 MB', SPEC, `{"version": 1, "x": "${long('a')}"}`],
  ['nested deep, JSON', SPEC, deep('[', ']')],
  ['nested deep, YAML', SPEC, `version: ${deep('[', ']', 20_000)}`],
  [
    'aliases that multiply',
    SPEC,
    [
      'a: &a [x,x,x,x,x,x,x,x,x]',
      ...'bcdefghij'
        .split('')
        .map((name, at) => `${name}: &${name} [${Array(9).fill(`*${'abcdefghij'[at]}`).join(',')}]`),
    ].join('\n'),
  ],
  [
    'prototype keys',
    SPEC,
    GOOD.replace('{', '{"__proto__": {"config": {"path": "/x"}}, "constructor": {"prototype": 1}, '),
  ],
  ['an input named __proto__', SPEC, GOOD.replace('"inputs":{', '"inputs":{"__proto__":{"url":"path:/x"},')],
  [
    'escapes',
    SPEC,
    GOOD.replace('"nixos-24.05', `"${JSON.stringify(ESC).slice(1, -1)}`).replace(
      '"git"',
      `"${JSON.stringify(ESC).slice(1, -1)}"`,
    ),
  ],
  ['escapes as they are, YAML', SPEC, `version: 1\n${ESC}: 1\nhost: { name: "${ESC}" }\n`],
  ['invalid UTF-8', SPEC, Buffer.from([0x7b, 0xff, 0xfe, 0x22, 0xc0, 0xaf])],
  ['nothing but NUL', SPEC, '\0'.repeat(1000)],
  ['numbers out of range', SPEC, GOOD.replace('"version":1', '"version":1e999')],
  ['a path upwards', SPEC, specOf({ spec: { config: { path: '~/../../../../../x' } } })],
  ['a path that is the root', SPEC, specOf({ spec: { config: { path: '/' } } })],
  ['a path with NUL', SPEC, specOf({ spec: { config: { path: '/a\0b' } } })],
  ['a path of 100,000 parts', SPEC, specOf({ spec: { config: { path: '/a'.repeat(100_000) } } })],
  ['a module upwards', SPEC, specOf({ spec: { config: { modules: ['./../../../../etc/shadow'] } } })],
  ['an owner that is a path', SPEC, specOf({ spec: { config: { owner: '../../root' } } })],
  ['an age beyond all numbers', SPEC, specOf({ spec: { lock: { maxAge: '99999999999999999999999999d' } } })],
  ['patterns that a matcher could choke on', SPEC, specOf({ spec: { lock: { allow: [`${'*a'.repeat(40)}b`] } } })],
  ['an input that is an option', SPEC, specOf({ spec: { inputs: { nixpkgs: '--option' } } })],
  ['an input that runs ssh', SPEC, specOf({ spec: { inputs: { nixpkgs: 'git+ssh://-oProxyCommand=touch%20x/y' } } })],

  ['one line of 10 MB', LOCK, `{"nodes": {"a": "${long('a')}"}}`],
  ['nested deep', LOCK, deep('{"a":', '}').replace('}', '1}')],
  [
    'prototype keys',
    LOCK,
    '{"nodes":{"root":{"inputs":{"__proto__":"__proto__","nixpkgs":"constructor"}},"__proto__":{"locked":{}}},"root":"root","version":7}',
  ],
  [
    'inputs that follow each other',
    LOCK,
    '{"nodes":{"root":{"inputs":{"a":["b"],"b":["a"],"nixpkgs":["nixpkgs"]}}},"root":"root","version":7}',
  ],
  [
    'nodes in a circle',
    LOCK,
    '{"nodes":{"root":{"inputs":{"nixpkgs":"n"}},"n":{"inputs":{"n":"n","r":"root"}}},"root":"root","version":7}',
  ],
  ['a root that is no node', LOCK, '{"nodes":{},"root":"__proto__","version":7}'],
  ['null everywhere', LOCK, '{"nodes":null,"root":null,"version":7}'],
  [
    'escapes',
    LOCK,
    `{"nodes":{"root":{"inputs":{"nixpkgs":"${JSON.stringify(ESC).slice(1, -1)}"}}},"root":"root","version":7} ${ESC}`,
  ],
  ['a version of the future', LOCK, '{"nodes":{},"root":"root","version":1e308}'],

  ['one line of 10 MB', NIX, `{ a = "${long('a')}"; }`],
  ['nested deep in lists', NIX, `{ a = ${deep('[', ']')}; }`],
  ['nested deep in parentheses', NIX, `{ a = ${deep('(', ')')}; }`],
  ['nested deep in sets', NIX, `{ a = ${deep('{ a = ', '; }')}; }`],
  ['nested deep in strings', NIX, `{ a = ${deep('"${', '}"', 20_000)}; }`],
  ['a chain of operators', NIX, `{ a = ${'1 + '.repeat(100_000)}1; }`],
  ['a chain of functions', NIX, `{ a = ${'x: '.repeat(100_000)}1; }`],
  ['a chain of ifs', NIX, `{ a = ${'if a then b else '.repeat(50_000)}1; }`],
  ['opened and never closed', NIX, `{ a = ''${long('${')}`],
  ['escapes', NIX, `{ imports = [ "./${ESC}" ./a${ESC} ]; "${ESC}" = 1; # ${ESC}\n nix.settings."${ESC}" = 1; }`],
  ['a syntax error with escapes', NIX, `{ ${ESC} = ; ]`],
  ['imports of itself', NIX, '{ imports = [ ./configuration.nix ./. ./../nixos/configuration.nix ]; }'],
  ['imports of secrets', NIX, '{ imports = [ ../../../../../../etc/shadow /etc/shadow <nixpkgs> ../../root ]; }'],
  ['imports of FIFOs', NIX, '{ imports = [ ./fifo ./dir-of-fifo /dev/zero ]; }'],
  ['invalid UTF-8', NIX, Buffer.from([0x7b, 0xff, 0x3d, 0xc3, 0x28, 0x7d])],
  ['NUL', NIX, '{ a = 1;\0 }'],

  ['nested deep', FLAKE, `{ inputs = ${deep('{ a = ', '; }')}; outputs = _: { }; }`],
  [
    'escapes',
    FLAKE,
    `{ inputs.nixpkgs.url = "${ESC}"; inputs."${ESC}".url = "x"; outputs = { self, nixpkgs }: { nixosConfigurations."${ESC}" = 1; }; }`,
  ],
  [
    'inputs with names of prototypes',
    FLAKE,
    '{ inputs = { __proto__.url = "path:/x"; constructor.url = "path:/y"; }; outputs = _: { nixosConfigurations.__proto__ = 1; }; }',
  ],
  [
    'inputs that follow themselves',
    FLAKE,
    '{ inputs.nixpkgs.follows = "nixpkgs"; inputs.a.follows = "b/c"; inputs.b.follows = "a/c"; outputs = _: { }; }',
  ],
  ['an input that is a command', FLAKE, '{ inputs.nixpkgs.url = "git+ext::sh -c touch% owned"; outputs = _: { }; }'],

  ['includes of itself', CONF, 'include nix.conf\ninclude /etc/nix/nix.conf\n!include ./nix.conf\n'],
  ['includes of what waits', CONF, 'include /dev/zero\n!include /etc/nixos/fifo\ninclude /etc\n'],
  ['one line of 10 MB', CONF, `experimental-features = ${long('a ')}`],
  ['escapes', CONF, `${ESC} = ${ESC}\nexperimental-features = ${ESC}\ninclude ${ESC}\n`],
  ['invalid UTF-8', CONF, Buffer.from([0xff, 0x3d, 0xc3, 0x28, 0x0a])],
  ['prototype keys', CONF, '__proto__ = x\nextra-__proto__ = y\nconstructor = flakes\n'],

  [
    'an ignore pattern that a matcher could choke on',
    `${TREE}/.gitignore`,
    `${'*a'.repeat(60)}b\n${'**/'.repeat(200)}x\n[${'['.repeat(10_000)}\n`,
  ],
  ['a .git file that leads anywhere', `${TREE}/.git`, `gitdir: /dev/zero\n`],
  ['a .git file that leads out', `${TREE}/.git`, `gitdir: ${'../'.repeat(40)}beside\n`],
  ['a .git file that leads to itself', `${TREE}/.git`, 'gitdir: .git\n'],
  [
    'a git index of a million promised entries',
    `${TREE}/.git/index`,
    Buffer.concat([Buffer.from('DIRC'), Buffer.from([0, 0, 0, 2, 255, 255, 255, 255])]),
  ],
  [
    'a git config that includes itself',
    `${TREE}/.git/config`,
    '[include]\n\tpath = config\n\tpath = /dev/zero\n[core]\n\tworktree = /\n',
  ],
  [
    'a passwd of rubbish',
    '/etc/passwd',
    `${ESC}:x:-1:1e9:\nsrid:x:99999999999999:x:::\n:::::::::\n__proto__:x:0:0::/:/\nsrid:x:1000:100:S:/home/../../../..:/bin/sh\n`,
  ],
  ['a hostname with escapes', '/etc/hostname', `${ESC}\n`],
];

function place(path: string): string {
  const disk = path === SPEC ? spec : root + path;
  mkdirSync(dirname(disk), { recursive: true });
  rmSync(disk, { recursive: true, force: true });
  return disk;
}

/** Runs a look, a write and an undo: each must end soundly, and nothing outside may change. */
async function endures(
  run: Run,
  commands: readonly (readonly string[])[] = [['check'], ['apply', '--yes'], ['rollback', '--yes']],
): Promise<void> {
  const before = outside();
  for (const words of commands) isSound(words, await run(words));
  expect(outside()).toEqual(before);
}

/** Long texts test stack, memory and time, which a new process has for itself alone. */
const isMuch = (text: string | Buffer): boolean => text.length > 10_000;
const firstOf = TEXTS.filter(([, path], at) => TEXTS.findIndex(([, other]) => other === path) === at);

const titled = (path: string): string => (path === SPEC ? SPEC : path);

describe('contents', () => {
  test.each(TEXTS.map((one) => [titled(one[1]), ...one] as const))('%s: %s', async (_title, what, path, text) => {
    execFileSync('mkfifo', [`${root}${TREE}/fifo`]);
    writeFileSync(place(path), text);
    const isFirst = firstOf.some(([one, at]) => one === what && at === path);
    await endures(isMuch(text) || isFirst ? started : commanded, [['apply', '--yes']]);
  });

  test('names with escapes, and one that hides what it is', async () => {
    for (const name of [ESC, '\u202egpj.nix', '-rf', '\n', '%s%n', '$(touch x)', "'; touch x; '"])
      writeFileSync(`${root}${TREE}/${name.replaceAll('/', '_')}`, '{ }\n');
    writeFileSync(Buffer.concat([Buffer.from(`${root}${TREE}/`), Buffer.from([0x80, 0xff, 0x1b])]), '{ }\n');
    await endures(started);
  });
});

describe('things that are no files', () => {
  const PATHS = [
    SPEC,
    LOCK,
    NIX,
    FLAKE,
    CONF,
    `${TREE}/.git`,
    `${TREE}/.git/index`,
    `${TREE}/.git/config`,
    `${TREE}/.gitignore`,
    '/etc/passwd',
    '/etc/group',
    '/etc/hostname',
    '/etc/machine-id',
  ];
  test.each(PATHS.map((path) => [titled(path), path] as const))('%s is something else', async (_title, path) => {
    for (const [at, [kind, make]] of Object.entries(KINDS).entries()) {
      fresh();
      make(place(path));
      const before = outside();
      const words = ['apply', '--yes'];
      const ran = await (at === 0 ? started : commanded)(words);
      isSound([...words, kind], ran);
      expect(outside()).toEqual(before);
    }
  });
});

const DEST = '/home/srid/nixos-config';

describe('saved plans, sealed anew by whoever altered them', () => {
  const file = `${home.dir}/plan.json`;
  // biome-ignore lint/suspicious/noExplicitAny: it is altered in ways that no type allows.
  type Altered = any;

  let whole: string;
  beforeAll(async () => {
    fresh();
    expect((await started(['plan', '--out', file])).code).toBe(0);
    whole = readFileSync(file, 'utf8');
    rmSync(file);
  });

  function altered(change: (plan: Altered) => void): void {
    const plan = JSON.parse(whole) as Altered;
    change(plan);
    const { id: _id, evidence: _evidence, ...rest } = plan;
    writeFileSync(file, JSON.stringify(sealed(rest)));
  }

  /** A step that has edits. */
  const moving = (plan: Altered): Altered => plan.steps.find(({ edits }: Altered) => edits.length > 0);

  /** Gives a plan its ids; something that is no plan has none. */
  function sealed(rest: Altered): Altered {
    try {
      return withIds(rest);
    } catch {
      const id = digestOfJson(rest);
      return { ...rest, id, evidence: id };
    }
  }

  test.each([
    ['the program', started],
    ['the command', commanded],
  ])('a plan that is only sealed anew is carried out by %s', async (_who, run) => {
    altered(() => {});
    const { code, out } = await run(['apply', file, '--yes']);
    expect(code === 0 ? '' : out).toBe('');
  });

  afterEach(() => rmSync(file, { force: true, recursive: true }));

  const evil = (path: string, more: Altered = {}): Altered => ({
    op: 'put',
    path,
    before: { type: 'absent' },
    after: { type: 'file', mode: 0o755, owner: { uid: 0, gid: 0 }, content: digestOf('evil\n'), ...more },
  });
  const EDITS: readonly (readonly [string, Altered])[] = [
    ['upwards', evil('/etc/../../beside/evil')],
    ['upwards from the root', evil('/../beside/evil')],
    ['a dot', evil('/etc/./evil')],
    ['a cron job', evil('/etc/cron.d/evil')],
    ['a file of root', evil('/root/.profile')],
    ['a mode beyond modes', evil(`${DEST}/evil`, { mode: 2 ** 40 })],
    ['a negative mode', evil(`${DEST}/evil`, { mode: -1 })],
    ['no number', evil(`${DEST}/evil`, { mode: 'x' })],
    ['an owner beyond owners', evil(`${DEST}/evil`, { owner: { uid: 2 ** 40, gid: 0 } })],
    ['the owner that means nobody', evil(`${DEST}/evil`, { owner: { uid: 4294967295, gid: 4294967295 } })],
    ['NUL in a name', evil(`${DEST}/a\0b`)],
    ['a name of 10,000 bytes', evil(`${DEST}/${'a'.repeat(10_000)}`)],
    ['content that is not there', evil(`${DEST}/evil`, { content: digestOf('none') })],
    ['content named as a path', evil(`${DEST}/evil`, { content: 'sha256:../../../x' })],
    ['a link with NUL', { ...evil(`${DEST}/l`), after: { type: 'link', target: 'a\0b', owner: { uid: 0, gid: 0 } } }],
    ['a move of everything', { op: 'move', from: '/', to: '/x' }],
    ['a move into itself', { op: 'move', from: '/etc', to: '/etc/nixos/x' }],
    ['a move out', { op: 'move', from: DEST, to: '/../beside/x' }],
    ['an unknown edit', { op: 'run', argv: ['touch', 'x'] }],
    [
      'a system of the attacker',
      {
        op: 'activate',
        mode: 'switch',
        target: { kind: 'system', system: { running: `${home.dir}/evil-system` } },
        as: { name: 'root', uid: 0, gid: 0, home: '/root' },
        before: {},
      },
    ],
    [
      'an installable that is an option',
      {
        op: 'activate',
        mode: 'build',
        target: { kind: 'flake', installable: '--version' },
        as: { name: 'root', uid: 0, gid: 0, home: '/root' },
        before: {},
      },
    ],
  ];

  test.each(EDITS)('an edit more: %s', async (what, edit) => {
    for (const dir of ['/etc/cron.d', '/root']) mkdirSync(root + dir);
    mkdirSync(`${home.dir}/evil-system/bin`, { recursive: true });
    writeFileSync(
      `${home.dir}/evil-system/bin/switch-to-configuration`,
      `#!/bin/sh\necho ran > ${home.dir}/beside/ran\n`,
      { mode: 0o755 },
    );
    altered((plan) => {
      plan.steps[0].edits.push(edit);
      plan.blobs[digestOf('evil\n')] = Buffer.from('evil\n').toString('base64');
    });
    const before = outside();
    const ran = await (edit === EDITS[0]![1] ? started : commanded)(['apply', file, '--yes']);
    isSound(['apply', what], ran);
    expect(outside()).toEqual(before);
    // The spec's wishes are about the configuration and nix.conf; a plan that writes elsewhere is forged.
    for (const path of ['/etc/cron.d/evil', '/root/.profile', '/etc/evil', '/x', '/evil', '/beside'])
      expect(`${path}: ${existsSync(root + path)}`).toBe(`${path}: false`);
    rmSync(`${home.dir}/evil-system`, { recursive: true });
  });

  test.each<readonly [string, (plan: Altered) => void]>([
    [
      'prototype keys',
      (plan) => {
        plan.steps[0].edits.push(JSON.parse('{"__proto__": {"op": "put"}, "op": "move"}'));
      },
    ],
    [
      'steps that are none',
      (plan) => {
        plan.steps = [null, 1, 'x', []];
      },
    ],
    [
      'escapes in what people read',
      (plan) => {
        for (const step of plan.steps)
          for (const one of step.findings) Object.assign(one, { subject: ESC, because: ESC, from: ESC, to: ESC });
      },
    ],
    [
      'escapes in problems',
      (plan) => {
        plan.steps[0].findings.push({
          code: 'RF2029',
          wish: '/features',
          subject: ESC,
          because: ESC,
          remedy: { by: 'paste', hint: ESC, snippet: `${ESC}\n${ESC}` },
          evidence: [{ saw: ESC }],
        });
      },
    ],
    [
      'a blob of other bytes',
      (plan) => {
        for (const digest of Object.keys(plan.blobs)) plan.blobs[digest] = 'ZXZpbA==';
      },
    ],
    [
      'a reading upwards',
      (plan) => {
        plan.readSet.push({ path: '/../../etc/shadow', saw: 'content', digest: digestOf('x') });
      },
    ],
    [
      'a hundred thousand edits',
      (plan) => {
        for (let n = 0; n < 100_000; n++) plan.steps[0].edits.push(moving(plan).edits[0]);
      },
    ],
  ])('%s', async (what, change) => {
    altered(change);
    const before = outside();
    const run = isMuch(readFileSync(file)) ? started : commanded;
    isSound(['show', what], await run(['show', file]));
    isSound(['apply', what], await run(['apply', file, '--yes']));
    expect(outside()).toEqual(before);
  });

  test('nested deep, one line of 10 MB, and things that are no files', async () => {
    for (const text of [deep('[', ']'), deep('{"a":', '}'), `{"version":1,"x":"${long('a')}"}`]) {
      writeFileSync(file, text);
      isSound(['apply'], await started(['apply', file, '--yes']));
    }
    for (const [kind, make] of Object.entries(KINDS)) {
      rmSync(file, { recursive: true, force: true });
      make(file);
      isSound(['apply', kind], await started(['apply', file, '--yes']));
    }
  });
});

describe('the journal and the history', () => {
  const COMMANDS = [['recover'], ['history'], ['rollback', '--yes']] as const;
  const record = (value: unknown): string => {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    return `RFJ1 ${digestOf(text)} ${Buffer.byteLength(text)}\n${text}`;
  };
  const WHOLE = {
    tx: 'cafe',
    kind: 'apply',
    plan: digestOf('x'),
    host: { name: ESC, system: ESC, machineId: '' },
    undoes: [],
    startedAt: ESC,
    by: ESC,
    entries: [{ type: 'absent' }, { type: 'dir', mode: 0o755, owner: { uid: 0, gid: 0 } }],
  };
  const put = (path: string, before: unknown = 0, after: unknown = 1): unknown => ({
    ...WHOLE,
    batches: [[{ op: 'put', path, before, after }]],
  });

  const RECORDS: readonly (readonly [string, string])[] = [
    ['nothing', ''],
    ['an empty object', record({})],
    ['null', record('null')],
    ['no JSON', record('{')],
    ['nested deep', record(deep('[', ']'))],
    ['10 MB', record(`"${long('a')}"`)],
    ['no batches', record({ ...WHOLE, batches: null })],
    ['an unknown edit', record({ ...WHOLE, batches: [[{ op: 'x' }]] })],
    ['a name that leads elsewhere', record({ ...WHOLE, tx: '../../beside', batches: [] })],
    ['no table of entries', record({ ...(put('/a') as object), entries: null })],
    ['an entry that is none', record({ ...(put('/a') as object), entries: [0, null] })],
    ['an entry out of the table', record(put('/a', 0, 2))],
    ['an entry by name', record(put('/a', 'length', '__proto__'))],
    ['an entry in its place', record(put('/a', { type: 'absent' }, { type: 'absent' }))],
    ['a path upwards', record(put('/../../beside'))],
    ['a relative path', record(put('etc'))],
    ['a path with NUL', record(put('/a\0b'))],
    ['undoes what is not there', record({ ...WHOLE, kind: 'rollback', undoes: [1, -1, 1e9, 'x'], batches: [[]] })],
    ['a length that lies', `RFJ1 ${digestOf('{}')} 99999999999\n{}`],
    ['a later version', `RFJ2 ${digestOf('{}')} 2\n{}`],
  ];

  test.each(RECORDS)('%s', async (what, text) => {
    const before = outside();
    const isForProgram = isMuch(text) || what === RECORDS[0]![0];
    for (const name of ['journal', 'history/1']) {
      fresh();
      mkdirSync(`${state}/${name}`, { recursive: true, mode: 0o700 });
      writeFileSync(`${state}/${name}/begin`, text);
      writeFileSync(`${state}/${name}/progress`, record({ batch: 0, activating: false }));
      const run = isForProgram && name === 'journal' ? started : commanded;
      for (const words of COMMANDS) isSound([name, ...words], await run(words));
    }
    expect(outside()).toEqual(before);
  });

  test.each([
    'journal',
    'journal/begin',
    'journal/progress',
    'history',
    'history/1',
    'history/1/begin',
    'lock',
    'draft',
  ])('%s is something else', async (name) => {
    const before = outside();
    for (const [at, [kind, make]] of Object.entries(KINDS).entries()) {
      fresh();
      mkdirSync(dirname(`${state}/${name}`), { recursive: true, mode: 0o700 });
      make(`${state}/${name}`);
      for (const words of [['recover'], ['history']])
        isSound([name, kind, ...words], await (at === 0 ? started : commanded)(words));
    }
    expect(outside()).toEqual(before);
  });
});
