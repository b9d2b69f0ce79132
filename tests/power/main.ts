// The program behind the groups of power cuts. groups.ts starts it in a mount namespace of its own, so its mounts
// vanish with it, even if it is killed. Arguments: the row; `all` or `sample`; dist/reflake.cjs; an empty directory.
// Prints progress, and in the last line the findings as JSON.

import { mkdirSync } from 'node:fs';
import type { Bench } from './bench.ts';
import { ROWS, type RowName, runRow } from './rows.ts';

const [name = '', extent = '', program = '', work = ''] = process.argv.slice(2);
const row = ROWS[name as RowName];
const bench: Bench = {
  disk: `${work}/disk`,
  home: `${work}/home`,
  spec: `${work}/spec.json`,
  program,
  pretender: `${work}/pretend.js`,
};
const log = (line: string): void => console.log(line);

async function run(): Promise<void> {
  for (const dir of [bench.disk, bench.home]) mkdirSync(dir);
  log(JSON.stringify(await runRow(row, bench, extent === 'all', log)));
}

run().catch((thrown: unknown) => {
  // console.error would add colours and nested details, which do not fit into a table.
  console.error(thrown instanceof Error ? thrown.stack : String(thrown));
  process.exitCode = 1;
});
