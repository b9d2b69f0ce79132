// The screen of why, and its lines for a log: one wish with its place, its state, what was found of it, the rules and the remedy.

import type { Why } from '../../core/event.ts';
import { pointerWords } from '../../core/formats/json-pointer.ts';
import type { Finding, Origin } from '../../core/model.ts';
import type { Theme } from './colour.ts';
import type { About } from './screen.ts';
import { holdsKey, isSecretName, secret } from './secrets.ts';
import { type Fact, factLines, factRows } from './status.ts';

type Words = Pick<About, 'source' | 'dir'>;

export function whyScreen(why: Why, words: Words, theme: Theme): string {
  const head = `${theme.paint('bold', theme.show(pointerWords(why.wish)))}: ${theme.show(stateWords(why))}`;
  return [head, '', ...factRows(factsOf(why, words), theme), ''].join('\n');
}

/** `why config.owner state: …`, one fact a line. */
export function whyLog(why: Why, words: Words, theme: Theme): string {
  const name = pointerWords(why.wish);
  return factLines(`why ${name}`, [['state', stateWords(why)], ...factsOf(why, words)], theme);
}

function stateWords({ state, reason = '', until, findings }: Why): string {
  const end = until === undefined ? '' : ` until ${until}`;
  switch (state) {
    case 'holds':
      return 'holds; what is there is what is wished, so nothing happens';
    case 'differs':
      return 'differs';
    case 'undecided':
      return 'undecided; what was seen does not tell, so nothing happens';
    case 'blocked':
      return findings.length === 0 ? 'blocked; the look was ended before it' : 'blocked; this bars the look';
    case 'acknowledged':
      return `acknowledged${end} (${reason}), so it is left as it is`;
    case 'expected':
      return `differs, and is expected to${end}; check does not count it, apply grants it`;
    case 'left out':
      return 'left out by --only or --skip, so nobody looked';
    case 'not checked':
      return 'not checked; it is about the machine, and --repo looks at the checkout alone';
    case 'not wished':
      return 'the spec asks nothing of it, and what it does not ask is left as it is';
  }
}

function factsOf(why: Why, words: Words): readonly Fact[] {
  const { at, impliedBy, provider, findings, rules } = why;
  const line = at && words.source(at.file)?.split(/\r?\n/)[at.line - 1]?.trim();
  return [
    ['in the spec', at === undefined ? 'not written' : `${at.file}:${at.line}:${at.column}`],
    ...(line ? [['', line] as const] : []),
    ...(impliedBy === undefined ? [] : [['', `implied by ${pointerWords(impliedBy)}`] as const]),
    ...(provider === undefined ? [] : [['looked at by', provider] as const]),
    ...findings.flatMap((finding) => findingFacts(finding)),
    ...rules.flatMap(({ code, title, page }): readonly Fact[] => [
      ['rule', `${code}: ${title}`],
      ['', page],
    ]),
  ];
}

const shownOf =
  ({ subject }: Finding) =>
  (text: string): string =>
    isSecretName(subject) || holdsKey(text) ? secret() : text;

/** `features: nix-command → flakes [RF2012]` and the reason, without secrets. */
function observedOf(finding: Finding): { readonly saw: string; readonly because: string } {
  const { subject, code, from, to, because } = finding;
  const shown = shownOf(finding);
  const values = [from, to].filter((text) => text !== undefined).map(shown);
  return {
    saw: `${subject}${values.length === 0 ? '' : `: ${values.join(' → ')}`} [${code}]`,
    because: isSecretName(subject) ? secret('changed') : shown(because),
  };
}

/** The same in one line. */
export const observedWords = (finding: Finding): string => {
  const { saw, because } = observedOf(finding);
  return `${saw} ${because}`;
};

function findingFacts(finding: Finding): readonly Fact[] {
  const { path, at, evidence = [], origin, remedy } = finding;
  const shown = shownOf(finding);
  const { saw, because } = observedOf(finding);
  const where = at === undefined ? path : `${at.file}:${at.line}:${at.column}`;
  return [
    ['observed', saw],
    ['', because],
    ...(where === undefined ? [] : [['at', where] as const]),
    ...evidence.map(({ path: file, saw: words }): Fact => {
      const text = shown(words);
      return ['evidence', file === undefined ? text : `${file}: ${text}`];
    }),
    ...(origin === undefined ? [] : originFacts(origin)),
    ...remedyFacts(remedy),
  ];
}

const CAUSE: Readonly<Record<Origin['cause'], string>> = {
  'never applied': 'never applied',
  spec: 'the spec changed',
  machine: 'the machine was changed outside',
  both: 'the spec changed, and the machine was changed outside',
  neither: 'neither the spec nor the file changed',
  unknown: 'unknown',
};

/** `the spec changed: the wish is another than at apply 3, …`, then who and since when, as far as it is known. */
export const originFacts = ({ cause, because, apply, since, file, commit }: Origin): readonly Fact[] => [
  ['cause', `${CAUSE[cause]}: ${because}`],
  ...(apply === undefined
    ? []
    : [['granted by', `apply ${apply.number}, ${apply.finishedAt} by ${apply.by}`] as const]),
  ...(file === undefined
    ? []
    : [['file', `of ${file.owner}${file.writtenAt === undefined ? '' : `, written ${file.writtenAt}`}`] as const]),
  ...(file?.store === undefined ? [] : [['from store', file.store] as const]),
  ...(commit === undefined ? [] : [['commit', `${commit.id.slice(0, 12)}, ${commit.at} by ${commit.author}`] as const]),
  ['since', since ?? 'unknown: no record of checks tells'],
];

function remedyFacts(remedy: Finding['remedy']): readonly Fact[] {
  if (remedy.by === 'plan') return [['remedy', `reflake apply does it (${remedy.action}); the bytes: plan --diff`]];
  const hint: readonly Fact[] = remedy.hint === '' ? [] : [['remedy', remedy.hint]];
  if (remedy.by === 'you') return hint;
  const lines = remedy.snippet.trimEnd().split('\n');
  return [...hint, ...lines.map((text, at): Fact => [at === 0 ? 'paste' : '', text])];
}
