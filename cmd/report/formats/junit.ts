// JUnit XML as GitLab, Jenkins and others read it: a suite for the host, a case for each wish.

import type { Reporter } from '../../../core/event.ts';
import { keyOf } from '../../../core/leaf.ts';
import type { Answer } from '../../../core/model.ts';
import { escapeLine } from '../escape.ts';
import type { Screen } from '../screen.ts';
import type { Item } from './item.ts';
import { placeWords } from './place.ts';
import { acknowledgedWords, collected, headline, itemWords, type Report } from './report.ts';
import { xml } from './xml.ts';

export const junitReporter = (screen: Screen): Reporter => collected(screen, junitOf);

type Verdict = 'passed' | 'failure' | 'error' | 'skipped';

interface Case {
  readonly group: string;
  readonly name: string;
  readonly verdict: Verdict;
  /** In one line why; empty of what passed. */
  readonly message: string;
  readonly text: string;
}

/**
 * What differs is a failure; what could not be looked at an error; what is undecided, acknowledged, left out, not checked
 * or expected is skipped.
 */
export function junitOf(report: Report): string {
  const { host, verb, seconds, endedAt, acknowledged, expected, leftOut, notChecked } = report;
  const told = new Map<string, Item[]>();
  for (const item of report.items) for (const wish of item.wishes) told.set(wish, [...(told.get(wish) ?? []), item]);
  const wishes = new Set(report.answers.map(keyOf));
  const due = new Map(expected.map((one) => [keyOf(one), one]));
  const cases: readonly Case[] = [
    ...report.answers.map((answer) => {
      const may = due.get(keyOf(answer));
      return may === undefined
        ? caseOf(answer, told.get(keyOf(answer)) ?? [], report)
        : skipped(answer.provider, keyOf(answer), `expected to differ until ${may.to}`);
    }),
    ...acknowledged.map((one) => skipped('acknowledged', keyOf(one), `acknowledged: ${acknowledgedWords(one)}`)),
    ...leftOut.map((wish) => skipped('left out', wish, 'left out by --only or --skip')),
    ...notChecked.map((wish) =>
      skipped('not checked', wish, 'not checked: a wish of the machine, and this is a checkout'),
    ),
    // What ended the command, or belongs to no wish that was answered, and is an error.
    ...report.items
      .filter(({ level, wish }) => level === 'error' && !(wish !== undefined && wishes.has(wish)))
      .map((item) => problem(verb, item)),
  ];
  const advice = report.items.filter(
    ({ level, wish }) => level !== 'error' && !(wish !== undefined && wishes.has(wish)),
  );
  const count = (verdict: Verdict): number => cases.filter((one) => one.verdict === verdict).length;
  const numbers = `tests="${cases.length}" failures="${count('failure')}" errors="${count('error')}"`;
  const name = escapeLine(host ?? 'reflake');
  const when = new Date(Math.floor(endedAt) * 1000).toISOString().slice(0, 19);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="reflake ${verb}" ${numbers} time="${seconds.toFixed(3)}">`,
    `  <testsuite name="${xml(name)}" hostname="${xml(name)}" ${numbers} skipped="${count('skipped')}" time="${seconds.toFixed(3)}" timestamp="${when}">`,
    ...cases.flatMap((one) => caseLines(one, name)),
    `    <system-out>${xml([headline(report), ...advice.map(line)].join('\n'))}</system-out>`,
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}

function caseOf(answer: Report['answers'][number], items: readonly Item[], { strict }: Report): Case {
  const { verdict, provider, by } = answer;
  const worst = items.filter(({ kind }) => kind !== 'advice');
  const message =
    verdict === 'holds'
      ? ''
      : worst.length > 0
        ? worst.map(itemWords).join('; ')
        : `${verdict}${by === undefined ? '' : ` by ${by}`}`;
  return {
    group: provider,
    name: keyOf(answer),
    verdict: verdictOf(verdict, strict),
    message,
    text: items.map(line).join('\n'),
  };
}

const verdictOf = (verdict: Answer['verdict'], strict: boolean): Verdict =>
  (({ holds: 'passed', differs: 'failure', blocked: 'error', undecided: strict ? 'failure' : 'skipped' }) as const)[
    verdict
  ];

const skipped = (group: string, name: string, message: string): Case => ({
  group,
  name,
  verdict: 'skipped',
  message,
  text: '',
});

const problem = (verb: string, item: Item): Case => ({
  group: verb,
  name: `${item.code} ${item.place === undefined ? item.title : placeWords(item.place)}`,
  verdict: 'error',
  message: itemWords(item),
  text: line(item),
});

/** `flake.nix:11:30: error: … [RF2003]`, and what to do on the next line. */
function line(item: Item): string {
  const { place, level, code, hint } = item;
  const head = `${place === undefined ? '' : `${placeWords(place)}: `}${level}: ${itemWords(item)} [${code}]`;
  return hint === undefined ? head : `${head}\n  ${hint}`;
}

function caseLines({ group, name, verdict, message, text }: Case, host: string): readonly string[] {
  const open = `    <testcase classname="${xml(`${host}.${group}`)}" name="${xml(escapeLine(name))}"`;
  if (verdict === 'passed') return [`${open}/>`];
  const inner =
    verdict === 'skipped'
      ? `<skipped>${xml(message)}</skipped>`
      : `<${verdict} type="${verdict === 'failure' ? 'drift' : 'blocked'}" message="${xml(message)}">${xml(text)}</${verdict}>`;
  return [`${open}>`, `      ${inner}`, '    </testcase>'];
}
