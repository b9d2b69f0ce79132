// The rows of the table that power cuts fill, as main.ts runs them. groups.ts offers them to the runner.

import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import type { Bench } from './bench.ts';
import { crashesOf, type Flushes } from './crashes.ts';
import { cutAll } from './cuts.ts';
import type { Findings } from './findings.ts';
import type { Layout } from './images.ts';
import { type Recorded, recordScenario, replay } from './replay.ts';
import { ACROSS, APPLY, EDITS, ROLLBACK, recoveryAfter, type Scenario } from './scenarios.ts';
import { clear } from './snapshot.ts';

/** A row that is replayed, or cut for real. A sample takes only its first scenario. */
export type Row =
  | {
      readonly how: 'replay';
      readonly scenarios: readonly Scenario[];
      readonly across?: boolean;
      readonly splitRename?: boolean;
    }
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

/** The first is late in the apply, when there is most to undo; the last come after the commit. */
const RECOVERIES = [0.85, 0.05, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.95, 0.99].map(recoveryAfter);

export const ROWS = {
  apply: { how: 'replay', scenarios: [APPLY] },
  edits: { how: 'replay', scenarios: [EDITS] },
  rollback: { how: 'replay', scenarios: [ROLLBACK] },
  recover: { how: 'replay', scenarios: RECOVERIES },
  'apply-across': { how: 'replay', scenarios: [APPLY], across: true },
  'rollback-across': { how: 'replay', scenarios: [ROLLBACK], across: true },
  'recover-across': { how: 'replay', scenarios: RECOVERIES, across: true },
  'half-renames': { how: 'replay', scenarios: [APPLY, EDITS, ROLLBACK, RECOVERIES[0]!], splitRename: true },
  ext4: { how: 'cut', scenario: APPLY, layouts: on('ext4') },
  xfs: { how: 'cut', scenario: APPLY, layouts: on('xfs') },
  btrfs: { how: 'cut', scenario: APPLY, layouts: on('btrfs') },
  three: { how: 'cut', scenario: APPLY, layouts: THREE },
  'three-btrfs': { how: 'cut', scenario: APPLY, layouts: THREE_BTRFS },
  'rollback-ext4': { how: 'cut', scenario: ROLLBACK, layouts: on('ext4') },
  'rollback-btrfs': { how: 'cut', scenario: ROLLBACK, layouts: on('btrfs') },
  'rollback-three': { how: 'cut', scenario: ROLLBACK, layouts: THREE },
} satisfies Readonly<Record<string, Row>>;

export type RowName = keyof typeof ROWS;

/** `work`: an empty directory of ours, in memory. */
export async function runRow(row: Row, bench: Bench, all: boolean, log: (line: string) => void): Promise<Findings> {
  if (row.how === 'cut') {
    const { layouts, scenario } = row;
    return cutAll({ layouts, scenario, limit: all ? Number.POSITIVE_INFINITY : 3 }, bench, `${bench.home}/images`);
  }
  mount(row, bench);
  const sum = { counts: { old: 0, new: 0, mixed: 0, refused: 0 }, failures: [] as string[] };
  const seeing = new Set<Flushes>();
  for (const scenario of all ? row.scenarios : row.scenarios.slice(0, 1)) {
    clear(bench.disk);
    const recorded = await recordScenario(scenario, bench, { splitRename: row.splitRename === true });
    const { units, moments } = recorded.recording;
    const choice = { seed: 1, random: all ? 8 : 2, everywhere: all };
    for (const flushes of CONTROLS) {
      const { failures } = await replay(recorded, { ...choice, flushes }, { stopAtFirst: true, limit: 400 });
      if (failures.length > 0) seeing.add(flushes);
    }
    const { counts, failures } = await replay(recorded, choice, all ? { real: 50 } : { limit: 40, real: 20 });
    for (const verdict of ['old', 'new', 'mixed', 'refused'] as const) sum.counts[verdict] += counts[verdict];
    sum.failures.push(...failures);
    if (all && scenario === row.scenarios[0]) await tellNeeded(recorded, log);
    const flushes = moments.filter(({ kind }) => kind === 'flush').length;
    log(`${scenario.name}: ${units.length} changes, ${flushes} flushes, ${JSON.stringify(counts)}`);
  }
  const blind = CONTROLS.filter((flushes) => !seeing.has(flushes));
  if (blind.length > 0) throw new Error(`control: nothing is found wrong with these flushes: ${blind.join(', ')}`);
  return sum;
}

/** Without flushes something must go wrong; otherwise the results mean nothing. */
const CONTROLS = ['none', 'no-directories'] as const;

/** Logs the flushes that the command needs: without such a one alone, something goes wrong. */
async function tellNeeded(recorded: Recorded, log: (line: string) => void): Promise<void> {
  const { recording, scenario } = recorded;
  const choice = { seed: 1, random: 0, everywhere: false };
  const base = new Set<string>();
  // Runs to the end to collect the states that may occur with all flushes.
  for (const _ of crashesOf(recording, { ...choice, known: base }));
  const flushes = recording.moments.flatMap((moment) => (moment.kind === 'flush' ? [moment.what] : []));
  const needed: string[] = [];
  for (const [number, what] of flushes.entries()) {
    const without = { ...choice, flushes: number, known: new Set(base) };
    const { failures } = await replay(recorded, without, { stopAtFirst: true });
    if (failures.length > 0) needed.push(what);
  }
  log(`${scenario.name}: ${needed.length} of ${flushes.length} flushes are needed: ${needed.join(', ')}`);
}

function mount({ across }: Extract<Row, { how: 'replay' }>, { disk }: Bench): void {
  for (const dir of across === true ? ACROSS : []) {
    mkdirSync(`${disk}/${dir}`, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'mode=755', 'reflake-power', `${disk}/${dir}`]);
  }
}
