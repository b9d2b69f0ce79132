// What -h, --help, `help COMMAND` and --version print: short and whole, from the same table as the command line (options.ts).

import { COMMANDS, type Command, type CommandName, GLOBAL_OPTIONS, type Option, type Options } from './options.ts';
import { padEnd, wrap } from './report/width.ts';
import { EXIT_MEANINGS } from './session/exit.ts';
import { VERSION } from './version.ts';

export type Asked =
  | { readonly kind: 'help'; readonly whole: boolean; readonly words: readonly string[]; readonly plain: boolean }
  | { readonly kind: 'version'; readonly verbose: boolean };

/** What a command line asks for instead of running a command; undefined: nothing of it. `words`: what is no option; `plain`: without a pager. */
export function askedFor(argv: readonly string[]): Asked | undefined {
  const end = argv.indexOf('--');
  const typed = end === -1 ? argv : argv.slice(0, end);
  const has = (long: string, short: string): boolean =>
    typed.some((word) => word === `--${long}` || (BUNDLE.test(word) && word.includes(short)));
  const words = typed.filter((word) => !word.startsWith('-'));
  const plain = typed.includes('--no-pager');
  if (typed[0] === 'help') return { kind: 'help', whole: !typed.includes('-h'), words: words.slice(1), plain };
  if (typed.includes('--help')) return { kind: 'help', whole: true, words, plain };
  if (has('help', 'h')) return { kind: 'help', whole: false, words, plain };
  if (has('version', 'V')) return { kind: 'version', verbose: has('verbose', 'v') };
  return undefined;
}

/** Options of one letter, alone or several in one word. */
const BUNDLE = /^-[hqvVy]+$/;

export const SENTENCE =
  'Takes a NixOS machine from the installer’s channel configuration to a pure flake, and keeps it there.';

/** Without a command. */
export function programHelp(whole: boolean, columns: number): string {
  if (!whole) return SHORT;
  const commands = Object.entries<Command>(COMMANDS).map(([name, { describe }]) => [name, describe] as const);
  return [
    'reflake COMMAND [OPTIONS]',
    wrap(SENTENCE, columns).join('\n'),
    section(
      'Commands',
      [...commands, ['help COMMAND', 'all about one command; -h after a command: the short of it']],
      columns,
    ),
    section('Options of every command', [...optionRows(GLOBAL_OPTIONS), ...COMMON], columns),
    section('Exit codes', EXIT_MEANINGS, columns),
  ].join('\n\n');
}

const SHORT = `reflake ${VERSION}: takes a NixOS machine to a pure flake, and keeps it there.

  reflake init        look at this machine and write the spec that describes it
  reflake plan        show what would change, and why; changes nothing
  reflake apply       make it so, or leave the machine exactly as it was
  reflake check       the drift check for CI: exit 0 in sync, 2 drift
  reflake rollback    undo the last apply

All commands and options: reflake --help`;

/** What every command answers besides its options. */
export const COMMON = [
  ['-h, --help', 'the short help; the whole of it'],
  ['-V, --version', 'the version; with -v those of Node, Nix and git too'],
] as const;

/** Of one command: its own options first. `whole`: those of every command and the exit codes too. */
export function commandHelp(name: CommandName, whole: boolean, columns: number): string {
  const { describe, positional, options = {}, examples = [] } = COMMANDS[name] as Command;
  const word = positional === undefined ? '' : ` [${positional.name.toUpperCase()}${positional.array ? '…' : ''}]`;
  const own = [
    ...(positional === undefined ? [] : [[positional.name.toUpperCase(), describedBy(positional)] as const]),
    ...optionRows(options),
  ];
  const shown = examples.map(([line, what]) => [line.replace('$0', 'reflake'), what] as const);
  return [
    `reflake ${name}${word} [OPTIONS]`,
    wrap(`${describe[0]!.toUpperCase()}${describe.slice(1)}.`, columns).join('\n'),
    ...(own.length === 0 ? [] : [section('Options', own, columns)]),
    ...(shown.length === 0 ? [] : [section('Examples', shown, columns)]),
    ...(whole
      ? [
          section('Options of every command', [...optionRows(GLOBAL_OPTIONS), ...COMMON], columns),
          section('Exit codes', EXIT_MEANINGS, columns),
        ]
      : [`All options and exit codes: reflake help ${name}`]),
  ].join('\n\n');
}

const optionRows = (options: Options): readonly (readonly [string, string])[] =>
  Object.entries(options).map(([name, option]) => {
    const { alias, type, default: by } = option;
    const long = `--${by === true ? 'no-' : ''}${name}`;
    const value = type === 'boolean' ? '' : ` ${option.argument ?? option.choices?.join('|') ?? name.toUpperCase()}`;
    return [`${alias === undefined ? '' : `-${alias}, `}${long}${value}`, describedBy(option)];
  });

/** With the default, where it is a word that can be typed. */
export const describedBy = ({ describe = '', default: by }: Option): string =>
  typeof by === 'string' ? `${describe}${describe === '' ? '' : '; '}${by} by default` : describe;

/** Two columns, each line within `columns`; where the left one is wide, the right one begins below it. */
function section(title: string, rows: readonly (readonly [string, string])[], columns: number): string {
  const left = Math.min(26, Math.max(...rows.map(([word]) => word.length))) + 2;
  const lines = rows.flatMap(([word, what]) => {
    const [first = '', ...more] = wrap(what, Math.max(20, columns - left - 2));
    const rest = more.map((line) => `  ${' '.repeat(left)}${line}`);
    const isWide = word.length + 2 > left;
    return isWide
      ? [`  ${word}`, `  ${' '.repeat(left)}${first}`, ...rest]
      : [`  ${padEnd(word, left)}${first}`.trimEnd(), ...rest];
  });
  return [`${title}:`, ...lines].join('\n');
}
