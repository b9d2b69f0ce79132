// The formats for other programs, through the program itself: a check with drift, one in sync, one undecided, one blocked, one of a
// spec that is wrong, one with something acknowledged; each read by what reads it, or by the schema of that.

import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Ajv } from 'ajv';
import type { Log } from 'sarif';
import type { Issue } from '../../../cmd/report/formats/code-quality.ts';
import type { Item } from '../../../cmd/report/formats/item.ts';
import { COMMENT, markdownOf, SUMMARY } from '../../../cmd/report/formats/markdown.ts';
import type { Report } from '../../../cmd/report/formats/report.ts';
import { sarifOf } from '../../../cmd/report/formats/sarif.ts';
import { BASES, specOf } from '../../support/plan-cases.ts';
import { layOut, temporary } from '../../support/trees.ts';

const PROGRAM = fileURLToPath(new URL('../../../dist/reflake.cjs', import.meta.url));
const SCHEMAS = fileURLToPath(new URL('../../fixtures/schemas/', import.meta.url));
const FLAKE = '/home/srid/nixos-config/flake.nix';
const FORMATS = ['github', 'sarif', 'markdown', 'summary', 'junit', 'code-quality', 'html', 'prometheus'] as const;
type Format = (typeof FORMATS)[number];

/** What is changed of the settled machine, the spec, and how the check ends. */
interface State {
  readonly machine?: Readonly<Record<string, (text: string) => string>>;
  readonly spec?: string;
  readonly words?: readonly string[];
  readonly exit: number;
}
const undecided = (flake: string): string =>
  flake.replace(/nixosConfigurations\.nixos = [^;]*;\n[^;]*;\n\s*};/, 'nixosConfigurations = nixpkgs.hosts;');
const without = (): string => '';
const STATES: Record<string, State> = {
  'in sync': { exit: 0 },
  drift: { machine: { '/etc/nix/nix.conf': without }, exit: 2 },
  undecided: { machine: { [FLAKE]: undecided }, exit: 0 },
  strict: { machine: { [FLAKE]: undecided }, words: ['--strict'], exit: 2 },
  blocked: { machine: { [FLAKE]: () => '{ outputs = ' }, exit: 1 },
  'a wrong spec': { spec: '{ "version": 1,\n  "x%,:": 2 }', exit: 65 },
  acknowledged: { machine: { '/etc/nix/nix.conf': without }, exit: 0 },
};

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}
function reflake(cwd: string, ...words: readonly string[]): Ran {
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, ...words], {
    cwd,
    encoding: 'utf8',
    env: { PATH: process.env.PATH, HOME: '/root' },
  });
  return { code: status, out: stdout, err: stderr };
}

let top: string;
let remove: () => void;
const dirs = new Map<string, string>();
const told = new Map<string, string>();
beforeAll(() => {
  ({ dir: top, remove } = temporary());
  chmodSync(top, 0o755);
  for (const [name, { machine, spec, words = [], exit }] of Object.entries(STATES)) {
    const dir = `${top}/${dirs.size}`;
    dirs.set(name, dir);
    mkdirSync(`${dir}/machine`, { recursive: true });
    layOut(`${dir}/machine`, BASES.machines.settled);
    for (const [path, changed] of Object.entries(machine ?? {})) {
      const file = `${dir}/machine${path}`;
      writeFileSync(file, changed(readFileSync(file, 'utf8')));
    }
    writeFileSync(`${dir}/reflake.json`, spec ?? specOf({}));
    const check = ['check', '--root', 'machine', '--spec', 'reflake.json', ...words];
    if (name === 'acknowledged') {
      const planned = reflake(dir, ...check, '--format', 'json').out.split('\n');
      const { plan } = JSON.parse(planned.find((line) => line.includes('"planned"'))!);
      const { id } = plan.steps.flatMap(({ findings }: { findings: { id?: string }[] }) => findings)[0];
      const ack = [{ finding: id, reason: 'a vendor <b>@pins</b> "it" | & so' }];
      writeFileSync(`${dir}/reflake.json`, specOf({ spec: { ack } }));
    }
    const ran = reflake(dir, ...check, ...FORMATS.flatMap((format) => ['--format', `${format}=out.${format}`]));
    expect([name, ran.code, ran.err.includes('internal')]).toEqual([name, exit, false]);
    for (const format of FORMATS) told.set(`${name} ${format}`, readFileSync(`${dir}/out.${format}`, 'utf8'));
  }
});
afterAll(() => remove());
const of = (state: string, format: Format): string => told.get(`${state} ${format}`)!;
const NAMES = Object.keys(STATES);
const runOf = (state: string): Log['runs'][number] => (JSON.parse(of(state, 'sarif')) as Log).runs[0]!;

describe('SARIF', () => {
  const ajv = new Ajv({ strict: false, validateFormats: false, unicodeRegExp: false });
  const { $schema: _draft4, id: _id, ...schema } = JSON.parse(readFileSync(`${SCHEMAS}sarif-2.1.0.json`, 'utf8'));
  const isSarif = ajv.compile(schema);

  test.each(NAMES)('%s: the official schema', (name) => {
    const log = JSON.parse(of(name, 'sarif'));
    expect([isSarif(log), isSarif.errors]).toEqual([true, null]);
    expect(isSarif({ ...log, version: '2.0.0' })).toBe(false);
    for (const { locations = [] } of runOf(name).results ?? [])
      for (const { physicalLocation } of locations)
        expect(physicalLocation?.artifactLocation?.uri).toMatch(/^(?!\/|\.\.)[^:]+$/);
  });

  test('what it tells', () => {
    expect(runOf('drift').results).toMatchObject([
      {
        ruleId: expect.stringMatching(/^RF2/),
        level: 'error',
        partialFingerprints: { 'reflakeFinding/v1': expect.stringMatching(/^[0-9a-f]{64}$/) },
        locations: [{ physicalLocation: { artifactLocation: { uri: 'reflake.json' }, region: { startLine: 1 } } }],
      },
    ]);
    expect(runOf('in sync').results).toEqual([]);
    expect(new Set(runOf('undecided').results?.map(({ level }) => level))).toEqual(new Set(['warning', 'note']));
    expect(new Set(runOf('strict').results?.map(({ level }) => level))).toEqual(new Set(['error', 'note']));
    expect(runOf('blocked').invocations).toMatchObject([{ executionSuccessful: false, exitCode: 1 }]);
    expect(runOf('blocked').results?.[0]).toMatchObject({
      locations: [{ physicalLocation: { artifactLocation: { uri: 'flake.nix' }, region: { startLine: 1 } } }],
    });
    expect(runOf('acknowledged').results).toEqual([]);
    expect(runOf('acknowledged').properties).toMatchObject({ wishes: { acknowledged: 1, differ: 0 } });
  });

  test('a finding has the same fingerprint on another day', () => {
    const again = reflake(dirs.get('drift')!, ...'check --root machine --spec reflake.json --format sarif'.split(' '));
    expect((JSON.parse(again.out) as Log).runs[0]!.results).toEqual(runOf('drift').results);
  });
});

describe('JUnit', () => {
  test.each(NAMES)('%s: the schema of Jenkins', (name) => {
    const words = ['--noout', '--nonet', '--schema', `${SCHEMAS}jenkins-junit.xsd`, '-'];
    const ran = spawnSync('xmllint', words, { input: of(name, 'junit'), encoding: 'utf8' });
    expect([ran.status, ran.stderr]).toEqual([0, '- validates\n']);
    const wrong = spawnSync('xmllint', words, { input: of(name, 'junit').replace('<testsuite ', '<x ') });
    expect(wrong.status).not.toBe(0);
  });

  test('what it tells', () => {
    const counts = (state: string): string => /tests="\d+" failures="\d+" errors="\d+"/.exec(of(state, 'junit'))![0];
    expect(counts('in sync')).toMatch(/failures="0" errors="0"/);
    expect(of('in sync', 'junit')).not.toContain('<skipped>');
    expect(counts('drift')).toMatch(/failures="1" errors="0"/);
    expect(counts('undecided')).toMatch(/failures="0" errors="0"/);
    expect(of('undecided', 'junit')).toContain('<skipped>');
    expect(counts('strict')).toMatch(/failures="2" errors="0"/);
    expect(counts('blocked')).toMatch(/errors="[1-9]/);
    expect(counts('a wrong spec')).toMatch(/errors="[1-9]/);
    expect(of('acknowledged', 'junit')).toContain('<skipped>acknowledged: ');
  });
});

describe('GitLab Code Quality', () => {
  // As GitLab documents it: docs, ci/testing/code_quality.
  const isReport = new Ajv().compile({
    type: 'array',
    items: {
      type: 'object',
      required: ['description', 'check_name', 'fingerprint', 'severity', 'location'],
      properties: {
        description: { type: 'string', minLength: 1 },
        check_name: { type: 'string', minLength: 1 },
        fingerprint: { type: 'string', minLength: 1 },
        severity: { enum: ['info', 'minor', 'major', 'critical', 'blocker'] },
        location: {
          type: 'object',
          required: ['path', 'lines'],
          properties: {
            path: { type: 'string', pattern: '^(?!\\./|/|\\.\\.)' },
            lines: { type: 'object', required: ['begin'], properties: { begin: { type: 'integer', minimum: 1 } } },
          },
        },
      },
    },
  });
  const issues = (state: string): readonly Issue[] => JSON.parse(of(state, 'code-quality'));

  test.each(NAMES)('%s: the documented form', (name) => {
    expect([isReport(issues(name)), isReport.errors]).toEqual([true, null]);
    const prints = issues(name).map(({ fingerprint }) => fingerprint);
    expect(new Set(prints).size).toBe(prints.length);
  });

  test('what it tells', () => {
    const severities = (state: string): readonly string[] => [
      ...new Set(issues(state).map(({ severity }) => severity)),
    ];
    expect(severities('in sync')).toEqual([]);
    expect(severities('drift')).toEqual(['major']);
    expect(severities('undecided')).toEqual(['minor', 'info']);
    expect(severities('blocked')).toContain('critical');
    expect(severities('a wrong spec')).toEqual(['critical']);
    expect(issues('acknowledged')).toMatchObject([{ check_name: 'acknowledged', severity: 'info' }]);
  });
});

describe('Prometheus', () => {
  test.each(NAMES)('%s: promtool', (name) => {
    const ran = spawnSync('promtool', ['check', 'metrics'], { input: of(name, 'prometheus'), encoding: 'utf8' });
    expect([ran.status, ran.stdout, ran.stderr]).toEqual([0, '', '']);
    const wrong = spawnSync('promtool', ['check', 'metrics'], { input: of(name, 'prometheus').replace('{', '{{') });
    expect([name, wrong.status === 0]).toEqual([name, false]);
    expect(statSync(`${dirs.get(name)}/out.prometheus`).mode & 0o777).toBe(0o644);
  });

  test('what it tells', () => {
    expect(of('drift', 'prometheus')).toContain('reflake_wishes{host="nixos",verdict="differs"} 1\n');
    expect(of('drift', 'prometheus')).toContain('reflake_last_run_success{host="nixos"} 1\n');
    expect(of('in sync', 'prometheus')).toContain('reflake_drift_changes{host="nixos",action="change"} 0\n');
    expect(of('undecided', 'prometheus')).toContain('verdict="undecided"} 2\n');
    expect(of('blocked', 'prometheus')).toContain('reflake_last_run_success{host="nixos"} 0\n');
    expect(of('a wrong spec', 'prometheus')).toContain('reflake_last_run_exit_code 65\n');
    expect(of('acknowledged', 'prometheus')).toContain('verdict="acknowledged"} 1\n');
  });
});

/** As the runner reads a line: a command, its properties, its message. */
function commandOf(line: string): { word: string; properties: Record<string, string>; message: string } {
  const [, word, words, message] = /^::(\w+) (.*?)::(.*)$/.exec(line)!;
  const raw = (text: string): string =>
    text
      .replaceAll('%0D', '\r')
      .replaceAll('%0A', '\n')
      .replaceAll('%3A', ':')
      .replaceAll('%2C', ',')
      .replaceAll('%25', '%');
  const properties = words!.split(',').map((one) => one.split('=') as [string, string]);
  return {
    word: word!,
    properties: Object.fromEntries(properties.map(([name, value]) => [name, raw(value)])),
    message: raw(message!),
  };
}

describe('annotations of GitHub', () => {
  const commands = (state: string): ReturnType<typeof commandOf>[] =>
    of(state, 'github').trimEnd().split('\n').map(commandOf);

  test.each(NAMES)('%s: ten at most, then a summary', (name) => {
    const all = commands(name);
    expect(all.length).toBeLessThanOrEqual(11);
    expect(all.at(-1)).toMatchObject({ word: 'notice', properties: { title: 'reflake check' } });
    for (const { properties } of all.slice(0, -1)) expect(properties.title).toMatch(/^RF\d{4} /);
  });

  test('what it tells', () => {
    expect(commands('in sync')).toMatchObject([{ message: expect.stringMatching(/^nixos matches reflake\.json\. /) }]);
    expect(commands('drift')).toMatchObject([{ word: 'error' }, { message: expect.stringMatching(/1 differs$/) }]);
    expect(commands('undecided')[0]).toMatchObject({ word: 'warning' });
    expect(commands('blocked')[0]).toMatchObject({ word: 'error', properties: { file: 'flake.nix', line: '1' } });
    expect(
      commands('a wrong spec')
        .map(({ message }) => message)
        .join(),
    ).toContain('x%,:');
    expect(commands('acknowledged')[0]!.message).toMatch(/1 acknowledged\nacknowledged: features: a vendor /);
  });
});

describe('Markdown', () => {
  test.each(NAMES)('%s: a marker, numbers, and nothing that calls anybody', (name) => {
    for (const format of ['markdown', 'summary'] as const) {
      const text = of(name, format);
      expect(text).toMatch(/^<!-- reflake check host=(nixos)? -->\n### /);
      expect(text).not.toMatch(/@(?!&#8203;)/);
      expect(text.match(/<details>/g)?.length).toBe(text.match(/<\/details>/g)?.length);
    }
  });

  test('what it tells', () => {
    const row = (state: string): string =>
      of(state, 'markdown')
        .split('\n')
        .find((line) => line.startsWith('| nixos'))!;
    expect(row('in sync')).toMatch(/^\| nixos \| (\d+) \| \1 \| 0 \| 0 \| 0 \| 0 \| 0 \| 0 \| 0 \|$/);
    expect(row('drift').split(' | ')[3]).toBe('1');
    expect(row('undecided').split(' | ')[4]).toBe('2');
    expect(Number(row('blocked').split(' | ')[5])).toBeGreaterThan(0);
    expect(of('a wrong spec', 'markdown')).toContain('could not be checked');
    expect(of('acknowledged', 'markdown')).toContain('a vendor &lt;b&gt;@&#8203;pins');
  });
});

describe('the page', () => {
  test.each(NAMES)('%s: well-formed, and a finding for each problem', (name) => {
    const ran = spawnSync('xmllint', ['--noout', '--nonet', '-'], { input: of(name, 'html'), encoding: 'utf8' });
    expect([ran.status, ran.stderr]).toEqual([0, '']);
    const findings = runOf(name).results ?? [];
    expect(of(name, 'html').match(/<article /g)?.length ?? 0).toBe(findings.length);
    for (const { ruleId } of findings) expect(of(name, 'html')).toContain(`reflake explain ${ruleId}`);
  });

  test('what it tells', () => {
    const told = (state: string): readonly string[] =>
      [...of(state, 'html').matchAll(/<article [^>]*data-verdict="(.*?)"/g)].map(([, verdict]) => verdict!);
    expect(told('drift')).toEqual(['differs']);
    expect(told('blocked')[0]).toBe('blocked');
    expect(new Set(told('a wrong spec'))).toEqual(new Set(['of no wish']));
    expect(of('in sync', 'html')).toContain('nixos matches reflake.json.');
    expect(of('acknowledged', 'html')).toContain('a vendor &lt;b&gt;@pins');
  });
});

describe('--format', () => {
  const SPEC = ['--root', 'machine', '--spec', 'reflake.json'];
  const dir = (): string => dirs.get('drift')!;

  test.each<readonly [words: readonly string[], said: string]>([
    [['--format', 'sarfi'], 'did you mean sarif?'],
    [['--format', 'nothing'], 'there is no format "nothing"'],
    [['--format', 'json', '--format', 'github'], 'both be on standard output'],
    [['--format', 'sarif='], 'names no file'],
    [['--format', 'sarif=x', '--format', 'junit=./x'], 'two formats would be written'],
  ])('%j is wrong usage', (words, said) => {
    const ran = reflake(dir(), 'check', ...SPEC, ...words);
    expect([ran.code, ran.out]).toEqual([64, '']);
    expect(ran.err).toContain(said);
  });

  test('a command that finds nothing has human and json alone', () => {
    expect(reflake(dir(), 'history', ...SPEC, '--format', 'junit')).toMatchObject({ code: 64, out: '' });
  });

  test('a file that cannot be written: the others are, exit 1, and no half of it is there', () => {
    const words = [
      '--format',
      'json',
      '--format',
      'sarif=none/x',
      '--format',
      'junit=y',
      '--format',
      'github=/dev/null',
    ];
    const ran = reflake(dir(), 'check', ...SPEC, ...words);
    expect(ran.code).toBe(1);
    const lines = ran.out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.filter(({ type }) => type === 'diagnostic').map(({ diagnostic }) => diagnostic.code)).toEqual([
      'RF3030',
      'RF3030',
    ]);
    expect(lines.at(-1)).toMatchObject({ type: 'ended', exit: 1 });
    expect(readFileSync(`${dir()}/y`, 'utf8')).toMatch(/<\/testsuites>\n$/);
    expect(existsSync(`${dir()}/none`)).toBe(false);
    expect(readdirSync(dir()).filter((name) => name.includes('tmp'))).toEqual([]);
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true);
  });

  test('where only files are named, people are told on standard output, and of the umask the file has its mode', () => {
    const line = `umask 077; exec "$0" "$@"`;
    const words = ['-c', line, process.execPath, PROGRAM, 'check', ...SPEC, '--format', 'sarif=private'];
    const ran = spawnSync('sh', words, {
      cwd: dir(),
      encoding: 'utf8',
      env: { PATH: process.env.PATH, HOME: '/root' },
    });
    expect([ran.status, ran.stdout.includes('1 differs')]).toEqual([2, true]);
    expect(statSync(`${dir()}/private`).mode & 0o777).toBe(0o600);
  });
});

describe('2,000 findings', () => {
  const item = (number: number): Item => ({
    level: number < 1000 ? 'error' : 'warning',
    kind: 'drift',
    code: 'RF2103',
    title: 'x',
    subject: `inputs.\u{1f600}${number}`,
    because: 'it is another | one than @wished '.repeat(9),
    values: { from: 'a'.repeat(300), to: 'b```'.repeat(60) },
    hint: 'write it out',
    fingerprint: String(number),
    wishes: [],
    evidence: [],
  });
  const report: Report = {
    verb: 'check',
    host: 'nixos',
    spec: 'reflake.yaml',
    exit: 2,
    strict: false,
    seconds: 1,
    endedAt: 0,
    items: Array.from({ length: 2000 }, (_, number) => item(number)),
    answers: [],
    acknowledged: [],
    leftOut: [],
    notChecked: [],
    expected: [],
    actions: {},
  };

  test('a comment and a summary stay within their limits, lose details first, and say how much', () => {
    const [comment, summary] = [markdownOf(report, COMMENT), markdownOf(report, SUMMARY)];
    expect([comment.length <= 60_000, Buffer.byteLength(summary) < 1 << 20]).toEqual([true, true]);
    expect(comment).toMatch(/Left out here for its size: .* of 2000 entries altogether\./);
    expect(summary).toMatch(/Left out here for its size: the details of \d+ of 2000 findings\./);
    expect(summary).toContain('1999');
    expect(summary).toContain('<details>');
  });

  test('SARIF has them all', () => {
    expect(sarifOf(report).runs[0]!.results).toHaveLength(2000);
  });
});
