// The rows of the table that power cuts fill, as they run in a process of their own (main.ts). groups.ts offers them.

import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { crashesOf } from './crashes.ts';
import { cutAll } from './cuts.ts';
import type { Layout } from './images.ts';
import { type Findings, recordScenario, replay } from './replay.ts';
import { ACROSS, APPLY, type Bench, RECOVER, ROLLBACK, type Scenario } from './scenarios.ts';

/** Replayed, or cut for real. */
export type Row =
  | { readonly how: 'replay'; readonly scenario: Scenario; readonly across: boolean; readonly splitRename?: boolean }
  | { readonly how: 'cut'; readonly scenario: Scenario; readonly layouts: readonly Layout[] };

const on = (kind: Layout['kind']): readonly Layout[] => [{ kind, on: '' }];

const THREE: readonly Layout[] = [
  { kind: 'ext4', on: 'state' },
  { kind: 'xfs', on: 'machine' },
  { kind: 'ext4', on: 'machine/home' },
];
const THREE_BTRFS: readonly Layout[] = [
  { kind: 'btrfs', on: 'state' },
  { kind: 'ext4', on: 'machine' },
  { kind: 'btrfs', on: 'machine/home' },
];

export const ROWS = {
  apply: { how: 'replay', scenario: APPLY, across: false },
  rollback: { how: 'replay', scenario: ROLLBACK, across: false },
  recover: { how: 'replay', scenario: RECOVER, across: false },
  'apply-across': { how: 'replay', scenario: APPLY, across: true },
  'rollback-across': { how: 'replay', scenario: ROLLBACK, across: true },
  'recover-across': { how: 'replay', scenario: RECOVER, across: true },
  'apply-split': { how: 'replay', scenario: APPLY, across: false, splitRename: true },
  'rollback-split': { how: 'replay', scenario: ROLLBACK, across: false, splitRename: true },
  ext4: { how: 'cut', scenario: APPLY, layouts: on('ext4') },
  xfs: { how: 'cut', scenario: APPLY, layouts: on('xfs') },
  btrfs: { how: 'cut', scenario: APPLY, layouts: on('btrfs') },
  three: { how: 'cut', scenario: APPLY, layouts: THREE },
  'three-btrfs': { how: 'cut', scenario: APPLY, layouts: THREE_BTRFS },
  'rollback-ext4': { how: 'cut', scenario: ROLLBACK, layouts: on('ext4') },
  'rollback-btrfs': { how: 'cut', scenario: ROLLBACK, layouts: on('btrfs') },
  'rollback-three': { how: 'cut', scenario: ROLLBACK, layouts: THREE },
} as const satisfies Readonly<Record<string, Row>>;

export type RowName = keyof typeof ROWS;

/** `work`: an empty directory of ours, in memory. */
export async function runRow(row: Row, bench: Bench, all: boolean, log: (line: string) => void): Promise<Findings> {
  if (row.how === 'cut') {
    const { layouts, scenario } = row;
    return cutAll({ layouts, scenario, limit: all ? Number.POSITIVE_INFINITY : 5 }, bench, `${bench.home}/images`);
  }
  return await onTmpfs(row.across ? ACROSS : [], bench.disk, async () => {
    const recorded = await recordScenario(row.scenario, bench, { splitRename: row.splitRename === true });
    const { units, moments } = recorded.recording;
    log(`recorded ${units.length} changes, ${moments.filter(({ kind }) => kind === 'flush').length} flushes`);
    const choice = { seed: 1, random: all ? 8 : 2, everywhere: all };
    // Without flushes something must go wrong, or nothing that follows says anything.
    for (const flushes of ['none', 'no-directories'] as const) {
      const { failures } = await replay(recorded, { ...choice, flushes }, { stopAtFirst: true, limit: 400 });
      if (failures.length === 0) throw new Error(`control: nothing is wrong with flushes "${flushes}"`);
    }
    return await replay(recorded, choice, all ? { real: 50 } : { limit: 150, real: 40 });
  });
}

/** Which flushes of a recorded command are needed: without one of these alone, something goes wrong. */
export async function neededFlushes(row: Row, bench: Bench, log: (line: string) => void): Promise<void> {
  if (row.how === 'cut') throw new Error('flushes can be left out of a recording only');
  await onTmpfs(row.across ? ACROSS : [], bench.disk, async () => {
    const recorded = await recordScenario(row.scenario, bench);
    const choice = { seed: 1, random: 0, everywhere: false };
    const base = new Set<string>();
    // To the end: the states that may be left when nothing is dropped.
    for (const _ of crashesOf(recorded.recording, { ...choice, known: base }));
    const flushes = recorded.recording.moments.flatMap((moment) => (moment.kind === 'flush' ? [moment.what] : []));
    let needed = 0;
    for (const [number, what] of flushes.entries()) {
      const without = { ...choice, flushes: number, known: new Set(base) };
      const { failures } = await replay(recorded, without, { stopAtFirst: true });
      if (failures.length > 0) needed++;
      log(
        `${failures.length > 0 ? 'needed   ' : 'redundant'} ${number} ${what}${failures[0] ? `: ${failures[0].slice(0, 300)}` : ''}`,
      );
    }
    log(`${needed} of ${flushes.length} are needed`);
  });
}

async function onTmpfs<T>(mounts: readonly string[], disk: string, act: () => Promise<T>): Promise<T> {
  for (const mount of mounts) {
    mkdirSync(`${disk}/${mount}`, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', 'reflake-power', `${disk}/${mount}`]);
  }
  return await act();
}
