// The table of docs/reliability.md: what each group tried and how it ended, on which machine. Without a date.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { Group, Outcome } from './group.ts';

const PAGE = fileURLToPath(new URL('../../docs/reliability.md', import.meta.url));

/** Puts the results between the marks of the page; `isWhole`: every point was tried, not a sample. */
export function writeTable(
  results: readonly { readonly group: Group; readonly outcome: Outcome }[],
  isWhole: boolean,
): void {
  const rows = results.map(({ group, outcome }) =>
    outcome.skipped === undefined
      ? `| ${group.name} | ${outcome.tried} | ${outcome.old} | ${outcome.new} | ${outcome.refused} | ${outcome.mixed} |`
      : `| ${group.name} | – | | | | |`,
  );
  const sum = (of: keyof Omit<Outcome, 'failures' | 'skipped'>): number =>
    results.reduce((total, { outcome }) => total + outcome[of], 0);
  const table = [
    `${isWhole ? 'Every point' : 'A sample'}, by \`npm run test:crash -- ${isWhole ? '--all ' : ''}--write-docs\`; ${facts()}.`,
    '',
    '| group | tried | old | new | refused | mixed |',
    '|---|---:|---:|---:|---:|---:|',
    ...rows,
    `| **all** | **${sum('tried')}** | **${sum('old')}** | **${sum('new')}** | **${sum('refused')}** | **${sum('mixed')}** |`,
    '',
    'What each group does:',
    '',
    ...results.map(({ group }) => `- **${group.name}**: ${group.describe}`),
  ];
  const text = readFileSync(PAGE, 'utf8');
  writeFileSync(
    PAGE,
    text.replace(/(?<=<!-- table -->\n)[\s\S]*(?=<!-- \/table -->)/, () => `\n${table.join('\n')}\n\n`),
  );
}

/** Of the machine, without its name. */
function facts(): string {
  const type = (dir: string): string =>
    execFileSync('stat', ['-f', '-c', '%T', dir], { encoding: 'utf8' }).trim().replace('ext2/ext3', 'ext4');
  const kernel = /^\d+\.\d+/.exec(release())?.[0];
  return `Linux ${kernel}, Node ${process.version.slice(1)}, machines on ${type('/dev/shm')}, temporary files on ${type(tmpdir())}`;
}
