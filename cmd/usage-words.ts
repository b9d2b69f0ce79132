// What is said of a command line that is wrong: the word that is not known, and the one that was probably meant.

import { closest } from '../core/spec/suggest.ts';
import { COMMANDS, type Command, type CommandName, GLOBAL_OPTIONS, type Options, optionsOf } from './options.ts';

/** What other programs call it. The value is what to type here. */
const SYNONYMS: Readonly<Record<string, string>> = {
  undo: 'rollback',
  revert: 'rollback',
  restore: 'rollback',
  back: 'rollback',
  diff: 'plan --diff',
  preview: 'plan',
  'dry-run': 'plan',
  drift: 'check',
  verify: 'check',
  test: 'check',
  switch: 'apply',
  up: 'apply',
  deploy: 'apply',
  sync: 'apply',
  list: 'history',
  ls: 'history',
  log: 'history',
  generations: 'history',
  lint: 'validate',
  'check-spec': 'validate',
  parse: 'validate',
  setup: 'init',
  new: 'init',
  adopt: 'init',
  convert: 'init',
  repair: 'recover',
  abort: 'recover',
  resume: 'recover',
  why: 'explain',
};

const OPTION_SYNONYMS: Readonly<Record<string, string>> = {
  json: '--format json',
  'non-interactive': '--no-input',
  config: '--spec',
  file: '--spec',
  output: '--out',
  'exit-code': '--detailed-exitcode',
};

/** What yargs is to say where there is no command. */
export const NO_COMMAND = 'name a command';

/** `unknown command "undo"; did you mean rollback?` */
export function unknownCommand(typed: string): string {
  const meant = Object.hasOwn(SYNONYMS, typed.toLowerCase())
    ? SYNONYMS[typed.toLowerCase()]
    : closest(typed, [...Object.keys(COMMANDS), 'help', ...Object.keys(SYNONYMS)]);
  const named = meant !== undefined && Object.hasOwn(SYNONYMS, meant) ? SYNONYMS[meant] : meant;
  return `unknown command ${JSON.stringify(typed)}${named === undefined ? '' : `; did you mean ${named}?`}`;
}

/**
 * yargs' own words put as ours. It suggests commands but not options, and lists both spellings of an unknown one. An option
 * that other commands have is not misspelt: these are named.
 */
export function usageWords(message: string, argv: readonly string[]): string {
  const command = argv.find((word) => Object.hasOwn(COMMANDS, word)) as CommandName | undefined;
  const unknown = /^Unknown arguments?: (.+)$/.exec(message)?.[1]?.split(', ');
  // An option in front that is not known takes the command for its value.
  const strange = argv.find((word) => word.startsWith('-') && !isKnown(word, GLOBAL_OPTIONS));
  if (command === undefined) {
    const word = argv.find((one) => !one.startsWith('-'));
    if (word !== undefined && unknown?.includes(word)) return unknownCommand(word);
  }
  if (strange !== undefined && (command === undefined || message === NO_COMMAND))
    return unknownOption(strange, undefined);
  if (unknown === undefined) return message.charAt(0).toLowerCase() + message.slice(1);
  const typed = argv.find((word) => word.startsWith('-') && unknown.includes(bare(word)));
  if (typed !== undefined) return unknownOption(typed, command);
  const [word = ''] = unknown;
  // Other programs take their file as an argument.
  if (/\.(ya?ml|json)$/i.test(word)) return `unknown argument ${JSON.stringify(word)}; a spec is named by --spec FILE`;
  return `unknown argument ${JSON.stringify(word)}${command === undefined ? '' : `: reflake help ${command}`}`;
}

function unknownOption(typed: string, command: CommandName | undefined): string {
  const name = bare(typed);
  const shown = typed.split('=')[0]!;
  const having = (Object.keys(COMMANDS) as CommandName[]).filter((one) =>
    isKnown(typed, (COMMANDS[one] as Command).options ?? {}),
  );
  if (having.length > 0)
    return `unknown option ${shown}${command === undefined ? '' : ` for ${command}`}: it is one of ${listed(having)}`;
  if (Object.hasOwn(OPTION_SYNONYMS, name)) return `unknown option ${shown}; did you mean ${OPTION_SYNONYMS[name]}?`;
  const here = command === undefined ? GLOBAL_OPTIONS : optionsOf(command);
  const close = closest(name, [...typable(here), 'help', 'version']);
  return `unknown option ${shown}${close === undefined || close === name ? '' : `; did you mean --${close}?`}`;
}

/** As they are typed: what is there by default is typed with `no-`. */
const typable = (options: Options): readonly string[] =>
  Object.entries(options).map(([name, option]) => (option.default === true ? `no-${name}` : name));

const bare = (word: string): string => word.replace(/^-+/, '').split('=')[0]!;

const isKnown = (word: string, options: Options): boolean =>
  Object.entries(options).some(([name, { alias }]) =>
    word.startsWith('--') ? bare(word).replace(/^no-/, '') === name : alias !== undefined && bare(word) === alias,
  );

const listed = (names: readonly string[]): string =>
  names.length === 1 ? names[0]! : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
