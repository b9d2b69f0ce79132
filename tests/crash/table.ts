// The table of docs/reliability.md: what each group tried when it was last run for the page, and how it ended. It has
// no date.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Group, Outcome } from './group.ts';

const PAGE = fileURLToPath(new URL('../../docs/reliability.md', import.meta.url));

/** A row: whether all points were tried, and how they ended. */
interface Row {
  readonly points: string;
  readonly counts: readonly number[];
}

const COUNTS = ['tried', 'old', 'new', 'refused', 'mixed'] as const;

/**
 * Puts the results between the marks of the page; rows of groups that were not run stay as they are. `isWhole`: every
 * point was tried, not a sample. `groups`: all groups, in their order.
 */
export function writeTable(
  results: readonly { readonly group: Group; readonly outcome: Outcome }[],
  isWhole: boolean,
  groups: readonly Group[],
): void {
  const text = readFileSync(PAGE, 'utf8');
  const rows = rowsIn(text);
  for (const { group, outcome } of results)
    if (outcome.skipped === undefined)
      rows.set(group.name, { points: isWhole ? 'all' : 'a sample', counts: COUNTS.map((name) => outcome[name]) });
  const known = groups.filter(({ name }) => rows.has(name));
  const sums = COUNTS.map((_, at) => known.reduce((sum, { name }) => sum + rows.get(name)!.counts[at]!, 0));
  const line = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;
  const table = [
    `By \`npm run test:crash -- --write-docs\`, with \`--all\` where it says so; ${facts()}.`,
    '',
    line(['group', 'points', ...COUNTS]),
    '|---|---|---:|---:|---:|---:|---:|',
    ...known.map(({ name }) => line([name, rows.get(name)!.points, ...rows.get(name)!.counts])),
    line(['**together**', '', ...sums.map((sum) => `**${sum}**`)]),
    '',
    'What each group does:',
    '',
    ...[...new Set(known.map(({ describe }) => describe))].map((words) => {
      const names = known.filter(({ describe }) => describe === words).map(({ name }) => name);
      return `- **${names.join('; ')}**: ${words}`;
    }),
  ];
  writeFileSync(
    PAGE,
    text.replace(/(?<=<!-- table -->\n)[\s\S]*(?=<!-- \/table -->)/, () => `\n${table.join('\n')}\n\n`),
  );
}

function rowsIn(page: string): Map<string, Row> {
  const rows = new Map<string, Row>();
  for (const [, name, points, counts] of page.matchAll(/^\| ([^|*]+) \| (all|a sample) \|((?: \d+ \|){5})$/gm))
    rows.set(name!, { points: points!, counts: counts!.split('|').slice(0, 5).map(Number) });
  return rows;
}

/** The facts of the machine, without its name. */
function facts(): string {
  const type = (dir: string): string =>
    execFileSync('stat', ['-f', '-c', '%T', dir], { encoding: 'utf8' }).trim().replace('ext2/ext3', 'ext4');
  const kernel = /^\d+\.\d+/.exec(release())?.[0];
  return `Linux ${kernel}, Node ${process.version.slice(1)}, machines on ${type('/dev/shm')}, temporary files on ${type(tmpdir())}`;
}
