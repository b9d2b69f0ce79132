// Power cuts of real file systems: the command is killed before a system call and the power goes at once; or it goes after
// the command has told that it is done, with nothing flushed that the command did not flush.

import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { type Rows, rowsOfDisk } from '../trees.ts';
import { clearAll, copyImage, cutPower, type Layout, makeImage, mountAll, unmountAll } from './images.ts';
import { type Findings, oddRows, type Verdict } from './replay.ts';
import { type Bench, demand, reflake, type Scenario, same } from './scenarios.ts';

const CALLS =
  'rename link unlink rmdir mkdir symlink fsync fdatasync chmod fchmod chown lchown fchown ftruncate linkat unlinkat'.split(
    ' ',
  );

export interface Cuts {
  readonly layouts: readonly Layout[];
  readonly scenario: Scenario;
  /** How many cuts, evenly spread over the calls; one more comes after success. */
  readonly limit: number;
}

/** `bench.disk` must be an empty directory; `files` a directory for images. */
export function cutAll({ layouts, scenario, limit }: Cuts, bench: Bench, files: string): Findings {
  const counts: Record<Verdict, number> = { old: 0, new: 0, mixed: 0, refused: 0 };
  const failures: string[] = [];
  mkdirSync(files, { recursive: true });
  const base = layouts.map(({ kind, on }) => `${files}/base-${on.replaceAll('/', '-')}.${kind}`);
  const machine = `${bench.disk}/machine`;
  // Outer ones are mounted when directories for inner ones are made in them.
  for (const [at, { kind }] of layouts.entries()) makeImage(kind, base[at]!);
  mountAll(layouts, base, bench.disk);
  clearAll(layouts, bench.disk);
  const old = scenario.prepare(bench);
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

  let images = fresh('whole');
  const log = `${bench.home}/calls`;
  demand(
    reflake(bench, scenario.words(bench), [
      'strace',
      '-f',
      '-o',
      log,
      '-e',
      `trace=${CALLS.map((name) => `?${name}`).join()}`,
    ]),
  );
  const points = spread(callsIn(readFileSync(log, 'utf8')), limit);
  const next = rowsOfDisk(machine);
  leave(images);

  for (const [at, point] of [...points, undefined].entries()) {
    images = fresh(`cut${at}`);
    const kill = point && ['strace', '-f', '-o', '/dev/null', '-e', `trace=${point.call}`];
    const inject = point && ['-e', `inject=${point.call}:signal=KILL:when=${point.nth}`];
    const { code, out } = reflake(bench, scenario.words(bench), kill && [...kill, ...inject!]);
    images = cutPower(layouts, images, bench.disk);
    const where = `${scenario.name}, cut ${point ? `before ${point.call} ${point.nth}` : 'after success'} (${out.length} bytes told)`;
    if (point === undefined) demand({ code, out });
    const recovered = reflake(bench, ['recover']);
    const rows = rowsOfDisk(machine);
    const verdict = verdictOf(recovered.code, rows, old, next);
    counts[verdict]++;
    // A kill may come when all is done: what counts is what the program could still say.
    if (verdict === 'old' && code === 0) failures.push(`${where}: told to be done, and is not`);
    if (verdict === 'refused')
      failures.push(`${where}: recover ends with ${recovered.code}: ${recovered.out.slice(0, 400)}`);
    if (verdict === 'mixed') failures.push(`${where}: ${oddRows({ old, new: next }, rows)}`);
    leave(images);
  }
  return { counts, failures };
}

function verdictOf(code: number | null, rows: Rows, old: Rows, next: Rows): Verdict {
  if (code !== 0) return 'refused';
  return same(rows, next) ? 'new' : same(rows, old) ? 'old' : 'mixed';
}

interface Point {
  readonly call: string;
  readonly nth: number;
}

/** Of the thread that renames the most: strace counts for each, and the disk is written to by one. */
function callsIn(log: string): readonly Point[] {
  const calls = [...log.matchAll(/^(\d+) +(\w+)\(/gm)].map(([, pid, call]) => ({ pid: pid!, call: call! }));
  const renames = new Map<string, number>();
  for (const { pid, call } of calls) if (call === 'rename') renames.set(pid, (renames.get(pid) ?? 0) + 1);
  const [writer] = [...renames].sort(([, a], [, b]) => b - a)[0] ?? [];
  const counts = new Map<string, number>();
  return calls
    .filter(({ pid }) => pid === writer)
    .map(({ call }) => {
      const nth = (counts.get(call) ?? 0) + 1;
      counts.set(call, nth);
      return { call, nth };
    });
}

const spread = <T>(all: readonly T[], limit: number): readonly T[] =>
  all.length <= limit
    ? all
    : Array.from({ length: limit }, (_, at) => all[Math.floor(((at + 0.5) * all.length) / limit)]!);
