// Whole runs through the reporters: what goes to which stream, and how a run ends.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { jsonReporter } from '../../../cmd/report/formats/json.ts';
import { humanReporter } from '../../../cmd/report/human.ts';
import { shortId } from '../../../cmd/report/plan.ts';
import type { Screen } from '../../../cmd/report/screen.ts';
import type { Diagnostic } from '../../../core/diagnostic.ts';
import type { Event, Reporter } from '../../../core/event.ts';
import { tallyOf } from '../../../core/finding.ts';
import type { Edit, Outcome, Plan } from '../../../core/model.ts';
import { absolute } from '../../../core/path.ts';
import { validate as validatePlan } from '../../../schemas/validate-plan.gen.mjs';
import { canonicalJson } from '../../support/canonical-json.ts';
import { ACTIVATE, DIR, EXAMPLE, IN_SYNC, inDir, locate, MOVE, OWNS, planOf, source, WRITES } from './example.ts';
import { expectScreen, visible } from './golden.ts';

const EDITS: readonly Edit[] = [MOVE, ...WRITES, ...OWNS, ACTIVATE];
const edited = (count: number): Event[] =>
  EDITS.slice(0, count).map((edit, index) => ({ type: 'edited', edit, index, total: EDITS.length }));
const undone = (count: number): Event[] =>
  EDITS.slice(0, count)
    .map((edit, index): Event => ({ type: 'undone', edit, index, total: EDITS.length }))
    .reverse();
const problem = (code: Diagnostic['code'], summary: string, more: Partial<Diagnostic> = {}): Diagnostic => ({
  severity: 'error',
  code,
  summary,
  ...more,
});
const end = (outcome: Outcome, plan?: Plan): Event => ({
  type: 'ended',
  exit: 0,
  outcome,
  ...(plan && { verdicts: tallyOf(plan) }),
});
const looked = (plan: Plan): Event => ({ type: 'ended', exit: 0, verdicts: tallyOf(plan) });
const EMPTY = IN_SYNC;
const DOUBTFUL = planOf([
  {
    provider: 'nix-conf',
    verdicts: [
      { wish: '/host/name', verdict: 'holds' },
      { wish: '/features', verdict: 'undecided', by: 'RF2031' },
    ],
    findings: [
      {
        code: 'RF2031',
        wish: '/features',
        subject: 'features',
        because: 'whether flakes is enabled is not known',
        remedy: { by: 'you', hint: 'write it out' },
      },
    ],
    edits: [],
  },
]);
const BUILD_FAILED = problem('RF4006', 'the configuration does not build', {
  hint: 'mend the configuration; the last lines of the log say why',
  snippet: "error: undefined variable 'pkgz'\n  at configuration.nix:9:5\n",
});

const RUNS: readonly (readonly [name: string, verb: string, events: readonly Event[]])[] = [
  ['apply-in-sync', 'apply', [{ type: 'planned', plan: EMPTY }, end({ status: 'unchanged' }, EMPTY)]],
  [
    'apply-planned',
    'apply',
    [{ type: 'planned', plan: EXAMPLE }, ...edited(8), end({ status: 'applied', apply: 4, edits: 8 }, IN_SYNC)],
  ],
  ['in-sync', 'plan', [{ type: 'planned', plan: EMPTY }, looked(EMPTY)]],
  ['planned', 'plan', [{ type: 'progress', text: 'flake' }, { type: 'planned', plan: EXAMPLE }, looked(EXAMPLE)]],
  [
    'applied',
    'apply',
    [...edited(8), { type: 'progress', text: 'verifying' }, end({ status: 'applied', apply: 4, edits: 8 }, IN_SYNC)],
  ],
  [
    'build-failed',
    'apply',
    [
      ...edited(7),
      { type: 'progress', text: 'building' },
      ...undone(7),
      end({ status: 'rolled-back', cause: [BUILD_FAILED] }),
    ],
  ],
  [
    'stuck',
    'apply',
    [
      ...edited(4),
      ...undone(2),
      end({
        status: 'stuck',
        cause: [
          problem('RF3004', 'an edit failed: the disk is full'),
          problem('RF3005', `"${inDir('flake.nix')}" holds something else`, { path: inDir('flake.nix') }),
        ],
        conflicts: [inDir('flake.nix')],
      }),
    ],
  ],
  [
    'stale',
    'apply',
    [
      end({
        status: 'refused',
        cause: [problem('RF3001', '"/etc/nixos" changed since the plan', { path: absolute('/etc/nixos') })],
      }),
    ],
  ],
  ['undecided', 'plan', [{ type: 'planned', plan: DOUBTFUL }, looked(DOUBTFUL)]],
  ['rolled-back', 'rollback', [...edited(1), end({ status: 'applied', apply: 5, edits: 1 })]],
  ['nothing', 'rollback', [end({ status: 'unchanged' })]],
  [
    'recovered',
    'recover',
    [
      ...undone(1),
      end({
        status: 'rolled-back',
        cause: [
          {
            severity: 'warning',
            code: 'RF3014',
            summary: 'the apply of 2024-01-01T00:00:00Z was cut off; it has been undone',
          },
        ],
      }),
    ],
  ],
];

const eventsOf = (wanted: string): readonly Event[] => RUNS.find(([name]) => name === wanted)![2];

/** The reporter for a terminal of 80 columns. */
const reporterWith = (more: Partial<Screen>): Reporter =>
  humanReporter({
    print: { out: () => {}, err: () => {} },
    tty: { out: true, err: true },
    colour: { out: false, err: false },
    ascii: false,
    columns: 80,
    verbose: false,
    quiet: false,
    now: () => 0,
    every: () => () => {},
    epoch: () => 0,
    cwd: '/',
    strict: false,
    verb: 'apply',
    about: () => ({ spec: 'reflake.yaml', source, locate, dir: DIR }),
    ...more,
  });

/** Runs events through a reporter, each 0.3 s after the one before; what was printed, with its stream. */
function run(events: readonly Event[], more: Partial<Screen> = {}, step = 300): { out: string; err: string } {
  const printed = { out: '', err: '' };
  let time = 0;
  const print = {
    out: (text: string) => {
      printed.out += text;
    },
    err: (text: string) => {
      printed.err += text;
    },
  };
  const report = reporterWith({ print, now: () => time, ...more });
  for (const event of events) {
    time += step;
    report(event);
  }
  return printed;
}

/** The text left on a terminal, without lines that were drawn over. */
const settled = (text: string): string =>
  text.replace(/\r\u001b\[K[^\n\r]*(?=\r\u001b\[K)/g, '').replaceAll('\r\u001b[K', '');
const both = ({ out, err }: { out: string; err: string }): string =>
  `--- stderr\n${settled(err)}--- stdout\n${out}`.trimEnd();

describe('for people', () => {
  test.each(RUNS)('%s, on a terminal, in ASCII and in a log', (name, verb, events) => {
    expectScreen(`run-${name}.txt`, both(run(events, { verb })));
    expectScreen(`run-${name}-ascii.txt`, both(run(events, { verb, ascii: true })));
    const log = run(events, { verb, tty: { out: false, err: false } });
    expectScreen(`run-${name}-log.txt`, both(log));
    expect(visible(log.out + log.err)).toBe(log.out + log.err);
    expect(both(run(events, { verb, ascii: true }))).toMatch(/^[\n -~]*$/);
  });

  test.each([
    ['runs', { system: 'runs', hasFlakes: true }],
    ['waits', { system: 'waits', hasFlakes: false }],
    ['boots', { system: 'boots', isNew: false, hasFlakes: true }],
    ['same', { system: 'same', isNew: false, hasFlakes: undefined }],
  ] as const)('the end of an apply says what is true now, the next command and the way back: %s', (name, more) => {
    const standing = {
      place: '~/nixos-config',
      installable: '~/nixos-config#nixos',
      isNew: true,
      back: 'sudo reflake rollback',
      ...more,
    };
    const { out } = run(eventsOf('applied'), {
      about: () => ({ spec: 'reflake.yaml', source, locate, dir: DIR, standing }),
    });
    expectScreen(`standing-${name}.txt`, out.trimEnd());
  });

  test('a live line is drawn over, and nothing is left of it', () => {
    const { err } = run([
      { type: 'progress', text: 'flake' },
      { type: 'progress', text: 'lock' },
      { type: 'planned', plan: EMPTY },
    ]);
    expect(visible(err)).toBe('\\r^[[K⠋ flake 0.0s\\r^[[K⠙ lock 0.3s\\r^[[K');
  });

  test('quick events do not make it flicker', () => {
    const events = Array.from({ length: 100 }, (): Event => ({ type: 'progress', text: 'x' }));
    expect(run(events, {}, 1).err.split('\r').length).toBeLessThan(5);
  });

  test('in a log a long step says every 30 s that it is alive', () => {
    const events = Array.from({ length: 100 }, (): Event => ({ type: 'progress', text: 'building' }));
    expect(run(events, { tty: { out: false, err: false } }, 1000).err).toBe(
      '... building (30s)\n... building (1m00s)\n' +
        'hint: this takes more than a minute. Ctrl-C leaves; nothing is changed.\n... building (1m30s)\n',
    );
  });

  /** A run in which time passes between the events, and the clock ticks. */
  function waiting(more: Partial<Screen>, ...acts: readonly (Event | { readonly seconds: number })[]): string {
    let time = 0;
    const ticks = new Set<{ readonly every: number; readonly act: () => void; next: number }>();
    const every = (milliseconds: number, act: () => void): (() => void) => {
      const tick = { every: milliseconds, act, next: time + milliseconds };
      ticks.add(tick);
      return () => void ticks.delete(tick);
    };
    let err = '';
    const print = {
      out: () => {},
      err: (text: string) => {
        err += text;
      },
    };
    const report = reporterWith({ ...more, print, now: () => time, every });
    for (const act of acts) {
      if ('type' in act) {
        report(act);
        continue;
      }
      for (const until = time + act.seconds * 1000; time < until; time += 10)
        for (const tick of ticks) {
          if (time < tick.next) continue;
          tick.next = time + tick.every;
          tick.act();
        }
    }
    return err;
  }
  const step = (done: number, of?: number): Event => ({
    type: 'progress',
    text: 'locking the inputs with Nix',
    doing: {
      what: "downloading 'https://github.com/NixOS/nixpkgs/archive/d02d818f22c777aa4e854efc3242ec451e5d462a.tar.gz'",
      bytes: of === undefined ? { done } : { done, of },
    },
  });
  const LOG = { tty: { out: false, err: false } };

  test('a live line is redrawn while nothing arrives, with names, bytes and time, and fits the width', () => {
    const drawn = waiting({}, step(1_300_000, 42_000_000), { seconds: 3 }).split('\r\u001b[K').slice(1);
    expect(drawn.length).toBeGreaterThan(25);
    expect(drawn.at(-1)?.slice(1)).toBe(
      " downloading 'https://github.com/NixOS/nixpkgs/arch…  1.2 MiB of 40.1 MiB 3.0s",
    );
    expect(new Set(drawn.map((line) => line[0])).size).toBe(10);
    for (const columns of [40, 60, 80, 100])
      for (const line of waiting({ columns }, step(1e9, 1e12), { seconds: 2 }).split('\r\u001b[K'))
        expect(line.length).toBeLessThan(columns);
  });

  test('nothing is drawn after the line was cleared, and nothing with -q', () => {
    const err = waiting({}, step(1), { seconds: 1 }, { type: 'planned', plan: EMPTY }, { seconds: 200 });
    expect(err.endsWith('\r\u001b[K')).toBe(true);
    expect(waiting({ quiet: true }, step(1), { seconds: 200 })).toBe('');
  });

  test('in a log a silent step is told every 30 s, with names and bytes, and after a minute what can be done', () => {
    expectScreen(
      'waiting-log.txt',
      waiting(LOG, step(700), { seconds: 31 }, step(1_300_000), { seconds: 100 }).trimEnd(),
    );
  });

  test('after a minute a hint says what Ctrl-C would do, once', () => {
    const hints = (...acts: Parameters<typeof waiting>[1][]): readonly string[] =>
      waiting({ columns: 200 }, ...acts).match(/hint: [^\n]*/g) ?? [];
    const news = Array.from({ length: 130 }, (_, at) => [step(at, 200), { seconds: 1 }]).flat();
    expect(hints(step(0), { seconds: 59 })).toEqual([]);
    expect(hints(step(0), { seconds: 300 })).toEqual([
      'hint: nothing arrives; look at the network. Ctrl-C leaves; nothing is changed.',
    ]);
    expect(hints(...news)).toEqual([
      'hint: a slow network? What has arrived whole is kept for the next run. Ctrl-C leaves; nothing is',
    ]);
    expect(hints(...edited(1), { type: 'progress', text: 'building' }, { seconds: 70 })).toEqual([
      'hint: this takes more than a minute. Ctrl-C stops, and undoes what was done.',
    ]);
  });

  test('thinking about a plan does not count as time of the apply', () => {
    const printed: string[] = [];
    let time = 0;
    const report = reporterWith({
      print: { out: (text) => printed.push(text), err: () => {} },
      tty: { out: false, err: false },
      now: () => time,
      about: () => ({ spec: 'reflake.yaml', source }),
    });
    report({ type: 'planned', plan: EXAMPLE });
    time += 3_600_000;
    for (const event of edited(2)) report(event);
    time += 1000;
    report(end({ status: 'applied', apply: 1, edits: 2 }));
    expect(printed.at(-1)).toBe('Applied in 1.0s. Undo: reflake rollback 1\n');
  });

  test('-q says nothing but errors and failures', () => {
    const printed = run([...eventsOf('planned'), ...eventsOf('applied')], { quiet: true });
    expect(printed).toEqual({ out: '', err: '' });
    const differs = 'nixos differs from reflake.yaml: 2 to add, 3 to change, 1 to move, 1 to activate';
    expect(run(eventsOf('planned'), { verb: 'plan', quiet: true })).toEqual({
      out: `${differs} (plan ${shortId(EXAMPLE)})\n`,
      err: '',
    });
    expect(run([{ type: 'planned', plan: EXAMPLE, isPartial: true }], { verb: 'check', quiet: true }).out).toBe(
      `${differs}\n`,
    );
    const doubtful = run(eventsOf('undecided'), { quiet: true });
    expect(doubtful).toEqual({
      out: expect.stringMatching(/^No changes: 1 of 2 wishes hold .*; undecided: features\.\n$/),
      err: '',
    });
    expect(run(eventsOf('build-failed'), { quiet: true }).err).toContain('error[RF4006]');
  });

  test('-v says why, and what is being done', () => {
    const { out, err } = run(eventsOf('planned'), { verbose: true });
    expect(out).toMatch(/no file enables nix-command and\s+flakes \[RF2103\]/);
    expect(settled(err)).toBe('flake\n');
  });
});

describe('for programs', () => {
  const schema = (name: string): object =>
    JSON.parse(readFileSync(new URL(`../../../schemas/${name}.schema.json`, import.meta.url), 'utf8'));
  const ajv = new Ajv2020({ discriminator: true, strict: false });
  const isEvent = ajv.compile(schema('event'));
  const everything = [
    ...RUNS.flatMap(([, , events]) => events),
    { type: 'diagnostic', diagnostic: problem('RF2007', 'x', { pointer: '/inputs' }) } as const,
  ];

  /** `step`: milliseconds between two events. */
  function linesOf(events: readonly Event[], step = 0): Record<string, unknown>[] {
    let text = '';
    let time = 0;
    const report = jsonReporter({
      about: () => ({ spec: 'reflake.yaml', source, locate }),
      now: () => time,
      print: {
        out: (line) => {
          text += line;
        },
        err: () => {},
      },
    });
    for (const event of events) {
      time += step;
      report(event);
    }
    return text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  }

  test('every line is an event of the published schema, the first the version', () => {
    const lines = linesOf(everything);
    expect(lines[0]).toEqual({ type: 'version', format: '2.4' });
    expect(lines).toHaveLength(everything.length + 1);
    for (const line of lines) expect([line, isEvent(line), isEvent.errors]).toEqual([line, true, null]);
    expect(isEvent({ type: 'planned', plan: { id: 'x' } })).toBe(false);
    expect(isEvent({ type: 'progress', text: 'x', more: 1 })).toBe(false);
  });

  test('how far a step is comes at most once a second, each new step at once', () => {
    const doing = (text: string, done: number): Event => ({
      type: 'progress',
      text,
      doing: { what: 'downloading', bytes: { done } },
    });
    const events = Array.from({ length: 50 }, (_, at) => doing('locking', at));
    const lines = linesOf([{ type: 'progress', text: 'lock' }, ...events, doing('evaluating', 0)], 100);
    for (const line of lines) expect([line, isEvent(line)]).toEqual([line, true]);
    expect(lines.map(({ text }) => text)).toEqual([undefined, 'lock', ...Array(5).fill('locking'), 'evaluating']);
  });

  test('the bytes of a plan are not in it, places of wishes are', () => {
    const [, planned, partial] = linesOf([
      { type: 'planned', plan: EXAMPLE },
      { type: 'planned', plan: EXAMPLE, isPartial: true },
    ]);
    expect(planned).toMatchObject({ plan: { id: EXAMPLE.id, evidence: EXAMPLE.evidence } });
    expect(partial).toMatchObject({ plan: { evidence: EXAMPLE.evidence } });
    expect(partial).not.toHaveProperty('plan.id');
    expect(JSON.stringify(planned)).not.toContain('blobs');
    expect(linesOf(everything).at(-1)).toMatchObject({ diagnostic: { at: { file: 'reflake.yaml', line: 9 } } });
  });

  test('a saved plan is one of the published schema', () => {
    const saved: Plan = JSON.parse(canonicalJson(EXAMPLE));
    expect([validatePlan(saved), validatePlan.errors]).toEqual([true, null]);
    expect(validatePlan({ ...saved, id: 'sha256:x' })).toBe(false);
    expect(validatePlan({ ...saved, more: 1 })).toBe(false);
    expect(validatePlan({ ...saved, steps: [{ ...saved.steps[0], edits: [{ ...MOVE, to: 'relative' }] }] })).toBe(
      false,
    );
    expect(validatePlan({ ...saved, blobs: { [saved.id]: '!' } })).toBe(false);
    expect(shortId(saved)).toBe(saved.id.slice(7, 15));
  });
});
