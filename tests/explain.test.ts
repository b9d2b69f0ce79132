// explain: each code has a page; its example is a case of the tests, said in the words of the program; search and themes.

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { explainCommand } from '../cmd/commands/explain.ts';
import { CODES, type Code } from '../core/codes.ts';
import type { CodeExample, Event } from '../core/event.ts';
import { findingsOf } from '../core/finding.ts';
import { loadSpec } from '../core/spec/load.ts';
import { memoryScene } from './support/faults.ts';
import { machineOf, planCases, planFor, toolsOf } from './support/plan-cases.ts';
import { PROVOKED, provoke } from './support/provoked.ts';

const SPECS = fileURLToPath(new URL('./cases/specs/', import.meta.url));
const GENERATED = fileURLToPath(new URL('../cmd/commands/code-examples.gen.ts', import.meta.url));
const ALL = Object.keys(CODES).sort() as readonly Code[];

/** A spec for each code of RF1 that a text alone provokes: `RF1003.yaml`. */
async function ofSpecs(): Promise<readonly (readonly [string, CodeExample])[]> {
  return await Promise.all(
    readdirSync(SPECS).map(async (name) => {
      const text = readFileSync(SPECS + name, 'utf8');
      const { diagnostics } = await loadSpec('reflake.yaml', text);
      const code = name.slice(0, 6);
      const found = diagnostics.find((one) => one.code === code);
      if (found === undefined) throw new Error(`${name}: ${JSON.stringify(diagnostics)}`);
      const place = found.at === undefined ? '' : `reflake.yaml:${found.at.line}:${found.at.column}: `;
      const says = `${place}${found.summary}${found.hint ? ` (${found.hint})` : ''}`;
      return [code, { about: 'a spec that says', text, says }] as const;
    }),
  );
}

/** Of the codes of the machine and of programs: the first case, by name, that provokes it without Nix. */
async function ofCases(): Promise<readonly (readonly [string, CodeExample])[]> {
  const found = new Map<string, CodeExample>();
  for (const one of planCases().filter(({ tools }) => tools !== 'nix')) {
    const missing = [...one.changes, ...one.diagnostics, ...one.verdicts]
      .flatMap((line) => line.match(/\bRF[24]\d{3}\b/g) ?? [])
      .filter((code) => !found.has(code));
    if (missing.length === 0) continue;
    const facts = { name: 'nixos', system: 'x86_64-linux', machineId: '' };
    const { plan } = await planFor(one, memoryScene(machineOf(one), toolsOf(one), facts).open().host);
    for (const { code, because, remedy } of plan === undefined ? [] : findingsOf(plan)) {
      if (found.has(code) || !/^RF[24]/.test(code)) continue;
      const hint = remedy.by === 'you' && remedy.hint !== '' ? ` (${remedy.hint})` : '';
      found.set(code, { about: one.about, says: `${because}${hint}` });
    }
  }
  return [...found];
}

/** Of what only a run of the program tells. */
const ofRuns = (): readonly (readonly [string, CodeExample])[] =>
  PROVOKED.map((one) => [one.code, { about: one.about, says: provoke(one) }]);

function generated(examples: Readonly<Record<string, CodeExample>>): string {
  const head = '// Generated from tests/cases by tests/explain.test.ts (UPDATE_EXAMPLES=1). Do not edit.\n\n';
  const types =
    "import type { Code } from '../../core/codes.ts';\nimport type { CodeExample } from '../../core/event.ts';\n\n";
  return `${head}${types}export const EXAMPLES: Partial<Record<Code, CodeExample>> = ${JSON.stringify(examples, null, 2)};\n`;
}

test('the examples are what the cases say today', async () => {
  const all = [...(await ofSpecs()), ...(await ofCases()), ...ofRuns()].sort(([a], [b]) => (a < b ? -1 : 1));
  const made = generated(Object.fromEntries(all));
  if (process.env.UPDATE_EXAMPLES === '1') writeFileSync(GENERATED, made);
  expect(readFileSync(GENERATED, 'utf8')).toBe(made);
  expect(Object.keys(Object.fromEntries(all)).filter((code) => !(code in CODES))).toEqual([]);
}, 120_000);

function explained(code?: string): readonly Extract<Event, { readonly type: 'code' }>[] {
  const events: Event[] = [];
  explainCommand({ code } as never, {} as never, { report: (event) => events.push(event), learn: () => {} });
  return events.filter((event) => event.type === 'code');
}

describe('explain', () => {
  test('without a word lists every code, theme after theme', () => {
    const all = explained();
    expect(all.map(({ code }) => code)).toEqual(ALL);
    const themes = all.map(({ theme }) => theme).filter((theme, at, list) => theme !== list[at - 1]);
    expect(themes).toHaveLength(new Set(themes).size);
  });

  test.each(ALL)('%s has a page, and its related codes are others that exist', (code) => {
    const [one, ...more] = explained(code.toLowerCase());
    expect(more).toEqual([]);
    expect(one?.page?.length).toBeGreaterThan(40);
    for (const { code: other } of one?.related ?? []) expect([other === code, other in CODES]).toEqual([false, true]);
  });

  test('words search titles and pages; those that have them in the title come first', () => {
    expect(explained('password').map(({ code }) => code)).toEqual(expect.arrayContaining(['RF2064', 'RF2065']));
    expect(explained('password')[0]?.code).toBe('RF2065');
    expect(explained('another machine').map(({ code }) => code)).toContain('RF2002');
    expect(explained('HARD links').length).toBeGreaterThan(0);
  });

  test.each([
    ['RF9999', /unknown code "RF9999"/],
    ['RF20022', /did you mean RF2002/],
    ['xyzzy', /no page has the words "xyzzy"/],
    [' ', /no page has the words/],
  ])('%j is a usage error', (word, says) => {
    let thrown: unknown;
    try {
      explained(word);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toEqual({ usage: expect.stringMatching(says) });
  });
});
