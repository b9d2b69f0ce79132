// Power cuts of real file systems. Either the command is killed before a system call and the power fails at once; or it
// fails after the command has reported success, with nothing flushed that the command did not flush.

import { mkdirSync, rmSync } from 'node:fs';
import { type Bench, demand, reflake } from './bench.ts';
import { type Findings, oneLine, type Verdict } from './findings.ts';
import { clearAll, copyImage, cutPower, type Layout, makeImage, mountAll, unmountAll } from './images.ts';
import { killAt, pointsOf } from './points.ts';
import { oddRows } from './replay.ts';
import { rowsOf, type Scenario, same } from './scenarios.ts';

export interface Cuts {
  readonly layouts: readonly Layout[];
  readonly scenario: Scenario;
  /** The number of cuts, evenly spread over the calls; one more comes after success. */
  readonly limit: number;
}

/** `bench.disk` must be an empty directory; `files` is a directory for images. */
export function cutAll({ layouts, scenario, limit }: Cuts, bench: Bench, files: string): Findings {
  const counts: Record<Verdict, number> = { old: 0, new: 0, mixed: 0, refused: 0 };
  const failures: string[] = [];
  mkdirSync(files, { recursive: true });
  const base = layouts.map(({ kind, on }) => `${files}/base-${on.replaceAll('/', '-')}.${kind}`);
  // Outer file systems are mounted first, because the directories for inner ones are made in them.
  for (const [at, { kind }] of layouts.entries()) makeImage(kind, base[at]!);
  mountAll(layouts, base, bench.disk);
  clearAll(layouts, bench.disk);
  scenario.prepare(bench);
  const old = rowsOf(bench);
  unmountAll(layouts, bench.disk);

  const fresh = (name: string): readonly string[] => {
    const images = base.map((file) => file.replace('/base-', `/${name}-`));
    for (const [at, file] of base.entries()) copyImage(file, images[at]!);
    mountAll(layouts, images, bench.disk);
    return images;
  };
  const leave = (images: readonly string[]): void => {
    unmountAll(layouts, bench.disk);
    for (const image of images) rmSync(image, { force: true });
  };

  const words = [...scenario.words(bench), '--format', 'json'];
  let images = fresh('whole');
  const points = spread(pointsOf(bench, words), limit);
  const next = rowsOf(bench);
  leave(images);

  for (const [at, point] of [...points, undefined].entries()) {
    images = fresh(`cut${at}`);
    const { code, out } = point === undefined ? reflake(bench, words) : killAt(bench, words, point);
    images = cutPower(layouts, images, bench.disk);
    if (point === undefined) demand({ code, out });
    const recovered = reflake(bench, ['recover']);
    const rows = rowsOf(bench);
    const told = out.includes('"type":"ended"');
    const verdict =
      recovered.code !== 0 ? 'refused' : same(rows, next) ? 'new' : same(rows, old) && !told ? 'old' : 'mixed';
    counts[verdict]++;
    const where = `${scenario.name}, cut ${point ? `before ${point.call} ${point.nth}` : 'after success'}${told ? ', told' : ''}`;
    if (verdict === 'refused')
      failures.push(`${where}: recover ends with ${recovered.code}: ${recovered.out.slice(0, 400)}`);
    if (verdict === 'mixed') failures.push(`${where}: ${oddRows({ old, new: next }, rows)}`);
    leave(images);
  }
  return { counts, failures: failures.map(oneLine) };
}

const spread = <T>(all: readonly T[], limit: number): readonly T[] =>
  all.length <= limit
    ? all
    : Array.from({ length: limit }, (_, at) => all[Math.floor(((at + 0.5) * all.length) / limit)]!);
