// reflake explain [CODE or WORDS]: the page of a code, with an example and what it is related to; the codes by theme; those whose
// pages hold the words.

import { CODES, type Code } from '../../core/codes.ts';
import { closest } from '../../core/spec/suggest.ts';
import { PROVIDERS } from '../../providers/index.ts';
import { type End, EXIT } from '../session/exit.ts';
import type { GlobalOptions, Io, Usage } from '../session/io.ts';
import type { Reporting } from '../session/run.ts';
import { EXAMPLES } from './code-examples.gen.ts';

const ALL = Object.keys(CODES).sort() as readonly Code[];

const THEMES = {
  RF1: 'the spec',
  RF2: 'the machine and its configuration',
  RF3: 'applying, going back, the history',
  RF4: 'Nix, git and other programs',
} as const;

export function explainCommand(
  { code: asked }: GlobalOptions & { readonly code?: string | undefined },
  _io: Io,
  { report }: Reporting,
): End {
  const found = asked === undefined ? ALL : codesFor(asked);
  if (asked !== undefined && found.length === 0) throw { usage: nothingFor(asked) } satisfies Usage;
  const [only] = found;
  if (found.length === 1 && only !== undefined) {
    const { title, page } = CODES[only];
    const example = EXAMPLES[only];
    const related = relatedTo(only).map((code) => ({ code, title: CODES[code].title }));
    report({ type: 'code', code: only, theme: themeOf(only), title, page, ...(example && { example }), related });
  } else {
    for (const one of found) report({ type: 'code', code: one, theme: themeOf(one), title: CODES[one].title });
  }
  return { exit: EXIT.ok };
}

const themeOf = (code: Code): string => THEMES[code.slice(0, 3) as keyof typeof THEMES];

/** One code, or the codes whose title or page has every word; those with all of them in the title first. */
function codesFor(asked: string): readonly Code[] {
  const exact = ALL.find((code) => code === asked.toUpperCase());
  if (exact !== undefined) return [exact];
  const words = asked
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  const has = (text: string): boolean => words.length > 0 && words.every((word) => text.toLowerCase().includes(word));
  const titled = ALL.filter((code) => has(CODES[code].title));
  return [
    ...titled,
    ...ALL.filter((code) => !titled.includes(code) && has(`${CODES[code].title} ${CODES[code].page}`)),
  ];
}

function nothingFor(asked: string): string {
  const isCode = /^rf\d*$/i.test(asked);
  const close = isCode ? closest(asked.toUpperCase(), ALL) : undefined;
  const what = isCode ? 'unknown code' : 'no page has the words';
  return `${what} ${JSON.stringify(asked)}${close ? `; did you mean ${close}?` : '; reflake explain lists all'}`;
}

/** Most that are listed: of a provider with more codes, those alone that the pages name. */
const MOST_RELATED = 6;

/** The codes that the page names, those whose pages name this one, and those of the same small provider. */
function relatedTo(code: Code): readonly Code[] {
  const named = ALL.filter((one) => CODES[code].page.includes(one) || CODES[one].page.includes(code));
  const beside = PROVIDERS.filter(({ codes }) => codes.includes(code) && codes.length <= MOST_RELATED);
  return [...new Set([...named, ...beside.flatMap(({ codes }) => codes)])].filter((one) => one !== code);
}
