// The program of the oracle, for one named scene or random mixtures: main.mjs [--scene WORDS] [--runs N] [--seed N] [--root]
// [--verbose]. Prints the calls that the law does not allow, and then exits with 1. $REFLAKE names another program than dist's;
// $RUNS is --runs.

import { parseArgs } from 'node:util';
import { drawn, tried } from './draw.ts';
import { lineOf } from './oracle.ts';
import { SCENES } from './scenes.ts';

const { values } = parseArgs({
  options: {
    scene: { type: 'string' },
    runs: { type: 'string' },
    seed: { type: 'string' },
    root: { type: 'boolean' },
    verbose: { type: 'boolean' },
  },
});

async function main(): Promise<void> {
  const first = Number(values.seed ?? 1);
  const runs = Number(values.runs ?? process.env.RUNS ?? 100);
  const draws =
    values.scene === undefined
      ? Array.from({ length: runs }, (_, n) => drawn(first + n))
      : SCENES.filter(({ name, kind }) => `${kind} ${name}`.includes(values.scene!)).map((scene) => ({
          title: `${scene.kind} ${scene.name}`,
          scene,
          prefix: values.root ? ('/m' as const) : ('' as const),
          commands: [...(scene.words ?? [['plan'], ['apply', '--yes']])],
        }));
  let [wrong, calls, commands] = [0, 0, 0];
  for (const draw of draws) {
    const result = await tried(draw);
    calls += result.calls;
    commands += result.commands;
    const lines = [...result.harm, ...result.violations.map(lineOf)];
    if (values.verbose) for (const said of result.said) console.log(said.code, said.out);
    if (lines.length === 0) {
      console.log(`ok    ${draw.title}`);
      continue;
    }
    wrong++;
    console.log(`WRONG ${draw.title}`);
    for (const line of lines.slice(0, values.verbose ? 1_000 : 12)) console.log(`      ${line}`);
    if (lines.length > 12 && !values.verbose) console.log(`      and ${lines.length - 12} more`);
  }
  console.log(`${draws.length} trees, ${commands} commands, ${calls} calls with effective uid 0: ${wrong} wrong`);
  process.exitCode = wrong > 0 ? 1 : 0;
}

main().catch((thrown: unknown) => {
  console.error(thrown instanceof Error ? thrown.stack : String(thrown));
  process.exitCode = 1;
});
