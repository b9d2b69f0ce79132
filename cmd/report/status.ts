// The screen of status, and its lines for a log: where the configuration is, which wishes hold, the last apply, the systems.

import type { MachineStatus } from '../../core/event.ts';
import { fromPointer } from '../../core/formats/json-pointer.ts';
import type { Verdict } from '../../core/verdict.ts';
import type { Theme } from './colour.ts';
import { shortSystem } from './names.ts';
import { padEnd, wrap } from './width.ts';

export function statusScreen(status: MachineStatus, theme: Theme): string {
  const head = [status.host, status.system, status.spec].map(theme.show).join(theme.show(' · '));
  return [theme.paint('bold', head), '', ...factRows(factsOf(status), theme)].join('\n');
}

/** `status last apply: 3, 2026-…`, one fact a line. */
export const statusLog = (status: MachineStatus, theme: Theme): string => factLines('status', factsOf(status), theme);

/** In two columns, long texts folded. */
export const factRows = (facts: readonly Fact[], theme: Theme): readonly string[] =>
  facts.flatMap(([what, text]) => {
    const [first = '', ...rest] = wrap(theme.show(text), theme.columns - INDENT - 2);
    return [`  ${padEnd(what, INDENT)}${first}`.trimEnd(), ...rest.map((line) => `  ${' '.repeat(INDENT)}${line}`)];
  });

/** `HEAD WHAT: TEXT`, one fact a line. */
export const factLines = (head: string, facts: readonly Fact[], theme: Theme): string =>
  facts
    .map(([what, text], at) => {
      const word = what || facts.slice(0, at).findLast(([one]) => one)![0];
      return theme.show(`${head} ${word}: ${text}`);
    })
    .join('\n');

/** The widest word, `configuration`, and a gap. */
const INDENT = 15;

/** One without a word belongs to the one above. */
export type Fact = readonly [what: string, text: string];

function factsOf(status: MachineStatus): readonly Fact[] {
  const { place, isFlake, isRepository, lastApply, builds, running, boots, generation } = status;
  const kind = isFlake
    ? `a flake${isRepository ? ' in a git repository' : ''}`
    : 'no flake yet; see what makes it one: reflake plan';
  const wishes = wishesOf(status);
  return [
    ['configuration', `${place}, ${kind}`],
    ...wishes.map((text, at) => [at === 0 ? 'wishes' : '', text] as const),
    ['last apply', lastApply === undefined ? 'none yet' : applyWords(lastApply)],
    ['running', systemWords(running, 'no NixOS runs here')],
    ...comparedWith(builds, running),
    [
      'boot default',
      `${generation === undefined ? '' : `generation ${generation}, `}${boots !== undefined && boots === running ? 'what is running' : systemWords(boots, 'none')}`,
    ],
    ...(boots === running ? [] : comparedWith(builds, boots)),
    ...buildsWords(status),
  ];
}

const systemWords = (system: string | undefined, none: string): string =>
  system === undefined ? none : shortSystem(system);

const comparedWith = (builds: MachineStatus['builds'], system: string | undefined): readonly Fact[] => {
  if (builds.kind !== 'evaluated' || system === undefined) return [];
  return [['', builds.system === system ? 'what the flake builds' : 'not what the flake builds']];
};

function buildsWords({ builds, running, boots, place, attribute }: MachineStatus): readonly Fact[] {
  if (builds.kind === 'not asked') return [['flake builds', `not asked: ${builds.why}`]];
  if (builds.kind === 'failed') return [['flake builds', `not known: ${builds.why}`]];
  const system = ['flake builds', shortSystem(builds.system)] as const;
  if (running === builds.system && boots === builds.system) return [system];
  const mode = running === builds.system ? 'boot' : 'switch';
  return [system, ['', `run it: sudo nixos-rebuild ${mode} --flake ${place}#${attribute}`]];
}

const applyWords = ({
  number,
  kind,
  finishedAt,
  by,
  plan,
  undoes,
  undone,
}: NonNullable<MachineStatus['lastApply']>): string => {
  const what = kind === 'apply' ? `plan ${plan.slice(7, 15)}` : `a rollback of ${undoes.join(', ')}`;
  return `${number}, ${finishedAt} by ${by}, ${what}${undone ? ' (undone)' : ''}`;
};

const VERDICTS = [
  ['holds', 'hold'],
  ['differs', 'differ'],
  ['undecided', 'undecided'],
  ['blocked', 'blocked'],
] as const satisfies readonly (readonly [Verdict, string])[];

/** Wishes that hold by their first word, where all below it hold; any other in full. */
function wishesOf({ answers }: MachineStatus): readonly string[] {
  const first = (wish: string): string => fromPointer(wish)[0] ?? wish;
  return VERDICTS.flatMap(([verdict, word]) => {
    const names = answers
      .filter((one) => one.verdict === verdict)
      .map(({ wish, by }) => {
        const isWhole = answers.every((one) => first(one.wish) !== first(wish) || one.verdict === verdict);
        const name = isWhole ? first(wish) : fromPointer(wish).join('.');
        return by === undefined ? name : `${name} (${by})`;
      });
    return names.length === 0 ? [] : [`${word}: ${[...new Set(names)].join(', ')}`];
  });
}
