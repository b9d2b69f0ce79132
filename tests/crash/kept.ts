// Checks what a successful apply must keep: attributes and ACLs of what it edits or moves, and the times of what it
// does not write.

import { basename } from 'node:path';
import type { Group } from './group.ts';
import { mixed, tally, type Verdict } from './judge.ts';
import { inWorkshop } from './kill.ts';
import { ACROSS, EDITS, FRESH, ROLLBACK, ROLLBACK_ALL } from './scenarios.ts';
import type { Workshop } from './workshop.ts';

/** Each scenario undisturbed, because the other groups compare with its result. */
export const KEPT: readonly Group[] = [
  {
    name: 'kept when all goes well',
    describe: 'Attributes and ACLs of what is edited or moved, times of what is not written; in every scenario.',
    run: async ({ log }) => {
      const points: { label: string; verdict: Verdict }[] = [];
      for (const scenario of [FRESH, ACROSS, EDITS, ROLLBACK, ROLLBACK_ALL])
        await inWorkshop(scenario, async (shop) => {
          points.push({ label: scenario.name, verdict: lost(shop) });
          return tally([], () => {});
        });
      return tally(points, log);
    },
  },
];

function lost({ old, new: next, kept }: Workshop): Verdict {
  const named = (row: string): string => `${basename(row.split('\t')[0]!)} ${row.split('\t')[1]}`;
  const attributes = new Set(next.rows.filter((row) => row.includes('\tattribute ')).map(named));
  const there = new Set([...next.contents.keys()].map((path) => basename(path)));
  const whats = new Set([...next.contents.values()].map(({ what }) => what));
  const wrong = [
    ...old.rows
      .filter((row) => row.includes('\tattribute '))
      .map(named)
      .filter((row) => there.has(row.slice(0, row.indexOf(' '))) && !attributes.has(row)),
    ...[...old.contents]
      .filter(([, { what }]) => whats.has(what) && !kept.has(what))
      .map(([path]) => `the time of ${path}`),
  ];
  return wrong.length === 0 ? { end: 'new' } : mixed(`not kept: ${wrong.slice(0, 6).join('; ')}`);
}
