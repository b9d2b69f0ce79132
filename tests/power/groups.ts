// The groups of power cuts for the runner (tests/crash/run.ts) and for the tests. Each runs main.ts in a process and a
// mount namespace of its own, which recovers thousands of states without starting a program for each.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Group, Options, Outcome } from '../crash/group.ts';
import { temporary } from '../support/trees.ts';
import { type Findings, oneLine } from './findings.ts';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const PROGRAM = here('../../dist/reflake.cjs');

const REPLAYED =
  'recorded under strace; each state that a power cut may leave of it (what was not flushed is lost in any combination) is recovered';
const CUT = 'killed before a system call and the power cut at once, mounted again and recovered; after success too';

/** In the order of the table. */
export const POWER: readonly Group[] = [
  row('apply', 'power loss, replayed: apply', `An apply, ${REPLAYED}.`),
  row('edits', 'power loss, replayed: small edits', `An apply that replaces files, ${REPLAYED}.`),
  row('rollback', 'power loss, replayed: rollback', `A rollback, ${REPLAYED}.`),
  row('recover', 'power loss, replayed: recover', `A recovery, ${REPLAYED} again.`),
  row('apply-across', 'power loss, replayed: apply across', `An apply that moves to another file system, ${REPLAYED}.`),
  row('rollback-across', 'power loss, replayed: rollback across', `Its rollback, ${REPLAYED}.`),
  row('recover-across', 'power loss, replayed: recover across', `Its recovery, ${REPLAYED} again.`),
  row(
    'half-renames',
    'power loss, replayed: half renames',
    `All of it, ${REPLAYED}; a file renamed to another directory may have both names.`,
  ),
  row('ext4', 'power cut: ext4', `An apply on ext4, ${CUT}.`, ['mkfs.ext4']),
  row('xfs', 'power cut: xfs', `An apply on xfs, ${CUT}.`, ['mkfs.xfs']),
  row('btrfs', 'power cut: btrfs', `An apply on btrfs, ${CUT}.`, ['mkfs.btrfs']),
  row('three', 'power cut: ext4, xfs, ext4', `An apply with its state, /etc and /home on three file systems, ${CUT}.`, [
    'mkfs.xfs',
  ]),
  row(
    'three-btrfs',
    'power cut: btrfs, ext4, btrfs',
    `An apply with its state, /etc and /home on three file systems, ${CUT}.`,
    ['mkfs.btrfs'],
  ),
  row('rollback-ext4', 'power cut: rollback, ext4', `A rollback on ext4, ${CUT}.`, ['mkfs.ext4']),
  row('rollback-btrfs', 'power cut: rollback, btrfs', `A rollback on btrfs, ${CUT}.`, ['mkfs.btrfs']),
  row(
    'rollback-three',
    'power cut: rollback, ext4, xfs, ext4',
    `A rollback with state, /etc and /home on three file systems, ${CUT}.`,
    ['mkfs.xfs'],
  ),
];

function row(name: string, title: string, describe: string, tools: readonly string[] = []): Group {
  return { name: title, describe, run: (options) => run(name, options, ['strace', 'unshare', ...tools]) };
}

async function run(name: string, { all, log }: Options, tools: readonly string[]): Promise<Outcome> {
  const nothing = { tried: 0, old: 0, new: 0, mixed: 0, refused: 0, failures: [] };
  const lacking = lack(tools);
  if (lacking !== undefined) return { ...nothing, skipped: lacking };
  if (!existsSync(PROGRAM)) throw new Error('dist/reflake.cjs is not built: npm run build');
  const work = temporary({ fast: true });
  try {
    const { counts, failures } = await findings(name, all, work.dir, log);
    // After a power cut, `recover` must never refuse.
    const mixed = counts.mixed + counts.refused;
    return { tried: counts.old + counts.new + mixed, old: counts.old, new: counts.new, mixed, refused: 0, failures };
  } finally {
    work.remove();
  }
}

/** A command that fails without a cut counts as wrong, too. */
async function findings(name: string, all: boolean, work: string, log: Options['log']): Promise<Findings> {
  try {
    return JSON.parse(await runMain(name, all ? 'all' : 'sample', work, log)) as Findings;
  } catch (thrown) {
    const failures = [`nothing tried: ${oneLine(String(thrown)).slice(-3000)}`];
    return { counts: { old: 0, new: 0, mixed: 1, refused: 0 }, failures };
  }
}

/** Returns the last line of main.ts's output; the others are progress. */
async function runMain(name: string, extent: string, work: string, log: (line: string) => void): Promise<string> {
  const program = `${work}/main.js`;
  const bundling = spawnSync(here('../../node_modules/.bin/esbuild'), bundle(work), {
    encoding: 'utf8',
  });
  if (bundling.status !== 0) throw new Error(bundling.stderr);
  const argv = ['--mount', '--propagation', 'private', '--', process.execPath, program, name, extent, PROGRAM, work];
  const child = spawn('unshare', argv, { stdio: ['ignore', 'pipe', 'pipe'] });
  // A signal makes the runner exit without its `finally`. The mounts vanish with the child.
  const leave = (): void => {
    child.kill('SIGKILL');
    spawnSync('rm', ['-rf', work]);
  };
  process.once('exit', leave);
  child.once('close', () => process.off('exit', leave));
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  let errors = '';
  child.stderr.on('data', (data: Buffer) => {
    errors += data;
  });
  let last = '';
  for await (const line of createInterface({ input: child.stdout })) {
    if (last !== '') log(last);
    last = line;
  }
  const code = await ended;
  if (code !== 0) throw new Error(`${name}: exit ${code}: ${errors.slice(0, 4000)}`);
  return last;
}

/** All sources are bundled into one file. plan-cases.ts asks for its own place, which is tests/support/. */
const bundle = (outdir: string): readonly string[] => [
  here('main.ts'),
  here('pretend.ts'),
  '--bundle',
  '--platform=node',
  '--format=cjs',
  '--log-level=error',
  // Written in parts, because scripts/crash.mjs, which bundles this file too, replaces the whole word.
  `--define:${['import', 'meta', 'url'].join('.')}=__here`,
  `--banner:js=const __here=${JSON.stringify(new URL('../support/plan-cases.ts', import.meta.url).href)};`,
  `--outdir=${outdir}`,
];

/** The missing tool or right; undefined if there is none. */
function lack(tools: readonly string[]): string | undefined {
  if (process.getuid?.() !== 0) return 'not root';
  const path = `${process.env.PATH}:/usr/sbin:/sbin`.split(':');
  const missing = tools.filter((tool) => !path.some((dir) => existsSync(`${dir}/${tool}`)));
  if (missing.length > 0) return `${missing.join(', ')} not installed`;
  const { status } = spawnSync('unshare', ['--mount', '--propagation', 'private', 'true']);
  return status === 0 ? undefined : 'no mount namespaces';
}
