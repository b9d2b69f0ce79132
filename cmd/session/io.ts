// A command's access to the outside: streams, environment, a question, signals. Tests pass their own. And the error of usage.

import type { Signal } from '../../core/model.ts';

export interface Io {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly tty: { readonly in: boolean; readonly out: boolean; readonly err: boolean };
  readonly columns: number | undefined;
  /** Of the terminal on standard output; undefined: not known. */
  readonly rows?: number | undefined;
  /** Of who called: this process has its own. */
  readonly umask: number;
  /** Milliseconds, only ever growing. */
  readonly now: () => number;
  /** Asks on stderr and reads a line; undefined at the end of input. */
  readonly ask: (question: string) => Promise<string | undefined>;
  /** The first signal that came, if one did. */
  readonly stopped: () => Signal | undefined;
  /**
   * Takes the signals over: each goes to `hear`, and the exit code is the one that the command returns, whatever signal came.
   * Only in the first thread.
   */
  readonly takeSignals: (hear: (signal: Signal) => void) => void;
  /** Called before the first write: a process that ends at once from here on leaves work to `recover`. */
  readonly writes: () => void;
  /**
   * Called before the one rename(2) that makes the end final (a commit, or the end of an undo), with its exit code: from here
   * on no signal and no failure to print changes the code. `written` or `nothing`: the end is not final after all, because that
   * rename failed or something new begins.
   */
  readonly settles: (end: number | 'written' | 'nothing') => void;
  /** Called by a command that only reads, once its modules are loaded. Only in the first thread. */
  readonly loaded?: () => void;
}

/** The options that every command has. */
export interface GlobalOptions {
  readonly spec?: string | undefined;
  readonly trustSpecOf?: string | undefined;
  /** The host of a spec with several; `all`: only the repository. */
  readonly host?: string | undefined;
  readonly root: string;
  readonly state?: string | undefined;
  /** Each `FORMAT` or `FORMAT=FILE`. */
  readonly format?: readonly string[] | undefined;
  readonly allowDowngrade: boolean;
  readonly allowRename: boolean;
  /** The file with ends of support. */
  readonly eol?: string | undefined;
  readonly offline: boolean;
  readonly only?: readonly string[] | undefined;
  readonly skip?: readonly string[] | undefined;
  readonly input: boolean;
  readonly color: 'auto' | 'always' | 'never';
  readonly ascii?: boolean | undefined;
  readonly pager?: boolean | undefined;
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** Of plan alone: the file that it is saved to; `-`: standard output, where nothing else goes then. */
  readonly out?: string | undefined;
  /** Of check alone: the file of the record whose news are told. */
  readonly notifyState?: string | undefined;
  /** Of check and why: the file of the record that says since when. */
  readonly record?: string | undefined;
}

/** Thrown for wrong usage, caught by main: the one error that is not a diagnostic, since no spec is concerned. */
export interface Usage {
  readonly usage: string;
}

export const isUsage = (thrown: unknown): thrown is Usage =>
  typeof thrown === 'object' && thrown !== null && 'usage' in thrown;
