// Somebody else changes something between crash and recovery. Every byte that they wrote must still be found, under its
// name or beside it (`reflake-conflict`); the run says so (exit 5), and everything else goes back.

import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, lstatSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Group } from './group.ts';
import { cutOff, moments } from './journal.ts';
import { brief, chosen, misbehaviour, mixed, tally, type Verdict } from './judge.ts';
import { inWorkshop } from './kill.ts';
import { EDITS, FRESH, ROLLBACK_ALL } from './scenarios.ts';
import { snapshotOf } from './snapshot.ts';
import type { Point } from './trace.ts';
import type { Place, Ran, Scenario, Workshop } from './workshop.ts';

const WORDS = 'somebody else wrote this';

/** Changes of somebody else to a path; the bytes that they write hold WORDS. */
const DEEDS: readonly (readonly [name: string, act: (path: string) => void])[] = [
  [
    'replaced',
    (path) => {
      writeFileSync(`${path}.swp`, WORDS);
      renameSync(`${path}.swp`, path);
    },
  ],
  ['edited in place', (path) => appendFileSync(path, WORDS)],
  ['deleted', (path) => rmSync(path)],
  [
    'made a directory',
    (path) => {
      rmSync(path);
      mkdirSync(path);
      writeFileSync(`${path}/note`, WORDS);
    },
  ],
];

/** Foreign changes to every file that the transaction changes, and at the place from which a tree was moved. */
export const FOREIGN: readonly Group[] = [FRESH, EDITS, ROLLBACK_ALL].map(interfered);

interface Case {
  readonly cut: Point;
  readonly path: string;
  readonly label: string;
  readonly act: (path: string) => void;
}

function interfered(scenario: Scenario): Group {
  return {
    name: `foreign changes: ${scenario.name}`,
    describe: 'Cut off; then a file replaced, edited, deleted or made a directory by somebody else; then `recover`.',
    run: (options) =>
      inWorkshop(scenario, async (shop) => {
        const cases: Case[] = [];
        for (const cut of await moments(shop)) {
          await cutOff(shop, shop.place, cut);
          for (const path of concerned(shop))
            for (const [name, act] of DEEDS) cases.push({ cut, path, label: `at ${cut.label}, ${path} ${name}`, act });
          for (const path of movedFrom(shop))
            cases.push({ cut, path, label: `at ${cut.label}, ${path} made again`, act: makeAgain });
        }
        const picked = chosen(cases, options, [3, 5]);
        const verdicts = await shop.each(picked, (place, one) => kept(shop, place, one));
        return tally(
          picked.map(({ label }, at) => ({ label, verdict: verdicts[at]! })),
          options.log,
        );
      }),
  };
}

async function kept(shop: Workshop, place: Place, { cut, path, act }: Case): Promise<Verdict> {
  await cutOff(shop, place, cut);
  const disk = place.machine + path;
  const saved = `${dirname(place.machine)}/saved`;
  spawnSync('rm', ['-rf', saved]);
  if (existsSync(disk)) execFileSync('cp', ['-a', disk, saved]);
  act(disk);
  const hasBytes = holding(place).length > 0;
  const ran = await place.run(['recover']);
  const wrong = misbehaviour(ran);
  if (wrong !== undefined) return mixed(wrong);
  const found = holding(place);
  if (hasBytes && found.length === 0) return mixed(`what somebody wrote is gone (exit ${ran.code}): ${brief(ran.out)}`);
  if (ran.code === 0) {
    // `recover` may say nothing only if the change lies outside the transaction, or went back with the tree.
    const odd = strange(shop, place, path, found);
    return odd.length === 0 ? { end: 'old' } : mixed(`recover ends with 0, but: ${odd.join('; ')}`);
  }
  if (ran.code !== 5) return mixed(`recover ends with ${ran.code}: ${brief(ran.out)}`);
  if (!isSaid(ran, path, found)) return mixed(`exit 5, but ${basename(path)} is not named: ${brief(ran.out)}`);
  // The change is kept beside, or it is in its place and the journal is kept. Either way everything else is old, at
  // once or after the change is removed.
  if (strange(shop, place, path, found).length === 0) return { end: 'refused' };
  for (const name of found) spawnSync('rm', ['-rf', place.machine + (thingOf(name, path) ?? name)]);
  if (existsSync(saved)) {
    // The tree may have gone back to its other place meanwhile.
    const home = [path, ...shop.old.rows.map((row) => row.split('\t')[0]!)].find(
      (one) => basename(one) === basename(path) && existsSync(dirname(place.machine + one)),
    );
    if (home === undefined) return mixed(`there is no place for ${path} any more`);
    spawnSync('rm', ['-rf', place.machine + home]);
    execFileSync('cp', ['-a', saved, place.machine + home]);
  }
  const again = await place.run(['recover']);
  if (again.code !== 0) return mixed(`put right by hand, recover ends with ${again.code}: ${brief(again.out)}`);
  const odd = strange(shop, place, path, []);
  return odd.length === 0 ? { end: 'refused' } : mixed(`put right by hand and recovered: ${odd.join('; ')}`);
}

/**
 * What is neither old nor the foreign change itself. Left out are the path, files that hold the words, and conflict
 * names.
 */
function strange(shop: Workshop, place: Place, path: string, found: readonly string[]): readonly string[] {
  // If the change is kept beside, the old file is back at its place.
  const isBeside = found.some((name) => name.includes(`/${basename(path)}.reflake-conflict`));
  const names = new Set([
    ...(isBeside ? [] : [basename(path)]),
    ...found.flatMap((name) => [basename(name), basename(dirname(name))]),
  ]);
  const now = new Set(snapshotOf(place.machine).rows);
  const old = new Set(shop.old.rows);
  return [...shop.old.rows.filter((row) => !now.has(row)), ...[...now].filter((row) => !old.has(row))]
    .filter((row) => !names.has(basename(row.split('\t')[0]!)) && !row.split('\t')[0]!.includes('reflake-conflict'))
    .slice(0, 5)
    .map((row) => row.replaceAll('\t', ' '));
}

const isSaid = ({ out }: Ran, path: string, found: readonly string[]): boolean =>
  out.includes(basename(path)) || found.some((name) => out.includes(basename(name)));

/** The file or directory that was put there, for a file that holds the words. */
const thingOf = (name: string, path: string): string | undefined =>
  [name, dirname(name)].find((one) => one === path || basename(one).includes('reflake-conflict'));

/** Paths (from /) of the files that hold the words. */
function holding({ machine }: Place): readonly string[] {
  const { stdout } = spawnSync('grep', ['-rlZ', '--', WORDS, '.'], { cwd: machine, encoding: 'utf8' });
  return stdout
    .split('\0')
    .filter((name) => name !== '')
    .map((name) => name.slice(1));
}

/** Files and links that differ from before: written, moved or given to another owner. */
function concerned({ old, place }: Workshop): readonly string[] {
  const before = new Set(old.rows);
  return snapshotOf(place.machine)
    .rows.filter((row) => /\t(file|link) /.test(row) && !before.has(row))
    .map((row) => row.split('\t')[0]!)
    .filter((path) => !path.includes('/.reflake-') && !path.includes('<') && lstatSync(place.machine + path).isFile());
}

/** The trees that are gone from their places. */
const movedFrom = ({ old, place }: Workshop): readonly string[] =>
  old.rows
    .filter((row) => row.includes('\tdir '))
    .map((row) => row.split('\t')[0]!)
    .filter((path) => !existsSync(place.machine + path) && existsSync(dirname(place.machine + path)));

function makeAgain(path: string): void {
  mkdirSync(path);
  writeFileSync(`${path}/configuration.nix`, WORDS);
}
