// Makes each attack a group of crash tests: a naive twin must fall to it, and reflake must not. Victims run in
// processes of their own, because one that hangs at a FIFO can only be killed.

import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Group, Options, Outcome } from '../crash/group.ts';
import { ATTACKS, type Attack } from './catalogue.ts';
import type { Summary } from './main.ts';

const HERE = fileURLToPath(new URL('./', import.meta.url));
/** The twin falls to the rarest attack once in ten thousand tries: a sample may not see that. */
const TRIES = {
  few: { reflake: 20, naive: 300 },
  sample: { reflake: 40, naive: 3_000 },
  all: { reflake: 10_000, naive: 40_000 },
};
/** Milliseconds without output. A naive twin that is silent for so long waits at a FIFO, and has fallen. */
const SILENCE = { naive: 3_000, reflake: 30_000 };

/** A group for each attack of the catalogue, in its order. They need root, for namespaces and for files of another user's. */
export const groups: readonly Group[] = ATTACKS.map((attack) => ({
  name: `attack: ${attack.name}`,
  describe: attack.describe,
  alone: true,
  run: (options) => runAttack(attack, options),
}));

async function runAttack(attack: Attack, { all, few, log }: Options): Promise<Outcome> {
  const missing = lacking();
  if (missing !== undefined) return { ...NOTHING, skipped: missing };
  const work = mkdtempSync(`${existsSync('/dev/shm') ? '/dev/shm' : tmpdir()}/reflake-attack-`);
  try {
    // The attacker must be able to reach the directory.
    chmodSync(work, 0o755);
    const program = compiled(work);
    const tries = TRIES[all ? 'all' : few ? 'few' : 'sample'];
    const twin = await victim(program, work, 'naive', attack, tries.naive);
    const fell = (attack.waits === true && twin.hung) || (twin.summary?.wrong ?? 0) > 0;
    log(
      `the naive twin ${fell ? 'fell' : 'stood'}: ${fell ? howItFell(twin) : `${twin.tries} tries ${twin.hung ? 'and hangs' : ''} ${twin.errors.slice(0, 400)}`}`,
    );
    const ran = await victim(program, work, 'reflake', attack, tries.reflake);
    const { summary } = ran;
    if (summary === undefined) {
      const how = ran.hung ? `it hung in try ${ran.tries}` : `it ended: ${ran.errors.slice(0, 600)}`;
      return { ...NOTHING, tried: Math.max(1, ran.tries), mixed: Math.max(1, ran.tries), failures: [how] };
    }
    const { tried, applied, undone, refused, stuck, struck, wrong, failures } = summary;
    log(
      `${tried} tries: ${applied} applied, ${undone} undone, ${refused} refused, ${stuck} stuck, ${wrong} wrong; the attacker struck ${struck} times`,
    );
    const unfit = [
      // A sample may be too short for the rarest attacks; the log says so.
      ...(fell || !all ? [] : ['the naive twin did not fall: this is no attack']),
      ...(struck * 50 < tried ? [`the attacker struck only ${struck} times`] : []),
    ];
    return {
      tried: tried + unfit.length,
      old: undone,
      new: applied,
      refused: refused + stuck,
      mixed: wrong + unfit.length,
      failures: [...unfit, ...failures],
    };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

const NOTHING: Outcome = { tried: 0, old: 0, new: 0, mixed: 0, refused: 0, failures: [] };

function lacking(): string | undefined {
  if (process.getuid?.() !== 0) return 'root, for namespaces and the files of others';
  const tool = ['perl', 'unshare', 'setpriv', 'mount', 'mkfifo'].find((name) => !inPath(name));
  return tool === undefined ? undefined : `${tool} is not installed`;
}

const inPath = (tool: string): boolean =>
  (process.env.PATH ?? '').split(':').some((dir) => existsSync(`${dir}/${tool}`));

/**
 * The victim bundled into one file, because the sources are TypeScript, which Node 20 does not run. Made once for all
 * attacks.
 */
function compiled(work: string): string {
  const program = `${work}/main.mjs`;
  victims ??= bundled();
  writeFileSync(program, victims);
  return program;
}

let victims: Buffer | undefined;

function bundled(): Buffer {
  const esbuild = fileURLToPath(new URL('../../node_modules/esbuild/bin/esbuild', import.meta.url));
  const settings = ['--bundle', '--platform=node', '--format=esm', '--target=node20.19', '--log-level=error'];
  const banner =
    "--banner:js=import { createRequire } from 'node:module'; const require = createRequire(process.execPath);";
  return execFileSync(esbuild, [`${HERE}main.ts`, ...settings, banner], { stdio: 'pipe', maxBuffer: 64 << 20 });
}

interface Ran {
  readonly summary: Summary | undefined;
  readonly hung: boolean;
  readonly tries: number;
  readonly errors: string;
}

const howItFell = ({ hung, tries, summary }: Ran): string =>
  hung ? `it waits for ever in try ${tries}` : `in try ${summary?.tried}, ${summary?.failures[0]}`;

/** Runs a victim in namespaces of its own, so that its mounts and its attacker end with it, however it ends. */
function victim(program: string, work: string, who: 'naive' | 'reflake', attack: Attack, tries: number): Promise<Ran> {
  const dir = `${work}/${who}`;
  mkdirSync(dir);
  // The victim must not outlive us either.
  const apart = [
    '--pdeathsig',
    'KILL',
    '--',
    'unshare',
    '--mount',
    '--pid',
    '--fork',
    '--kill-child',
    '--mount-proc',
    '--propagation',
    'private',
    '--',
  ];
  const child = spawn(
    'setpriv',
    [...apart, process.execPath, program, who, attack.name, String(tries), dir, `${HERE}attacker.pl`],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH: process.env.PATH } },
  );
  return new Promise((resolve, reject) => {
    let [summary, hung, last, errors]: [Summary | undefined, boolean, number, string] = [undefined, false, 0, ''];
    const silence = (): NodeJS.Timeout =>
      setTimeout(() => {
        hung = true;
        child.kill('SIGKILL');
      }, SILENCE[who]);
    let alarm = silence();
    createInterface({ input: child.stdout }).on('line', (line) => {
      const said = JSON.parse(line) as { n: number } | Summary;
      if ('n' in said) last = said.n;
      else summary = said;
      clearTimeout(alarm);
      alarm = silence();
    });
    child.stderr.setEncoding('utf8').on('data', (piece: string) => (errors += piece));
    child.on('error', reject);
    child.on('close', () => {
      clearTimeout(alarm);
      resolve({ summary, hung, tries: last, errors });
    });
  });
}
