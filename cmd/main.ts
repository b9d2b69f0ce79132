// The command line: what can be typed, and which command it is. The door of yargs.

import yargs, { type Argv, type CommandModule } from 'yargs';
import { closest } from '../core/suggest.ts';
import { PROVIDERS } from '../providers/index.ts';
import { applyCommand } from './apply.ts';
import { checkCommand } from './check.ts';
import { EXIT, EXIT_MEANINGS } from './exit.ts';
import { historyCommand, showCommand } from './history.ts';
import { initCommand } from './init.ts';
import type { GlobalOptions, Io, Usage } from './io.ts';
import { planCommand } from './plan.ts';
import { recoverCommand } from './recover.ts';
import { explainCommand, SCHEMA_NAMES, schemaCommand, validateCommand } from './reference.ts';
import { rollbackCommand } from './rollback.ts';
import { VERSION } from './version.ts';

/** Parses and runs; the exit code. Throws only on bugs. */
export async function main(argv: readonly string[], io: Io): Promise<number> {
  let exit: number = EXIT.ok;
  const parser = commandLine(argv, io, (code) => {
    exit = code;
  });
  if (argv.length === 0) {
    io.out(`${SHORT_HELP}\n`);
    return EXIT.usage;
  }
  let printed = '';
  try {
    await parser.parseAsync([...argv], {}, (_error, _argv, output) => {
      printed = output;
    });
  } catch (thrown) {
    if (!isUsage(thrown)) throw thrown;
    io.err(`error: ${thrown.usage}\n   = help: reflake --help\n`);
    return EXIT.usage;
  }
  if (printed !== '') io.out(`${printed}\n`);
  return exit;
}

const SHORT_HELP = `reflake ${VERSION}: takes a NixOS machine to a pure flake, and keeps it there.

  reflake init        look at this machine and write the spec that describes it
  reflake plan        show what would change, and why; changes nothing
  reflake apply       make it so, or leave the machine exactly as it was
  reflake check       the drift check for CI: exit 0 in sync, 2 drift
  reflake rollback    take the last apply back

All commands and options: reflake --help`;

const isUsage = (thrown: unknown): thrown is Usage =>
  typeof thrown === 'object' && thrown !== null && 'usage' in thrown;

function commandLine(argv: readonly string[], io: Io, end: (code: number) => void): Argv {
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
  globalOptions(cli);
  for (const command of commands(io, end)) cli.command(command);
  return cli;
}

const GLOBAL = 'Options of every command:';

function globalOptions(cli: Argv): void {
  const names = PROVIDERS.map(({ name }) => name);
  cli
    .option('spec', {
      type: 'string',
      group: GLOBAL,
      describe: 'the spec; else $REFLAKE_SPEC, ./reflake.yaml, upwards, /etc/nixos',
      requiresArg: true,
    })
    .option('root', {
      type: 'string',
      group: GLOBAL,
      default: '/',
      describe: 'treat this directory as the machine',
      requiresArg: true,
    })
    .option('state', {
      type: 'string',
      group: GLOBAL,
      describe: 'where journal and history are kept',
      requiresArg: true,
    })
    .option('format', {
      choices: ['human', 'json'] as const,
      group: GLOBAL,
      default: 'human' as const,
      describe: 'json: one object per line',
    })
    .option('offline', { type: 'boolean', group: GLOBAL, default: false, describe: 'never use the network' })
    .option('only', {
      type: 'string',
      array: true,
      group: GLOBAL,
      choices: names,
      describe: 'look only at this aspect (may be repeated)',
    })
    .option('skip', {
      type: 'string',
      array: true,
      group: GLOBAL,
      choices: names,
      describe: 'leave this aspect out (may be repeated)',
    })
    .option('input', {
      type: 'boolean',
      group: GLOBAL,
      default: true,
      describe: 'ask where a question is open; --no-input never asks',
    })
    .option('color', {
      choices: ['auto', 'always', 'never'] as const,
      group: GLOBAL,
      default: 'auto' as const,
      describe: 'colours on the terminal',
    })
    .option('ascii', { type: 'boolean', group: GLOBAL, describe: 'plain ASCII symbols' })
    .option('quiet', {
      alias: 'q',
      type: 'boolean',
      group: GLOBAL,
      default: false,
      describe: 'only results and problems',
    })
    .option('verbose', { alias: 'v', type: 'boolean', group: GLOBAL, default: false, describe: 'say more' });
}

function commands(io: Io, end: (code: number) => void): CommandModule[] {
  // yargs hands out what the builders above and below describe; its own types can't follow them through a list.
  const run =
    <Options extends GlobalOptions>(act: (options: Options, io: Io) => number | Promise<number>) =>
    async (args: unknown) =>
      end(await act(args as Options, io));
  const yes = (cli: Argv): Argv =>
    cli.option('yes', { alias: 'y', type: 'boolean', default: false, describe: 'do not ask' });
  return [
    {
      command: 'init',
      describe: 'look at this machine and write the spec that describes it',
      builder: (cli) =>
        yes(cli)
          .option('name', { type: 'string', describe: 'host name' })
          .option('system', { type: 'string', describe: 'x86_64-linux, aarch64-linux, …' })
          .option('release', { type: 'string', describe: 'NixOS release, such as 24.05' })
          .option('user', { type: 'string', describe: 'owner of the configuration' })
          .option('path', { type: 'string', describe: 'where the configuration is to live' })
          .option('nixpkgs', { type: 'string', describe: 'flake reference of nixpkgs, instead of the release branch' })
          .option('activate', {
            choices: ['none', 'build', 'test', 'boot', 'switch'],
            default: 'none',
            describe: 'what apply does with the system',
          })
          .example('$0 init --yes', 'write ./reflake.yaml from what is found'),
      handler: run(initCommand),
    },
    {
      command: 'plan',
      describe: 'show what would change, and why; changes nothing',
      builder: (cli) =>
        cli
          .option('diff', { type: 'boolean', default: false, describe: 'show the bytes' })
          .option('out', { type: 'string', requiresArg: true, describe: 'save the plan to this file' })
          .option('detailed-exitcode', {
            type: 'boolean',
            default: false,
            describe: 'exit 2 where something would change',
          })
          .example('$0 plan --diff', 'every byte that would be written')
          .example('$0 plan --out plan.json', 'a plan to be applied exactly'),
      handler: run(planCommand),
    },
    {
      command: 'apply [plan]',
      describe: 'make it so, or leave the machine exactly as it was',
      builder: (cli) =>
        yes(cli.positional('plan', { type: 'string', describe: 'a saved plan' }))
          .option('expect', { type: 'string', requiresArg: true, describe: 'refuse any plan but the one with this id' })
          .example('sudo $0 apply', 'plan, ask, apply')
          .example('sudo $0 apply plan.json --expect 7f3c9a12', 'exactly the plan that was reviewed'),
      handler: run(applyCommand),
    },
    {
      command: 'check',
      describe: 'the drift check for CI: exit 0 in sync, 2 drift',
      builder: (cli) =>
        cli.option('strict', { type: 'boolean', default: false, describe: 'what could not be decided fails too' }),
      handler: run(checkCommand),
    },
    {
      command: 'rollback [generation]',
      describe: 'take an apply back; repeated, back to the first machine',
      builder: (cli) =>
        yes(cli.positional('generation', { type: 'number', describe: 'the apply to take back; the newest by default' }))
          .option('to', {
            type: 'number',
            requiresArg: true,
            describe: 'take everything after this apply back; 0: all',
          })
          .option('force', {
            type: 'boolean',
            default: false,
            describe: 'overwrite what was changed since; it is recorded first',
          })
          .check(({ generation, to }) => {
            if (generation !== undefined && to !== undefined) throw new Error('name an apply, or --to one, not both');
            if (Number.isNaN(generation) || Number.isNaN(to))
              throw new Error('an apply is named by its number: reflake history');
            return true;
          })
          .example('sudo $0 rollback --to 0', 'back to the very first machine'),
      handler: run(rollbackCommand),
    },
    { command: 'history', describe: 'past applies', handler: run(historyCommand) },
    {
      command: 'show [what]',
      describe: 'one apply, or a saved plan',
      builder: (cli) => cli.positional('what', { type: 'string', describe: 'number of an apply, or file of a plan' }),
      handler: run(showCommand),
    },
    { command: 'recover', describe: 'undo what a crash left unfinished', handler: run(recoverCommand) },
    { command: 'validate', describe: 'check the spec alone', handler: run(validateCommand) },
    {
      command: 'schema [name]',
      describe: 'print a JSON schema',
      builder: (cli) => cli.positional('name', { choices: SCHEMA_NAMES, default: 'spec' as const }),
      handler: async (args) => end(schemaCommand((args as unknown as { name: 'spec' }).name, io)),
    },
    {
      command: 'explain [code]',
      describe: 'the page of a diagnostic, such as RF2003',
      builder: (cli) => cli.positional('code', { type: 'string' }),
      handler: async (args) => end(explainCommand((args as { code?: string }).code, io)),
    },
  ];
}

/** yargs suggests commands but not options, and lists both spellings of an unknown one. */
function usageWords(message: string, argv: readonly string[]): string {
  const unknown = /^Unknown arguments?: (.+)$/.exec(message)?.[1]?.split(', ');
  if (unknown === undefined) return message.charAt(0).toLowerCase() + message.slice(1);
  const typed =
    unknown.find((name) => argv.some((word) => word.replace(/^-+/, '').split('=')[0] === name)) ?? unknown[0]!;
  const isOption = argv.some((word) => word.startsWith('-') && word.replace(/^-+/, '').split('=')[0] === typed);
  const close = closest(typed, isOption ? OPTION_WORDS : COMMAND_WORDS);
  const what = isOption ? `option --${typed}` : `"${typed}"`;
  return `unknown ${isOption ? what : `argument ${what}`}${close ? `; did you mean ${isOption ? '--' : ''}${close}?` : ''}`;
}

const OPTION_WORDS =
  'spec root state format offline only skip no-input color ascii quiet verbose help version yes diff out detailed-exitcode expect strict to force name system release user path nixpkgs activate'.split(
    ' ',
  );
const COMMAND_WORDS = 'init plan apply check rollback history show recover validate schema explain'.split(' ');
