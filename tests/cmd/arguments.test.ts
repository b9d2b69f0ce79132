// The quick reader of command lines against yargs: both read each line alike, and the quick one reads every ordinary line.

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readArguments, type Typed } from '../../cmd/arguments.ts';
import { commandLine } from '../../cmd/main.ts';
import { COMMANDS, type CommandName, optionsOf } from '../../cmd/options.ts';

/** The command line as yargs reads it; undefined if it refuses, or prints something instead of running a command. */
async function yargsReads(argv: readonly string[]): Promise<Typed | undefined> {
  let typed: Typed | undefined;
  const parser = await commandLine(argv, async (command, options) => {
    typed = { command, options };
  });
  try {
    await parser.parseAsync([...argv], {}, () => {});
  } catch (thrown) {
    if (!(typeof thrown === 'object' && thrown !== null && 'usage' in thrown)) throw thrown;
    return undefined;
  }
  return typed;
}

const NAMES = Object.keys(COMMANDS) as CommandName[];

/** Words that options take, and words on which the two readers may differ. */
const VALUES = [
  'human',
  'json',
  'always',
  'none',
  'switch',
  'git',
  'lock',
  'x',
  'a=b',
  '7',
  '0x10',
  '1e3',
  '.5',
  'true',
];
const ODD = [
  '',
  ' ',
  '-',
  '--',
  '-1',
  "'x'",
  '"x',
  'a b',
  'a\nb',
  '--x',
  'a"b',
  '=',
  '__proto__',
  'é',
  'false',
  'git,lock',
];
const value = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...VALUES) },
  { weight: 1, arbitrary: fc.constantFrom(...ODD) },
  { weight: 1, arbitrary: fc.string({ maxLength: 4 }) },
);

/** One option as somebody may type it, well or badly. */
const words = (command: CommandName): fc.Arbitrary<readonly string[]> => {
  const known = optionsOf(command);
  const name = fc.constantFrom(...Object.keys(known));
  const flag = fc.constantFrom(...Object.keys(known).filter((one) => known[one]!.type === 'boolean'));
  const alias = fc.constantFrom(...Object.values(known).flatMap((one) => one.alias ?? []));
  const detailed = fc.constantFrom(
    '--detailedExitcode',
    '--no-detailed-exitcode',
    '--help',
    '--version',
    '--constructor',
  );
  return fc.oneof(
    { weight: 6, arbitrary: flag.map((one) => [`--${one}`]) },
    { weight: 2, arbitrary: flag.map((one) => [`--no-${one}`]) },
    { weight: 6, arbitrary: fc.tuple(name, value).map(([one, two]) => [`--${one}`, two]) },
    { weight: 6, arbitrary: fc.tuple(name, value).map(([one, two]) => [`--${one}=${two}`]) },
    { weight: 3, arbitrary: alias.map((one) => [`-${one}`]) },
    { weight: 1, arbitrary: fc.tuple(alias, value).map(([one, two]) => [`-${one}${two}`]) },
    { weight: 1, arbitrary: fc.tuple(flag, value).map(([one, two]) => [`--no-${one}`, two]) },
    { weight: 1, arbitrary: value.map((one) => [one]) },
    { weight: 1, arbitrary: detailed.map((one) => [one]) },
  );
};

const lines = fc
  .constantFrom(...NAMES)
  .chain((command) =>
    fc
      .tuple(fc.constant(command), fc.array(words(command), { maxLength: 4 }))
      .map(([one, more]) => [one, ...more.flat()]),
  );

test('what the quick reader reads, yargs reads the same', async () => {
  let read = 0;
  await fc.assert(
    fc.asyncProperty(lines, async (argv) => {
      const typed = readArguments(argv);
      if (typed === undefined) return;
      read++;
      expect(await yargsReads(argv)).toStrictEqual(typed);
    }),
    { numRuns: 500 },
  );
  // Else the test has compared nothing.
  expect(read).toBeGreaterThan(50);
}, 60_000);

describe('ordinary command lines are read without yargs', () => {
  test.each([
    ['plan'],
    ['plan --root /tmp/x --spec=reflake.yaml --diff'],
    ['plan --detailed-exitcode --no-input -q --format json --color never --ascii'],
    ['check --strict --only lock --only=git --skip ownership --offline'],
    ['apply --yes --expect 7f3c9a12'],
    ['apply -y -v --state /tmp/state'],
    ['init --name nixos --activate switch -y'],
    ['rollback --force'],
    ['history'],
    ['schema'],
  ])('%s', async (line) => {
    const typed = readArguments(line.split(' '));
    expect(typed).toBeDefined();
    expect(await yargsReads(line.split(' '))).toStrictEqual(typed);
  });
});

describe('what is not ordinary is left to yargs', () => {
  test.each([
    ['', undefined],
    ['--version', undefined],
    ['plan --help', undefined],
    ['plna', undefined],
    ['constructor', undefined],
    ['plan --spec a --spec b', undefined],
    ['plan -v -v', 'plan'],
    ['plan --spec', undefined],
    ['plan --diff true', 'plan'],
    ['apply plan.json', 'apply'],
    ['rollback --to 3', 'rollback'],
    ['rollback 1 --to 3', undefined],
    ['rollback x', undefined],
    ['show 4', 'show'],
    ['plan --detailedExitcode', 'plan'],
    ['--offline plan', 'plan'],
  ])('%s', async (line, command) => {
    const argv = line.split(' ').filter((word) => word !== '');
    expect(readArguments(argv)).toBeUndefined();
    expect((await yargsReads(argv))?.command).toBe(command);
  });
});
