// Measures CPU time and peak memory of commands side by side: every round runs each of them once, in another order.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const MEASURE = fileURLToPath(new URL('./measure.pl', import.meta.url));

/**
 * `commands`: name to { argv, env, cwd }. Gives name to { cpu, wall (ms), rss (KiB): medians, code }.
 * A command that fails to run at all has code 127.
 */
export function compare(commands, rounds) {
  const runs = Object.fromEntries(Object.keys(commands).map((name) => [name, []]));
  // The first round, thrown away, brings the files into the page cache.
  for (let round = -1; round < rounds; round++) {
    for (const name of shuffled(Object.keys(commands))) {
      const one = runOnce(commands[name]);
      if (round >= 0) runs[name].push(one);
    }
  }
  return Object.fromEntries(Object.entries(runs).map(([name, list]) => [name, summary(list)]));
}

/** The cost of one run of a command; throws if the measuring itself fails. */
export function runOnce({ argv, env, cwd }) {
  const { stdout, stderr, status } = spawnSync('perl', [MEASURE, ...argv], { env, cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`measure.pl: ${stderr}`);
  const [user, system, wall, rss, code] = stdout.trim().split(' ').map(Number);
  return { cpu: (user + system) / 1000, wall: wall / 1000, rss, code: code >> 8 || code & 127 };
}

export const median = (values) => {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
};

const summary = (list) => ({
  cpu: median(list.map(({ cpu }) => cpu)),
  wall: median(list.map(({ wall }) => wall)),
  rss: median(list.map(({ rss }) => rss)),
  code: Math.max(...list.map(({ code }) => code)),
});

function shuffled(names) {
  return names
    .map((name) => ({ name, at: Math.random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ name }) => name);
}
