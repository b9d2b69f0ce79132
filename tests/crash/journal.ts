// Damages a journal, or makes it look as if a newer reflake had written it, before the next run. That run must refuse
// with words and touch nothing, or end rightly; it must never guess.

import { existsSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import type { Group } from './group.ts';
import { brief, chosen, misbehaviour, mixed, recovered, tally, type Verdict, world } from './judge.ts';
import { dirsOf, inWorkshop, kill, lastUndone, recordedAfresh } from './kill.ts';
import { EDITS, FRESH, ROLLBACK_ALL } from './scenarios.ts';
import { difference, snapshotOf } from './snapshot.ts';
import { killPoints, type Point } from './trace.ts';
import type { Place, Scenario, Workshop } from './workshop.ts';

/** A way to damage a file. */
type Damage = readonly [name: string, act: (file: string) => void];

const DAMAGES: readonly Damage[] = [
  ['emptied', (file) => truncateSync(file, 0)],
  ['cut in half', (file) => truncateSync(file, statSync(file).size >> 1)],
  ['one byte short', (file) => truncateSync(file, Math.max(0, statSync(file).size - 1))],
  ['first bit flipped', (file) => flip(file, 0)],
  ['a bit in the middle flipped', (file) => flip(file, statSync(file).size >> 1)],
  ['last bit flipped', (file) => flip(file, statSync(file).size - 1)],
  ['zeroed', (file) => writeFileSync(file, Buffer.alloc(statSync(file).size))],
  ['deleted', (file) => rmSync(file)],
  ['appended to', (file) => writeFileSync(file, 'more', { flag: 'a' })],
];

/** Damage to every file of an unfinished transaction at two moments, and records of a newer version. */
export const JOURNALS: readonly Group[] = [...[FRESH, EDITS, ROLLBACK_ALL].map(damaged), newer(FRESH)];

function damaged(scenario: Scenario): Group {
  return {
    name: `journal damaged: ${scenario.name}`,
    describe:
      'Cut off; then each file of the journal truncated, flipped, zeroed, deleted or appended to; then `recover`.',
    run: (options) =>
      inWorkshop(scenario, async (shop) => {
        const cases: { label: string; cut: Point; file: string; damage: Damage }[] = [];
        for (const cut of await moments(shop, options.all)) {
          await cutOff(shop, shop.place, cut);
          for (const file of filesOf(shop.place))
            for (const damage of DAMAGES)
              cases.push({ label: `at ${cut.label}, ${file} ${damage[0]}`, cut, file, damage });
        }
        const picked = chosen(cases, options, [3, 5]);
        const verdicts = await shop.each(picked, async (place, { cut, file, damage }): Promise<Verdict> => {
          await cutOff(shop, place, cut);
          // Names of files differ from run to run, because a transaction has a random name; we go by their pattern.
          const files = filesOf(place);
          const target = files.includes(file) ? file : files.find((name) => patternOf(name) === patternOf(file));
          if (target === undefined) return { end: 'missed' };
          return await carried(shop, place, () => damage[1](`${place.state}/${target}`));
        });
        return tally(
          picked.map(({ label }, at) => ({ label, verdict: verdicts[at]! })),
          options.log,
        );
      }),
  };
}

function newer(scenario: Scenario): Group {
  return {
    name: `journal of a newer version: ${scenario.name}`,
    describe: 'Each record says RFJ2: `recover` says that a newer reflake wrote it, exits 5, and touches nothing.',
    run: (options) =>
      inWorkshop(scenario, async (shop) => {
        const moment = await moments(shop);
        const verdicts = await shop.each(moment, async (place, cut): Promise<Verdict> => {
          await cutOff(shop, place, cut);
          return await carried(
            shop,
            place,
            () => {
              for (const file of filesOf(place)) {
                const bytes = readFileSync(`${place.state}/${file}`);
                if (bytes.subarray(0, 4).toString() === 'RFJ1')
                  writeFileSync(`${place.state}/${file}`, Buffer.concat([Buffer.from('RFJ2'), bytes.subarray(4)]));
              }
            },
            /newer|version/i,
          );
        });
        return tally(
          moment.map(({ label }, at) => ({ label: `at ${label}`, verdict: verdicts[at]! })),
          options.log,
        );
      }),
  };
}

/**
 * Judges `recover` after `harm`: it refuses and touches nothing (and succeeds once the harm is undone), or ends old or
 * new.
 */
async function carried(shop: Workshop, place: Place, harm: () => void, words = /./): Promise<Verdict> {
  const whole = new Map(filesOf(place).map((file) => [file, readFileSync(`${place.state}/${file}`)]));
  const before = snapshotOf(place.machine);
  harm();
  const ran = await place.run(['recover']);
  const wrong = misbehaviour(ran);
  if (wrong !== undefined) return mixed(wrong);
  if (ran.code === 0) return words.source === '.' ? world(shop, place) : mixed('it is carried out');
  if (ran.code !== 5) return mixed(`recover ends with ${ran.code}: ${brief(ran.out)}`);
  const touched = difference(before, snapshotOf(place.machine), new Set());
  if (touched !== undefined) return mixed(`refused, but something was touched: ${touched.text}`);
  if (!words.test(ran.out)) return mixed(`refused, without saying why: ${brief(ran.out)}`);
  const missing = [...whole].filter(([file]) => !existsSync(`${place.state}/${file}`));
  for (const [file, bytes] of whole) {
    if (missing.length > 1 && missing.some(([name]) => name === file)) return mixed(`refused, and ${file} is gone`);
    writeFileSync(`${place.state}/${file}`, bytes);
  }
  const mended = await recovered(shop, place);
  return mended.end === 'mixed' ? mixed(`refused; after the journal is mended: ${mended.why}`) : { end: 'refused' };
}

/**
 * Points to be killed at: one in the middle, and the last that is still undone. With `many` also points along the whole
 * way, the sweep included.
 */
export async function moments(shop: Workshop, many = false): Promise<readonly Point[]> {
  const points = killPoints(await recordedAfresh(shop), dirsOf(shop));
  const late = await lastUndone(shop);
  const at = points.findIndex(({ label }) => label === late.label);
  const along = many ? [1, 2, 3, 4, 5, 7, 8, 9].map((tenth) => points[Math.floor((points.length * tenth) / 10)]!) : [];
  return [...along, points[Math.floor((Math.max(at, 1) * 3) / 4)]!, late];
}

/** Runs the scenario and kills it at the point. */
export async function cutOff(shop: Workshop, place: Place, cut: Point): Promise<void> {
  place.reset();
  await place.run(shop.scenario.words, { prefix: kill(cut) });
}

/** Files of the state directory that no finished run leaves. */
const filesOf = ({ state }: Place): readonly string[] => {
  const list = (below: string): readonly string[] =>
    readdirSync(`${state}/${below}`, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? list(`${below}${entry.name}/`) : entry.isFile() ? [below + entry.name] : [],
    );
  return list('').filter((name) => name !== 'lock' && !name.startsWith('history/'));
};

const patternOf = (name: string): string => name.replace(/[0-9a-f]{8,}/g, '#');

function flip(file: string, at: number): void {
  const bytes = readFileSync(file);
  if (bytes.length > 0) bytes[at] = bytes[at]! ^ 1;
  writeFileSync(file, bytes.length > 0 ? bytes : 'x');
}
