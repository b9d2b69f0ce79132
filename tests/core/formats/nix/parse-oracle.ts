// Asks the real Nix whether texts parse, and how: thousands of snippets in two processes.
// Each is read as the body of `_: with {}; …`: nothing is evaluated, and no variable is undefined.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** `printed` is there where `believed` was true and right; the parser of Nix 2.8 itself dies of some broken texts. */
export interface Verdict {
  readonly accepted: boolean | 'crashed';
  readonly printed?: string;
  /** Nix's error for a text that was believed to parse. */
  readonly complaint?: string;
}

/** `directory` is what relative paths were resolved against, `home` what `~` was. */
export interface Verdicts {
  readonly directory: string;
  readonly home: string;
  readonly verdicts: readonly Verdict[];
}

/** Put before each text. */
export const oraclePrefix = '_: with {}; ';

/**
 * The verdicts of `nix-instantiate --parse`, which stops at the first broken file, and of `nix repl`, which goes on:
 * what is believed to parse goes to the first in one batch, the rest to the second. A wrong belief costs a process.
 */
export function askNix(texts: readonly string[], believed: readonly boolean[]): Verdicts {
  const directory = mkdtempSync(join(tmpdir(), 'reflake-parse-'));
  const home = '/home/oracle';
  try {
    const env = { ...process.env, HOME: directory, NIX_STATE_DIR: join(directory, 'state'), NIX_REMOTE: 'dummy://' };
    const file = (index: number): string => join(directory, `s${index}.nix`);
    texts.forEach((text, index) => {
      writeFileSync(file(index), oraclePrefix + text);
    });
    const printed = new Map<number, string>();
    const rejected = new Map<number, string>();
    let batch = texts.map((_, index) => index).filter((index) => believed[index]);
    while (batch.length > 0) {
      const args = ['--parse', ...batch.map(file)];
      const run = spawnSync('nix-instantiate', args, { encoding: 'utf8', env: { ...env, HOME: home }, maxBuffer: 1e9 });
      const lines = run.stdout.split('\n').slice(0, -1);
      lines.forEach((line, position) => {
        printed.set(batch[position]!, line);
      });
      if (run.status === 0) break;
      if (rejected.size > 30) throw new Error(`too many wrong beliefs, the last: ${run.stderr}`);
      rejected.set(batch[lines.length]!, run.stderr);
      batch = batch.slice(lines.length + 1);
    }
    let doubted = texts.map((_, index) => index).filter((index) => !believed[index]);
    const accepted = new Set<number>();
    const crashed = new Set<number>();
    while (doubted.length > 0) {
      // An import of a file that ends too early makes the repl wait for more; the parenthesis ends that.
      const input = doubted.map((index) => `"@${index}"\nimport ${file(index)}\n)\n`).join('');
      const repl = spawnSync('nix', ['repl'], { encoding: 'utf8', input, env, maxBuffer: 1e9 });
      // Only a value starts its line: the echo of the input stands behind a prompt.
      const sections = repl.stdout.split(/^(?:\x1b\[[\d;]*m)?"@(\d+)"/m);
      for (let at = 1; at < sections.length; at += 2) {
        if (sections[at + 1]!.includes('lambda')) accepted.add(Number(sections[at]));
      }
      const answered = (sections.length - 1) / 2;
      if (repl.signal === null && answered === doubted.length) break;
      if (repl.signal !== 'SIGSEGV' || answered === 0 || crashed.size > 30) throw new Error(`nix repl: ${repl.stderr}`);
      crashed.add(doubted[answered - 1]!);
      doubted = doubted.slice(answered);
    }
    const verdicts = texts.map((_, index): Verdict => {
      const line = printed.get(index);
      const complaint = rejected.get(index);
      if (complaint !== undefined) return { accepted: false, complaint };
      if (crashed.has(index)) return { accepted: 'crashed' };
      return line === undefined ? { accepted: accepted.has(index) } : { accepted: true, printed: line };
    });
    return { directory, home, verdicts };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The values of the expressions by Nix, as JSON, from one process. */
export function evaluateWithNix(expressions: readonly string[]): readonly unknown[] {
  const directory = mkdtempSync(join(tmpdir(), 'reflake-eval-'));
  try {
    const list = expressions.map((expression) => `(${expression}\n)`).join('\n');
    const file = join(directory, 'list.nix');
    writeFileSync(file, `[\n${list}\n]\n`);
    const run = spawnSync('nix-instantiate', ['--eval', '--strict', '--json', file], {
      encoding: 'utf8',
      env: { ...process.env, NIX_STATE_DIR: join(directory, 'state'), NIX_REMOTE: 'dummy://' },
      maxBuffer: 1e9,
    });
    if (run.status !== 0) throw new Error(run.stderr);
    return JSON.parse(run.stdout) as unknown[];
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}
