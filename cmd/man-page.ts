// The manual pages, from the same data as the help (options.ts, exit.ts): of the program, and of each command. In mdoc(7), which
// man(1) of every system takes.

import type { Candidate } from './complete.ts';
import { COMMON, describedBy, SENTENCE } from './help.ts';
import { COMMANDS, type Command, type CommandName, GLOBAL_OPTIONS, type Option, type Options } from './options.ts';
import { wrap } from './report/width.ts';
import { type End, EXIT, EXIT_MEANINGS } from './session/exit.ts';
import type { GlobalOptions, Io, Usage } from './session/io.ts';
import type { Reporting } from './session/run.ts';
import { unknownCommand } from './usage-words.ts';

/** Prints a page. Throws usage for a command that there is not. */
export function manCommand(
  { command }: GlobalOptions & { readonly command?: string | undefined },
  _io: Io,
  { report }: Reporting,
): End {
  if (command !== undefined && !Object.hasOwn(COMMANDS, command))
    throw { usage: unknownCommand(command) } satisfies Usage;
  const name = command as CommandName | undefined;
  const text = name === undefined ? programPage() : commandPage(name);
  report({ type: 'text', name: `${pageName(name)}(1)`, text });
  return { exit: EXIT.ok };
}

/** Of the texts here; it goes with the version. */
const DATE = 'November 30, 2026';

const pageName = (command: CommandName | undefined): string =>
  command === undefined ? 'reflake' : `reflake-${command}`;

/** The page of the program itself. */
export function programPage(): string {
  const commands = Object.entries<Command>(COMMANDS);
  return page(undefined, 'take a NixOS machine to a pure flake, and keep it there', [
    ...synopsis('reflake', [
      ['Ar', 'command'],
      ['Op', 'Ar argument'],
      ['Op', 'Ar options'],
    ]),
    '.Sh DESCRIPTION',
    ...text(SENTENCE),
    ...text(
      'A spec, reflake.yaml, says what is wanted. A plan says what differs and why, and changes nothing. An apply does exactly what the plan says, or leaves the machine as it was; each can be undone.',
      '.Pp',
    ),
    ...text('Each command has a page of its own: reflake-plan(1) and so on.', '.Pp'),
    ...tagged(commands.map(([name, { describe }]) => [`Cm ${name}`, describe])),
    '.Sh OPTIONS',
    ...text('These are taken by every command.'),
    ...tagged(optionsOf(GLOBAL_OPTIONS), common()),
    ...rest([
      ['reflake init && reflake plan', 'see what would make a flake of the configuration of this machine'],
      ['sudo reflake apply', 'make it so'],
      ['sudo reflake rollback', 'go back'],
    ]),
  ]);
}

function commandPage(name: CommandName): string {
  const { describe, positional, options = {}, examples = [] } = COMMANDS[name] as Command;
  const word = positional === undefined ? [] : [['Op', `Ar ${positional.name}`] as const];
  const own = [
    ...(positional === undefined ? [] : [[`Ar ${positional.name}`, described(positional)] as const]),
    ...optionsOf(options),
  ];
  return page(name, describe.replace(/[;:,].*/, ''), [
    ...synopsis(`reflake ${name}`, [...word, ['Op', 'Ar options']]),
    '.Sh DESCRIPTION',
    ...text(`${describe[0]!.toUpperCase()}${describe.slice(1)}.`),
    ...(own.length === 0 ? [] : tagged(own)),
    '.Sh OPTIONS',
    ...text('These are taken by every command.'),
    ...tagged(optionsOf(GLOBAL_OPTIONS), common()),
    ...rest(examples.map(([line, what]) => [line.replaceAll('$0', 'reflake'), what])),
  ]);
}

/** With the choices, which no other place names. */
const described = (option: Option): string =>
  [describedBy(option), option.choices && `one of ${option.choices.join(', ')}`].filter((words) => words).join('; ');

const page = (command: CommandName | undefined, what: string, body: readonly string[]): string =>
  [
    `.Dd ${DATE}`,
    `.Dt ${pageName(command).toUpperCase()} 1`,
    '.Os',
    '.Sh NAME',
    `.Nm ${pageName(command)}`,
    `.Nd ${escaped(what)}`,
    ...body,
    '',
  ].join('\n');

const synopsis = (name: string, parts: readonly (readonly [macro: string, args: string])[]): readonly string[] => [
  '.Sh SYNOPSIS',
  `.Nm ${name}`,
  ...parts.map(([macro, args]) => `.${macro} ${args}`),
];

/** What stands behind the options on every page, in the order that mdoc(7) asks for. */
function rest(examples: readonly Candidate[]): readonly string[] {
  const shown = examples.flatMap(([line, what]) => [
    ...text(`${what[0]!.toUpperCase()}${what.slice(1)}:`, '.Pp'),
    '.Dl ' + escaped(line),
  ]);
  return [
    '.Sh ENVIRONMENT',
    ...tagged(VARIABLES.map(([name, what]) => [`Ev ${name}`, what])),
    '.Sh FILES',
    ...tagged(FILES.map(([path, what]) => [`Pa ${path}`, what])),
    '.Sh EXIT STATUS',
    ...tagged(
      EXIT_MEANINGS.map(([code, what]) => [`Li ${code.replaceAll(' / ', ' / Li ').replaceAll('/', ',')}`, what]),
    ),
    // The first paragraph break behind a heading is none.
    ...(shown.length === 0 ? [] : ['.Sh EXAMPLES', ...shown.slice(1)]),
  ];
}

const VARIABLES: readonly Candidate[] = [
  ['REFLAKE_SPEC', 'the spec, where --spec names none'],
  ['PAGER', 'what shows long output on a terminal; less by default, nothing where it is empty'],
  ['NO_COLOR, FORCE_COLOR, CLICOLOR, CLICOLOR_FORCE', 'colours, where --color says nothing'],
  ['XDG_STATE_HOME', 'below which an ordinary user has journal and history'],
  ['SUDO_USER, SUDO_UID, DOAS_USER, PKEXEC_UID', 'who called root: Nix and git run as them'],
];

const FILES: readonly Candidate[] = [
  ['reflake.yaml', 'the spec: here, above, or in /etc/nixos'],
  ['/var/lib/reflake', 'journal and history of root'],
  ['~/.local/state/reflake', 'those of an ordinary user'],
];

const common = (): readonly Candidate[] => COMMON.map(([words, what]) => [flags(words), what]);

const optionsOf = (options: Options): readonly Candidate[] =>
  Object.entries<Option>(options).map(([name, option]) => {
    const { alias, type, argument, choices, default: by } = option;
    const long = `--${by === true ? 'no-' : ''}${name}`;
    const value = type === 'boolean' ? '' : ` Ar ${argument ?? choices?.join('|') ?? name.toUpperCase()}`;
    return [`${flags(`${alias === undefined ? '' : `-${alias}, `}${long}`)}${value}`, describedBy(option)];
  });

/** `-q, --quiet` as mdoc has it. */
const flags = (words: string): string =>
  words
    .split(', ')
    .map((word) => `Fl ${word.slice(1)}`)
    .join(' , ');

const tagged = (...lists: readonly (readonly Candidate[])[]): readonly string[] => [
  '.Bl -tag -width Ds',
  ...lists
    .flat()
    .flatMap(([head, what]) => [
      `.It ${head.replaceAll('-', '\\-')}`,
      ...text(`${what[0]!.toUpperCase()}${what.slice(1)}.`),
    ]),
  '.El',
];

/** Lines of a text, each sentence on a line of its own. `before`: a line in front of it. */
const text = (words: string, ...before: readonly string[]): readonly string[] => [
  ...before,
  ...words.split(/(?<=[.!?]) (?=\p{Lu})/u).flatMap((sentence) => wrap(sentence, 70).map(escaped)),
];

/** As roff takes it for text: a backslash is one, a leading dot is no request, what is not ASCII has a name. */
const escaped = (line: string): string =>
  line
    .replaceAll('\\', '\\e')
    .replaceAll('’', "'")
    .replace(/^[.']/, '\\&$&')
    .replaceAll('-', '\\-')
    .replace(
      /[^\u0020-\u007e]/gu,
      (char) => `\\[u${char.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}]`,
    );
