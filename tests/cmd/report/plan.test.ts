// Plan screens against their golden files.
import { describe, expect, test } from '@jest/globals';
import { themeOf } from '../../../cmd/report/colour.ts';
import { inSyncLine, planLog, planScreen } from '../../../cmd/report/plan.ts';
import { stringWidth } from '../../../cmd/report/width.ts';
import type { Finding } from '../../../core/model.ts';
import { absolute } from '../../../core/path.ts';
import { DIR, EXAMPLE, file, IN_SYNC, inDir, locate, planOf } from './example.ts';
import { expectScreen, visible } from './golden.ts';

const theme = (more: Partial<Parameters<typeof themeOf>[0]> = {}) =>
  themeOf({ colour: false, ascii: false, columns: 80, ...more });
const WORDS = { spec: 'reflake.yaml', dir: DIR, locate };

describe('the plan of the example', () => {
  test.each([
    ['plan-80.txt', {}, WORDS],
    ['plan-ascii.txt', { ascii: true }, WORDS],
    ['plan-40.txt', { columns: 40 }, WORDS],
    ['plan-60.txt', { columns: 60 }, WORDS],
    ['plan-120.txt', { columns: 120 }, WORDS],
    ['plan-60-why.txt', { columns: 60 }, { ...WORDS, saved: 'plan-7f3c9a12.json', verbose: true }],
    ['plan-saved.txt', {}, { ...WORDS, saved: 'plan-7f3c9a12.json', verbose: true }],
  ] as const)('%s', (name, how, words) => {
    const screen = planScreen(EXAMPLE, words, theme(how));
    expectScreen(name, screen);
    if ('ascii' in how) expect(screen).toMatch(/^[\n -~]*$/);
  });
  test('no line is wider than the terminal', () => {
    for (const columns of [60, 80, 120])
      for (const line of planScreen(EXAMPLE, { ...WORDS, verbose: true }, theme({ columns })).split('\n'))
        expect([line, stringWidth(line) <= columns]).toEqual([line, true]);
  });
  test('colour adds nothing but colour', () => {
    const screen = planScreen(EXAMPLE, WORDS, theme({ colour: true }));
    expect(screen).not.toBe(planScreen(EXAMPLE, WORDS, theme()));
    expect(screen.replace(/\u001b\[[0-9;]*m/g, '')).toBe(planScreen(EXAMPLE, WORDS, theme()));
  });
  test('in a log', () => {
    expectScreen('plan-log.txt', planLog(EXAMPLE, WORDS, theme()));
    expectScreen('plan-log-ascii.txt', planLog(EXAMPLE, WORDS, theme({ ascii: true })));
  });
});

test('in sync is said only where every wish holds; else which are not known', () => {
  expect(inSyncLine(IN_SYNC, 'reflake.yaml', 0.04, theme())).toBe('No changes: nixos matches reflake.yaml (0.04 s).');
  const [step] = IN_SYNC.steps;
  const doubtful = [{ wish: '/features', verdict: 'undecided', by: 'RF2031' } as const];
  const undecided = planOf([{ ...step!, verdicts: [...step!.verdicts, ...doubtful] }]);
  expect(inSyncLine(undecided, 'reflake.yaml', 1.5, theme())).toBe(
    'No changes: 3 of 4 wishes hold (1.50 s); undecided: features.',
  );
  expect(inSyncLine({ ...IN_SYNC, leftOut: ['/lock'] }, 'reflake.yaml', 1.5, theme())).toBe(
    'No changes: 3 of 4 wishes hold (1.50 s); left out: 1.',
  );
});

test('what a terminal would obey is written out, and secrets are not', () => {
  const path = inDir('\u001b[2J\u202egnp.\udcff');
  const plan = planOf([
    {
      provider: 'features',
      verdicts: [],
      findings: [
        {
          subject: 'a\nb',
          path,
          remedy: { by: 'plan', action: 'change' },
          from: 'old\u001b]0;x\u0007',
          to: '\u{1F600}漢字',
          because: 'x',
          code: 'RF2103',
          wish: '/features',
        },
        {
          subject: 'users.users.a.hashedPassword',
          path,
          remedy: { by: 'plan', action: 'add' },
          to: '$6$abc',
          because: 'x',
          code: 'RF2103',
          wish: '/features',
        },
        {
          subject: 'a',
          path: inDir('key'),
          remedy: { by: 'plan', action: 'change' },
          from: 'k1',
          to: 'k2',
          because: 'x',
          code: 'RF2103',
          wish: '/features',
        },
      ],
      edits: [
        { op: 'put', path, before: file('a'), after: file('b') },
        { op: 'put', path: inDir('key'), before: file('k1', undefined, 0o600), after: file('k2', undefined, 0o600) },
      ],
    },
  ]);
  const screens = [planScreen(plan, WORDS, theme()), planLog(plan, WORDS, theme())];
  expectScreen('plan-hostile.txt', screens.join('\n\n'));
  for (const text of screens) {
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f\u202e]|\$6\$/u);
    expect(visible(text)).toBe(text);
  }
});

const IGNORED: Finding = {
  code: 'RF2015',
  wish: '/git',
  subject: 'git',
  because: 'x',
  remedy: { by: 'you', hint: 'y' },
};

test('a plan with errors says that it cannot be applied', () => {
  const plan = planOf(
    EXAMPLE.steps.map((step) => ({
      ...step,
      findings: step.provider === 'git' ? [...step.findings, IGNORED] : step.findings,
    })),
  );
  expectScreen('plan-blocked.txt', planScreen(plan, { ...WORDS, dir: absolute('/') }, theme()));
});
