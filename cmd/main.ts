// Parses the command line and runs the command. The only importer of yargs, which it loads only when it needs it.

import type { Argv, PositionalOptions, Options as YargsOptions } from 'yargs';
import { withoutCredentials } from '../core/formats/credentials.ts';
import { callerOf } from '../core/host/process/caller.ts';
import { FOREIGN_CODE } from '../core/host/process/environment.ts';
import { isRoot } from '../core/host/process/trusted.ts';
import { closest } from '../core/spec/suggest.ts';
import { readArguments } from './arguments.ts';
import {
  COMMANDS,
  type Command,
  type CommandName,
  GLOBAL_OPTIONS,
  memberOf,
  type Option,
  optionsOf,
} from './options.ts';
import { escapeLine } from './report/escape.ts';
import { type End, EXIT, EXIT_MEANINGS, exitOfSignal } from './session/exit.ts';
import { type GlobalOptions, type Io, isUsage, type Usage } from './session/io.ts';
import type { Act, Reporting } from './session/run.ts';
import { VERSION } from './version.ts';

/** Parses and runs; the exit code. Throws only on bugs. */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  if (argv.length === 0) {
    io.out(`${SHORT_HELP}\n`);
    return EXIT.usage;
  }
  try {
    refuseForeignCode(io.env);
    const typed = readArguments(argv);
    return typed === undefined ? await throughYargs(argv, io) : await RUN[typed.command](typed.options, io);
  } catch (thrown) {
    if (!isUsage(thrown)) throw thrown;
    io.err(`error: ${escapeLine(withoutCredentials(thrown.usage))}\n   = help: reflake --help\n`);
    return EXIT.usage;
  }
}

/**
 * Refuses, where another user called root (sudo), variables that make Node load code: root's process has loaded it already, and
 * must not go on. Root itself, without a caller, has set them as root.
 */
function refuseForeignCode(env: Io['env']): void {
  if (!isRoot() || callerOf(env).uid === 0) return;
  const name = Object.keys(env).find((one) => FOREIGN_CODE.test(one) && env[one] !== '');
  if (name === undefined) return;
  throw {
    usage: `${name} is set, and root does not run what somebody else's environment names: sudo env -u ${name} reflake …`,
  } satisfies Usage;
}

type Run = (options: unknown, io: Io) => Promise<number>;

/** A command that only reads; loaded when it runs. Ended by a signal, it has the exit code of the signal. */
const reading =
  <Options extends GlobalOptions>(verb: CommandName, load: () => Promise<Act<Options>>): Run =>
  async (options, io) => {
    const [act, { run }] = [await load(), await import('./session/run.ts')];
    const ending = async (typed: Options, given: Io, reporting: Reporting): Promise<End> => {
      const end = await act(typed, given, reporting);
      const signal = io.stopped();
      return signal === undefined ? end : { ...end, exit: exitOfSignal(signal) };
    };
    return run(verb, ending, options as Options, io);
  };

const writing =
  (verb: 'apply' | 'rollback' | 'recover'): Run =>
  async (options, io) =>
    (await import('./writing.ts')).writing(verb)(options, io);

/** Options are what options.ts describes; the types of the commands can't follow it there. */
const RUN: Readonly<Record<CommandName, Run>> = {
  init: reading('init', async () => (await import('./commands/init.ts')).initCommand),
  plan: reading('plan', async () => (await import('./commands/plan.ts')).planCommand),
  apply: writing('apply'),
  check: reading('check', async () => (await import('./commands/check.ts')).checkCommand),
  rollback: writing('rollback'),
  history: reading('history', async () => (await import('./commands/history.ts')).historyCommand),
  show: reading('show', async () => (await import('./commands/history.ts')).showCommand),
  recover: writing('recover'),
  validate: reading('validate', async () => (await import('./commands/reference.ts')).validateCommand),
  schema: reading('schema', async () => (await import('./commands/reference.ts')).schemaCommand),
  explain: reading('explain', async () => (await import('./commands/reference.ts')).explainCommand),
};

/** Runs yargs: for help, version, completion, every mistake, and correct lines that the quick reader gives up on. */
async function throughYargs(argv: readonly string[], io: Io): Promise<number> {
  let exit: number = EXIT.ok;
  const parser = await commandLine(argv, io, async (command, options) => {
    exit = await RUN[command](options, io);
  });
  let printed = '';
  await parser.parseAsync([...argv], {}, (_error, _argv, output) => {
    printed = output;
  });
  if (printed !== '') io.out(`${printed}\n`);
  return exit;
}

const SHORT_HELP = `reflake ${VERSION}: takes a NixOS machine to a pure flake, and keeps it there.

  reflake init        look at this machine and write the spec that describes it
  reflake plan        show what would change, and why; changes nothing
  reflake apply       make it so, or leave the machine exactly as it was
  reflake check       the drift check for CI: exit 0 in sync, 2 drift
  reflake rollback    undo the last apply

All commands and options: reflake --help`;

type Called = (command: CommandName, options: Readonly<Record<string, unknown>>) => Promise<void>;

/** yargs, set up from the table of options. It calls `act` for a command line without mistakes. */
export async function commandLine(argv: readonly string[], io: Pick<Io, 'columns'>, act: Called): Promise<Argv> {
  const { default: yargs } = await import('yargs');
  const cli = yargs([...argv])
    .scriptName('reflake')
    .usage('$0 <command> [options]\n\nTakes a NixOS machine to a pure flake, and keeps it there.')
    .version(VERSION)
    .help()
    .alias('h', 'help')
    .strict()
    .demandCommand(1, 'name a command')
    .recommendCommands()
    .showHelpOnFail(false)
    .exitProcess(false)
    // Without these `-t a b` swallows the positional, and `--no-color` clashes with its choices.
    .parserConfiguration({
      'greedy-arrays': false,
      'boolean-negation': true,
      'dot-notation': false,
      'parse-numbers': false,
    })
    .wrap(Math.min(100, io.columns || 80))
    .epilog(`Exit codes:\n${EXIT_MEANINGS.map(([code, meaning]) => `  ${code.padEnd(10)} ${meaning}`).join('\n')}`)
    .fail((message, error) => {
      if (isUsage(error) || (error !== undefined && error.name !== 'YError')) throw error;
      throw { usage: usageWords(message ?? String(error), argv) } satisfies Usage;
    });
  for (const [name, option] of Object.entries(GLOBAL_OPTIONS))
    cli.option(name, { ...forYargs(option), group: 'Options of every command:' });
  for (const name of Object.keys(COMMANDS) as CommandName[]) addCommand(cli, name, act);
  return cli;
}

function addCommand(cli: Argv, name: CommandName, act: Called): void {
  const { describe, positional, options = {}, problem, examples = [] } = COMMANDS[name] as Command;
  cli.command({
    command: positional ? `${name} [${positional.name}]` : name,
    describe,
    builder: (command) => {
      if (positional) command.positional(positional.name, forYargs(positional) as PositionalOptions);
      for (const [option, how] of Object.entries(options)) command.option(option, forYargs(how));
      for (const [line, what] of examples) command.example(line, what);
      return command.check((args) => {
        const why = problem?.(args);
        if (why !== undefined) throw { usage: why } satisfies Usage;
        return true;
      });
    },
    handler: (args) => {
      const members = Object.keys(optionsOf(name)).map(memberOf);
      return act(name, Object.fromEntries(members.map((member) => [member, args[member]])));
    },
  });
}

/** A copy: the types of yargs have no read-only lists. */
const forYargs = (option: Option): YargsOptions =>
  ({ ...option, ...(option.choices && { choices: [...option.choices] }) }) as YargsOptions;

/** yargs suggests commands but not options, and lists both spellings of an unknown one. */
function usageWords(message: string, argv: readonly string[]): string {
  const meant = /^Did you mean (.+)\?$/.exec(message)?.[1];
  const typedCommand = argv.find((word) => !word.startsWith('-'));
  if (meant !== undefined) return `unknown command ${JSON.stringify(typedCommand)}; did you mean ${meant}?`;
  const unknown = /^Unknown arguments?: (.+)$/.exec(message)?.[1]?.split(', ');
  if (unknown === undefined) return message.charAt(0).toLowerCase() + message.slice(1);
  const typed =
    unknown.find((name) => argv.some((word) => word.replace(/^-+/, '').split('=')[0] === name)) ?? unknown[0]!;
  const isOption = argv.some((word) => word.startsWith('-') && word.replace(/^-+/, '').split('=')[0] === typed);
  const close = closest(typed, isOption ? OPTION_WORDS : COMMAND_WORDS);
  const what = isOption ? `option --${typed}` : `"${typed}"`;
  return `unknown ${isOption ? what : `argument ${what}`}${close ? `; did you mean ${isOption ? '--' : ''}${close}?` : ''}`;
}

const COMMAND_WORDS = Object.keys(COMMANDS);
const OPTION_WORDS = [
  ...new Set(
    (Object.values(COMMANDS) as Command[])
      .flatMap(({ options = {} }) => Object.entries<Option>({ ...GLOBAL_OPTIONS, ...options }))
      .map(([name, option]) => (option.default === true ? `no-${name}` : name)),
  ),
  'help',
  'version',
];
