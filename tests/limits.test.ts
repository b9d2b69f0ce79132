// Inputs above every limit, through the real program: too long, too deep, too large, too many, and impossible ids and
// paths. Each ends with words and a code, or works; never with an internal error. bench/ has the times.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { BASES, specOf } from './support/plan-cases.ts';
import { layOut } from './support/trees.ts';

const PROGRAM = fileURLToPath(new URL('../dist/reflake.cjs', import.meta.url));
const home = mkdtempSync(`${tmpdir()}/reflake-limits-`);
const root = `${home}/machine`;
const state = `${home}/state`;
const spec = `${home}/spec.json`;
const TREE = `${root}/home/srid/nixos-config`;
const OLD = `${root}/etc/nixos`;

interface Ran {
  readonly code: number | null;
  readonly out: string;
}

const shell = (script: string): string => execFileSync('bash', ['-euc', script], { encoding: 'latin1', stdio: 'pipe' });
const write = (file: string, text: string): void => {
  writeFileSync(file, text);
  execFileSync('chown', ['1000:100', file]);
};

function reflake(words: readonly string[], before: readonly string[] = [], env = {}): Ran {
  const where = words.includes('--spec') ? [] : ['--spec', spec];
  const argv = [...before, process.execPath, PROGRAM, ...words, '--root', root, ...where, '--offline'];
  const { status, stdout, stderr } = spawnSync(argv[0]!, argv.slice(1), {
    encoding: 'latin1',
    timeout: 60_000,
    killSignal: 'SIGKILL',
    env: { PATH: process.env.PATH, HOME: home, TMPDIR: home, ...env },
  });
  return { code: status, out: stdout + stderr };
}

const machine = (base: 'fresh' | 'settled', patch: unknown = {}): void => {
  layOut(root, BASES.machines[base]);
  writeFileSync(spec, specOf({ spec: patch }));
};

/** Checks that it ended by itself, with these words, and not with a bug. */
function isTold({ code, out }: Ran, says: RegExp): void {
  expect({ code: typeof code, out }).toEqual({ code: 'number', out });
  expect(out).not.toMatch(/internal error|^\s+at .*:\d+:\d+/m);
  expect(out).toMatch(says);
}

beforeAll(() => {
  if (!existsSync(PROGRAM)) throw new Error('dist/reflake.cjs is not built: npm run build');
});
beforeEach(() => mkdirSync(root));
// Node's rm fails at paths that are longer than the kernel takes.
afterEach(() => void spawnSync('rm', ['-rf', '--one-file-system', root, state]));
afterAll(() => void spawnSync('rm', ['-rf', '--one-file-system', home]));

const deep = (count: number, name = 'd'): string => Array(count).fill(name).join('/');
const CHECK = ['check', '--state', state];

describe('paths that no file can have', () => {
  const WISHES: readonly (readonly [string, unknown, RegExp])[] = [
    ['a module of 8,000 names', { config: { modules: [`./${deep(8000)}/x.nix`] } }, /RF1005/],
    ['a place of 2,000 names', { config: { path: `/${deep(2000)}` } }, /too deep.*RF1005/],
    ['a place whose name is too long', { config: { path: `/${'a'.repeat(256)}` } }, /no directory can have.*RF1005/],
    ['an old place of 2,000 names', { config: { from: `/${deep(2000)}` } }, /too deep.*RF1005/],
  ];
  test.each(WISHES)('%s', (_what, patch, says) => {
    machine('settled', patch);
    isTold(reflake(CHECK), says);
  });

  const git = `git init -q ${TREE}`;
  const FILES: readonly (readonly [string, string, RegExp])[] = [
    ['a gitdir with NUL', `printf 'gitdir: /x\\0y\\n' > ${TREE}/.git`, /\.git" cannot be read: it names .*RF2005/],
    ['a gitdir of 8,000 names', `echo 'gitdir: ./${deep(8000)}' > ${TREE}/.git`, /no file can have.*RF2005/],
    ['a commondir with NUL', `${git}; printf 'a\\0b\\n' > ${TREE}/.git/commondir`, /commondir.*RF2005/],
    ['a commondir of 8,000 names', `${git}; echo '${deep(8000)}' > ${TREE}/.git/commondir`, /commondir.*RF2005/],
    ['an include with NUL', `printf 'include /a\\0b\\n' >> ${root}/etc/nix/nix.conf`, /nix\.conf:2:1: error: .*RF2011/],
    ['an include of 8,000 names', `echo 'include /${deep(8000)}' >> ${root}/etc/nix/nix.conf`, /no file can.*RF2011/],
    ['a relative home', `sed -i 's|:/home/srid:|:home/srid:|' ${root}/etc/passwd`, /home of "srid".*RF2001/],
    ['a home of 8,000 names', `sed -i 's|:/home/srid:|:/${deep(8000)}:|' ${root}/etc/passwd`, /home of "srid".*RF2001/],
  ];
  test.each(FILES)('%s', (_what, by, says) => {
    machine('settled', { git: 'track' });
    shell(by);
    isTold(reflake(CHECK), says);
  });

  test('in a module, what only looks like a path is none', () => {
    machine('settled');
    const key = `ssh-rsa AAAA${'B'.repeat(300)}/${'c'.repeat(300)}`;
    write(`${TREE}/hardware-configuration.nix`, `{ a = "${key}"; imports = [ ]; } # ./${deep(8000)}/x.nix\n`);
    isTold(reflake(CHECK), /^No changes/m);
  });

  test('a tree deeper than the kernel takes', () => {
    machine('fresh');
    shell(`cd ${OLD}; perl -e 'for (1 .. 3000) { mkdir q(ddd); chdir q(ddd) }'`);
    isTold(reflake(CHECK), /longer than the 4095 bytes.*RF2005/);
  });
});

describe('ids that nobody can have', () => {
  test.each(['4294967295:100', '4294967296:100', '100:4294967295', '99999999999999999999:1'])('owner %s', (owner) => {
    machine('settled', { config: { owner } });
    isTold(reflake(CHECK), /:\d+:\d+: error: .*not the id of a user or group.*RF1005/);
  });

  test('the largest one', () => {
    machine('fresh', { config: { owner: '4294967294:4294967294', path: '/srv/config' } });
    isTold(reflake(CHECK), /owner .*4294967294:4294967294/);
  });

  test.each(['4294967295:100', '4294967296:100', '1000:4294967295', 'x:100', '-1:100'])('in passwd: %s', (ids) => {
    machine('settled');
    shell(`sed -i 's|:1000:100:|:${ids}:|' ${root}/etc/passwd`);
    isTold(reflake(CHECK), /"srid" cannot be used: \/etc\/passwd:2: its id .*RF2001/);
  });

  test.each(['4294967295', '-1', 'x', ''.padEnd(400, '9')])('SUDO_UID %s', (id) => {
    machine('settled');
    isTold(reflake(CHECK, [], { SUDO_UID: id, SUDO_GID: '100', SUDO_USER: 'srid' }), /SUDO_UID/);
  });
});

describe('files of 900 MB, all holes', () => {
  const IN_TREE = ['configuration.nix', 'flake.nix', 'flake.lock'];
  const OF_GIT = ['.gitignore', '.git/config', '.git/index', '.git/commondir', '.git/info/exclude'];
  const OF_MACHINE = ['passwd', 'group', 'hostname', 'machine-id', 'nix/nix.conf'].map((name) => `${root}/etc/${name}`);
  test.each([...[...IN_TREE, ...OF_GIT].map((name) => `${TREE}/${name}`), ...OF_MACHINE])('%s', (file) => {
    machine('settled', { git: 'track' });
    shell(`git init -q ${TREE}; rm -f ${file}; truncate -s 900M ${file}; chown -R 1000:100 ${TREE}`);
    isTold(reflake(CHECK), /cannot be read: it has 943718400 bytes.*RF2005/);
  });
});

describe('depth and number', () => {
  const FLAKES: readonly (readonly [string, string, RegExp])[] = [
    ['names in an attribute path', `{ ${'a.'.repeat(100_000)}a = 1; outputs = x: { }; }`, /path is too long.*RF2006/],
    [
      'inputs of inputs',
      `{ inputs.a.${'inputs.a.'.repeat(100_000)}follows = ""; outputs = x: { }; }`,
      /too long.*RF2006/,
    ],
    ['parts of outputs', `{ outputs = x: ${'{ } // '.repeat(50_000)}{ }; }`, /RF2029/],
    ['lets', `{ outputs = x: ${'let in '.repeat(100_000)}1; }`, /nested too deeply.*RF2006/],
  ];
  test.each(FLAKES)('%s', (_what, text, says) => {
    machine('settled');
    write(`${TREE}/flake.nix`, `${text}\n`);
    isTold(reflake(CHECK), says);
  });

  test('a lock of 200,000 levels', () => {
    machine('settled');
    write(`${TREE}/flake.lock`, '{"a":'.repeat(200_000));
    isTold(reflake(CHECK), /RF2012/);
  });

  test('2,000 inputs that the flake lacks', () => {
    const inputs = Object.fromEntries(Array.from({ length: 2000 }, (_, at) => [`i${at}`, `github:o/r${at}`]));
    machine('settled', { inputs });
    isTold(reflake(CHECK), /inputs\.i1999\.url/);
  });

  test('1,000 follows of inputs that are not there', () => {
    const wish = { url: 'github:a/b', follows: { a: 'none' } };
    machine('settled', { inputs: Object.fromEntries(Array.from({ length: 1000 }, (_, at) => [`i${at}`, wish])) });
    isTold(reflake(CHECK), /follows names no input.*RF1009/);
  });

  test('a nix.conf that includes itself in a circle, and one of 5,000 files', () => {
    machine('settled');
    shell(`cd ${root}/etc/nix; echo 'include nix.conf' >> nix.conf`);
    isTold(reflake(CHECK), /includes itself.*RF2011/);
    shell(
      `cd ${root}/etc/nix; for at in $(seq 5000); do echo "include c$((at + 1))" > c$at; done; echo 'include c1' > nix.conf`,
    );
    isTold(reflake(CHECK), /more than 1000 included files.*RF2011/);
  });
});

test('no thread can be started: nothing is written', () => {
  machine('fresh');
  isTold(reflake(['apply', '--yes', '--state', state], ['prlimit', '--nofile=20:20', '--']), /too many files are open/);
  expect(existsSync(state)).toBe(false);
});

describe('state in the way of an apply', () => {
  const apply = (...more: string[]): Ran => reflake(['apply', '--yes', ...more]);

  test.each(['etc/nixos/state', 'etc/nixos', 'link/state', 'etc/nix/../nixos/state'])('--state %s', (where) => {
    machine('fresh');
    shell(`ln -s etc/nixos ${root}/link`);
    isTold(apply('--state', `${root}/${where}`), /lies in config\.from "\/etc\/nixos".*RF3015/);
    expect(shell(`ls -A ${OLD}`)).toBe('configuration.nix\nflake.lock\nhardware-configuration.nix\n');
  });

  test('through a bind mount', () => {
    machine('fresh');
    shell(`mkdir ${root}/bind; mount --bind ${OLD} ${root}/bind`);
    try {
      isTold(apply('--state', `${root}/bind/state`), /lies in config\.from.*RF3015/);
    } finally {
      shell(`umount ${root}/bind`);
    }
  });

  test('the configuration in the state, and what is set aside in what is moved', () => {
    machine('fresh', { config: { path: '/var/lib/reflake/config' } });
    isTold(apply(), /config\.path .* lies in the state directory.*RF3015/);
    shell(`mkdir -p ${root}/var/lib/other`);
    writeFileSync(spec, specOf({ spec: { config: { path: '/config', from: '/var/lib' } } }));
    isTold(apply('--state', state), /holds "\/var\/lib\/reflake\/set-aside".*RF3015/);
  });

  test('a plan that is saved in the tree that is moved can be applied, and a spec there is told to have moved', () => {
    machine('fresh');
    const [inTree, plan] = [`${OLD}/reflake.json`, `${OLD}/plan.json`];
    shell(`cp ${spec} ${inTree}`);
    const there = ['--state', state, '--spec', inTree];
    expect(reflake(['plan', '--out', plan, ...there]).code).toBe(0);
    const { code, out } = reflake(['apply', '--yes', plan, ...there]);
    expect({ code, out }).toEqual({ code: 0, out });
    expect(out).toMatch(/the spec was moved along: it is ".*\/home\/srid\/nixos-config\/reflake\.json" now.*RF3022/);
  });
});
