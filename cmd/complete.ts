// What may come next on a command line, from the table of options (options.ts): for the completion of every shell. Pure; what the
// machine knows (hosts, past applies, users) comes from known.ts.

import { CODES, type Code } from '../core/codes.ts';
import { PROVIDERS } from '../providers/index.ts';
import { COMMANDS, type Command, type CommandName, GLOBAL_OPTIONS, type Option, optionsOf } from './options.ts';
import { FORMATS } from './report/formats/registry.ts';

/** A word, and what it is. */
export type Candidate = readonly [word: string, what: string];

/** What only a look at the machine tells; each is asked where it is needed. */
export interface Known {
  readonly hosts: () => Promise<readonly Candidate[]>;
  readonly applies: () => Promise<readonly Candidate[]>;
  readonly users: () => Promise<readonly Candidate[]>;
}

/** `paths`: names of files or directories may stand there too; the shell knows them best. */
export interface Completion {
  readonly paths: 'none' | 'files' | 'directories';
  readonly candidates: readonly Candidate[];
}

/** `words`: those behind the program's name, up to the one that is being typed, which may be empty. */
export async function complete(words: readonly string[], known: Known): Promise<Completion> {
  const typed = words.at(-1) ?? '';
  const place = placeIn(words.slice(0, -1));
  const cut = typed.startsWith('--') ? typed.indexOf('=') : -1;
  const named = cut === -1 ? undefined : optionNamed(typed.slice(0, cut), place.command);
  const option = place.awaits ?? named;
  const found =
    option !== undefined
      ? await valuesOf(option, known)
      : typed.startsWith('-')
        ? justWords(optionWords(place))
        : await argumentOf(place, known);
  const head = place.awaits === undefined && named !== undefined ? typed.slice(0, cut + 1) : '';
  const candidates = found.candidates
    .map(([word, what]): Candidate => [`${head}${word}`, what])
    .filter(([word]) => word.startsWith(typed) && word !== '');
  return { paths: found.paths, candidates };
}

/** Where the next word stands. */
interface Place {
  readonly command: CommandName | undefined;
  /** The word behind `help`. */
  readonly isHelp: boolean;
  /** The option whose value comes next. */
  readonly awaits: Option | undefined;
  readonly given: readonly string[];
  /** How many words are there that are neither the command nor of an option. */
  readonly positionals: number;
  /** Behind `--` nothing is an option. */
  readonly isBare: boolean;
}

function placeIn(before: readonly string[]): Place {
  let place: Place = { command: undefined, isHelp: false, awaits: undefined, given: [], positionals: 0, isBare: false };
  for (const word of before) {
    if (place.awaits !== undefined) place = { ...place, awaits: undefined };
    else if (word === '--') place = { ...place, isBare: true };
    else if (word.startsWith('-') && !place.isBare) {
      const option = optionNamed(word.split('=')[0]!, place.command);
      const takesValue = option !== undefined && option.type !== 'boolean' && !word.includes('=');
      const given = [...place.given, word.split('=')[0]!];
      place = { ...place, given, awaits: takesValue ? option : undefined };
    } else if (place.command === undefined && word === 'help') place = { ...place, isHelp: true };
    else if (place.command === undefined && Object.hasOwn(COMMANDS, word))
      place = { ...place, command: word as CommandName };
    else place = { ...place, positionals: place.positionals + 1 };
  }
  return place;
}

function optionNamed(word: string, command: CommandName | undefined): Option | undefined {
  const options = command === undefined ? GLOBAL_OPTIONS : optionsOf(command);
  return Object.entries<Option>(options).find(([name, { alias }]) => word === `--${name}` || word === `-${alias}`)?.[1];
}

const justWords = (candidates: readonly Candidate[]): Completion => ({ paths: 'none', candidates });

/** Those that are not given yet, or may be given again. */
function optionWords({ command, given, isBare }: Place): readonly Candidate[] {
  if (isBare) return [];
  const own = command === undefined ? {} : ((COMMANDS[command] as Command).options ?? {});
  const options = Object.entries<Option>({ ...own, ...GLOBAL_OPTIONS }).map(
    ([name, option]) => [`--${option.default === true ? 'no-' : ''}${name}`, option] as const,
  );
  return [
    ...options
      .filter(([word, { array, alias }]) => array || !(given.includes(word) || given.includes(`-${alias}`)))
      .map(([word, { describe = '' }]): Candidate => [word, describe]),
    ['--help', 'help on this command'],
    ...(command === undefined ? [['--version', 'the version'] as const] : []),
  ];
}

async function argumentOf(place: Place, known: Known): Promise<Completion> {
  const { command, isHelp, positionals } = place;
  if (command === undefined) {
    const commands = Object.entries<Command>(COMMANDS).map(([name, { describe }]): Candidate => [name, describe]);
    return justWords(
      positionals > 0 ? [] : [...commands, ...(isHelp ? [] : [['help', 'all about one command'] as const])],
    );
  }
  const { positional } = COMMANDS[command] as Command;
  if (isHelp || positional === undefined || positionals > 0) return justWords(isHelp ? [] : optionWords(place));
  return await valuesOf(positional, known);
}

async function valuesOf({ choices, completes }: Option, known: Known): Promise<Completion> {
  if (choices !== undefined) return justWords(choices.map((choice) => [choice, '']));
  if (completes === undefined) return justWords([]);
  switch (completes) {
    case 'file':
      return { paths: 'files', candidates: [] };
    case 'directory':
      return { paths: 'directories', candidates: [] };
    case 'apply':
      return justWords(await known.applies());
    case 'apply or file':
      return { paths: 'files', candidates: await known.applies() };
    case 'host':
      return justWords(await known.hosts());
    case 'user':
      return justWords(await known.users());
    case 'code':
      return justWords((Object.keys(CODES) as readonly Code[]).map((code) => [code, CODES[code].title]));
    case 'format':
      return justWords(FORMATS.map((format) => [format, '']));
    case 'part':
      return justWords(PARTS);
    case 'wish':
      return { paths: 'files', candidates: WISHES };
    case 'command':
      return justWords(Object.entries<Command>(COMMANDS).map(([name, { describe }]) => [name, describe]));
  }
}

/** Wishes in words of the spec, as far as no name of the user's stands in them. */
const WISHES: readonly Candidate[] = [
  ...new Set(
    PROVIDERS.flatMap(({ answers }) => answers.map((pattern) => pattern.split('/').slice(1))).flatMap(
      ([first, second]) => (second === undefined || second.startsWith('*') ? [first!] : [first!, `${first}.${second}`]),
    ),
  ),
].map((word): Candidate => [word, 'a wish of the spec']);

/** What --only and --skip take: providers, and the wishes that they answer. */
const PARTS: readonly Candidate[] = [
  ...PROVIDERS.map(({ name }): Candidate => [name, 'a provider']),
  ...WISHES.filter(([word]) => !PROVIDERS.some(({ name }) => name === word)),
];
