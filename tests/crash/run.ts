// Runs the groups, prints their results, and fails if a point is wrong; with --write-docs it writes the rows of
// docs/reliability.md of the groups that ran. Other arguments: --all (every point, not a sample), --only WORDS, --list
// (runs nothing).

import { availableParallelism } from 'node:os';
import type { Group, Outcome } from './group.ts';
import { GROUPS } from './groups.ts';
import { writeTable } from './table.ts';

const args = process.argv.slice(2);
const all = args.includes('--all');
const only = args.includes('--only') ? (args[args.indexOf('--only') + 1] ?? '') : '';
const log = (line: string): void => console.log(line);
// The handlers of 'exit' remove what a group made.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1));

const results: { readonly group: Group; readonly outcome: Outcome }[] = [];
const chosen = GROUPS.filter(({ name }) => name.includes(only));
if (args.includes('--list')) for (const { name } of chosen) log(name);
else {
  // A group prepares its points one by one; meanwhile another group uses the other processors.
  const together = chosen.filter(({ alone }) => alone !== true);
  await Promise.all(Array.from({ length: availableParallelism() }, () => oneAfterAnother(together)));
  await oneAfterAnother(chosen.filter(({ alone }) => alone === true));
}

/** Takes groups out of the list and runs them, until none is left. */
async function oneAfterAnother(list: Group[]): Promise<void> {
  for (let group = list.shift(); group !== undefined; group = list.shift()) await runAndSay(group);
}

/** Prints the lines of a group at its end, in one piece. */
async function runAndSay(group: Group): Promise<void> {
  // With all points, this takes hours.
  if (all) log(`${group.name} …`);
  const lines: string[] = [group.name];
  const say = (line: string): void => void lines.push(line);
  const started = Date.now();
  const outcome = await group.run({ all, log: say });
  results.push({ group, outcome });
  const { tried, old, mixed, refused, failures, skipped } = outcome;
  const seconds = ((Date.now() - started) / 1000).toFixed(0);
  say(skipped ?? `  ${tried} tried: ${old} old, ${outcome.new} new, ${refused} refused, ${mixed} mixed (${seconds} s)`);
  for (const line of alike(failures)) say(`  ! ${line}`);
  log(lines.join('\n'));
  // Written at once, because all groups take hours, and the results so far must not be lost.
  if (args.includes('--write-docs')) writeTable([{ group, outcome }], all, GROUPS);
}
const sum = (of: (outcome: Outcome) => number): number =>
  results.reduce((total, { outcome }) => total + of(outcome), 0);
const [tried, wrong] = [sum((outcome) => outcome.tried), sum((outcome) => outcome.mixed)];
if (!args.includes('--list')) {
  log(`${tried} points tried, ${wrong} mixed`);
  if (wrong > 0 || tried === 0) process.exitCode = 1;
}

/** Failures, each kind once: those that differ only in numbers and random names are alike. */
function alike(failures: readonly string[]): readonly string[] {
  const kinds = new Map<string, string[]>();
  for (const failure of failures) {
    const kind = failure
      .slice(failure.indexOf(':'))
      .replace(/[0-9a-f]{6,}|\d+|\b[a-z]{1,2}\b|"[^"]*"|'[^']*'/gi, '#')
      .slice(0, 160);
    kinds.set(kind, [...(kinds.get(kind) ?? []), failure]);
  }
  return [...kinds.values()].map(
    (same) => `${same[0]!.slice(0, 500)}${same.length > 1 ? ` (and ${same.length - 1} like it)` : ''}`,
  );
}
