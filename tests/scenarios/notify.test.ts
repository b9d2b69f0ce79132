// check --notify-state through the real program: what is new, changed and gone is told once, nothing where nothing changed; the
// record holds names alone, and one that can't be used is left as it is.

import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { BASES } from '../support/plan-cases.ts';
import { layOut, rowsOfDisk, temporary } from '../support/trees.ts';

const PROGRAM = fileURLToPath(new URL('../../dist/reflake.cjs', import.meta.url));
const DIR = '/home/srid/nixos-config';
const SETTLED = `version: 1
host: { name: nixos, system: x86_64-linux }
config: { path: ${DIR}, owner: srid, modules: [./configuration.nix] }
inputs: { nixpkgs: github:NixOS/nixpkgs/nixos-24.05 }
features: [nix-command, flakes]
`;
const DRIFTED = SETTLED.replace('flakes]', 'flakes, ca-derivations]');
const OTHER = SETTLED.replace('flakes]', 'flakes, recursive-nix]');
const BROKEN = '{ outputs = ';

let dir: string;
let remove: () => void;
let settledFlake: string;
beforeEach(() => {
  ({ dir, remove } = temporary());
  chmodSync(dir, 0o755);
  mkdirSync(`${dir}/machine`);
  layOut(`${dir}/machine`, BASES.machines.settled);
  settledFlake = readFileSync(`${dir}/machine${DIR}/flake.nix`, 'utf8');
  spec(SETTLED);
});
afterEach(() => remove());

const spec = (text: string): void => writeFileSync(`${dir}/reflake.yaml`, text);
const flake = (text: string): void => writeFileSync(`${dir}/machine${DIR}/flake.nix`, text);
const record = (): Readonly<Record<string, unknown>> => JSON.parse(readFileSync(`${dir}/record`, 'utf8'));

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}
function check(...words: readonly string[]): Ran {
  const argv = [PROGRAM, 'check', ...words, '--root', `${dir}/machine`, '--evaluate', 'never'];
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, { cwd: dir, encoding: 'utf8' });
  return { code: status, out: stdout, err: stderr };
}
const news = (...words: readonly string[]): Ran => check('--notify-state', 'record', ...words);
const SILENT = { out: '', err: '' };

describe('what is told', () => {
  test('the first check tells all, the next nothing; what is new, changed or gone once', () => {
    const machine = rowsOfDisk(`${dir}/machine`);
    expect(news()).toEqual({ code: 0, ...SILENT });
    spec(DRIFTED);
    const first = news();
    expect(first).toEqual({
      code: 2,
      out: expect.stringMatching(/^new {6}.*ca-derivations.* \[RF2\d{3}\] \S/),
      err: '',
    });
    expect(first.out).toMatch(/^reflake\.yaml: 1 new \(since \d{4}-.*Z\)$/m);
    expect(news()).toEqual({ code: 2, ...SILENT });
    spec(OTHER);
    expect(news()).toEqual({ code: 2, out: expect.stringMatching(/^changed {2}.*recursive-nix/), err: '' });
    expect(news('-q')).toEqual({ code: 2, ...SILENT });
    spec(SETTLED);
    expect(news()).toEqual({
      code: 0,
      out: expect.stringMatching(/^gone {5}.*features holds \(found since /),
      err: '',
    });
    expect(news()).toEqual({ code: 0, ...SILENT });
    expect(rowsOfDisk(`${dir}/machine`)).toEqual(machine);
  });

  test('-q says one line, json the event beside the whole plan', () => {
    spec(DRIFTED);
    expect(news('-q')).toEqual({ code: 2, out: 'reflake.yaml: 1 new (first check)\n', err: '' });
    spec(OTHER);
    const types = news('--format', 'json')
      .out.trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(types.map(({ type }) => type)).toEqual(expect.arrayContaining(['planned', 'news', 'ended']));
    expect(types.find(({ type }) => type === 'news')).toMatchObject({
      fresh: [],
      gone: [],
      same: 0,
      drifts: 2,
      changed: [{ was: { told: true, firstSeen: expect.any(String) }, finding: { wish: '/features' } }],
    });
  });

  test('what is acknowledged is gone, and says so', () => {
    spec(DRIFTED);
    const { out } = check('-v');
    const { err } = check('-v');
    const id = /sha256:[0-9a-f]{64}/.exec(out + err)?.[0];
    news();
    spec(`${DRIFTED}ack: [{ finding: "${id}", reason: pinned }]\n`);
    expect(news()).toEqual({ code: 0, out: expect.stringMatching(/features is acknowledged/), err: '' });
  });

  test('where something bars the look, nobody says that the rest is gone; when it is seen again it is not new', () => {
    spec(DRIFTED.replace('nixos-24.05', 'nixos-24.11'));
    expect(news('-q').out).toMatch(/^reflake\.yaml: \d new/);
    flake(BROKEN);
    const barred = news();
    expect(barred).toMatchObject({ code: 1, err: '' });
    expect(barred.out).toMatch(/^new {6}/);
    expect(barred.out).not.toMatch(/inputs\.nixpkgs.* holds/);
    expect(news()).toEqual({ code: 1, ...SILENT });
    flake(settledFlake);
    const after = news();
    expect(after.code).toBe(2);
    expect(after.out).not.toMatch(/^new /m);
    expect(after.out).toMatch(/^gone {5}/);
  });
});

describe('--after', () => {
  test('so many drifts in a row, then exit 2 and the news; a check in sync begins anew', () => {
    spec(DRIFTED);
    expect(news('--after', '3')).toEqual({ code: 0, ...SILENT });
    expect(news('--after', '3')).toEqual({ code: 0, ...SILENT });
    spec(SETTLED);
    expect(news('--after', '3')).toEqual({ code: 0, ...SILENT });
    spec(DRIFTED);
    expect(news('--after', '3', '-v')).toMatchObject({ code: 0, out: expect.stringMatching(/1 held back: drift 1 /) });
    expect(news('--after', '3')).toEqual({ code: 0, ...SILENT });
    expect(news('--after', '3')).toEqual({ code: 2, out: expect.stringMatching(/^new /), err: '' });
    expect(news('--after', '3')).toEqual({ code: 2, ...SILENT });
  });

  test('a check that came to no answer neither counts nor ends the row', () => {
    spec(DRIFTED);
    expect(news('--after', '2').code).toBe(0);
    spec('version: 1\n');
    expect(news('--after', '2')).toMatchObject({ code: 65, err: expect.stringMatching(/RF1004/) });
    spec(DRIFTED);
    expect(news('--after', '2').code).toBe(2);
  });

  test.each([
    [['--after', '2'], /--after counts in the record of --notify-state/],
    [['--notify-state', 'record', '--after', '0'], /no number of drifts/],
    [['--notify-state', 'record', '--after', 'often'], /no number of drifts/],
    [['--notify-state', 'record', '--format', 'json=record'], /would both be written/],
  ])('%j is a usage error, and nothing is written', (words, said) => {
    expect(check(...words)).toMatchObject({ code: 64, err: expect.stringMatching(said) });
    expect(existsSync(`${dir}/record`)).toBe(false);
  });
});

describe('the record', () => {
  test('has names, times and no values; no other file is left', () => {
    spec(DRIFTED);
    writeFileSync(
      `${dir}/machine/etc/nix/nix.conf`,
      'access-tokens = github.com=ghp_0123456789abcdefghijABCDEFGHIJ012345\n',
    );
    expect(news().code).toBe(2);
    expect(record()).toMatchObject({ reflake: 'record of checks', version: 1, of: 'nixos', drifts: 1 });
    expect(readFileSync(`${dir}/record`, 'utf8')).not.toMatch(/ghp_|ca-derivations/);
    expect(readdirSync(dir).sort()).toEqual(['machine', 'record', 'reflake.yaml']);
  });

  test.each([
    ['of a newer version', '{ "reflake": "record of checks", "version": 2 }', /a newer reflake wrote it \(version 2/],
    ['that is none', 'hello', /it is no record of checks/],
    ['that is damaged', '{ "reflake": "record of checks", "version": 1, "of": 3 }', /its content is damaged/],
  ])('one %s is said and left alone, and everything is told', (_what, text, said) => {
    spec(DRIFTED);
    writeFileSync(`${dir}/record`, text);
    const ran = news();
    expect(ran).toMatchObject({ code: 1, err: expect.stringMatching(said) });
    expect([ran.out, ran.err]).toEqual([expect.stringMatching(/^change /), expect.stringMatching(/RF3035/)]);
    expect(readFileSync(`${dir}/record`, 'utf8')).toBe(text);
  });

  test('one of another check, a directory, and a place that nobody can write', () => {
    expect(news().code).toBe(0);
    const before = readFileSync(`${dir}/record`, 'utf8');
    expect(news('--only', 'features')).toMatchObject({
      code: 1,
      err: expect.stringMatching(/of another check: nixos.*RF3035/),
    });
    expect(readFileSync(`${dir}/record`, 'utf8')).toBe(before);
    expect(check('--notify-state', 'machine')).toMatchObject({ code: 1, err: expect.stringMatching(/RF3035/) });
    expect(check('--notify-state', 'none/record')).toMatchObject({
      code: 1,
      err: expect.stringMatching(/cannot be written.*RF3035/),
    });
  });

  test('metrics say when a check last came to an answer, though the last one failed', () => {
    expect(news('--format', 'prometheus').out).toMatch(/^reflake_last_success_timestamp_seconds\{host="nixos"\} \d+/m);
    const known = Date.parse(String(record().lastSuccess)) / 1000;
    spec('version: 1\n');
    const failed = news('--format', 'prometheus');
    expect(failed.code).toBe(65);
    expect(failed.out).toContain(`\nreflake_last_success_timestamp_seconds ${known}\n`);
    expect(check('--format', 'prometheus').out).not.toContain('reflake_last_success');
  });
});
