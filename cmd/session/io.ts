// What a command has to do with the outside: streams, environment, a question; and wrong usage. The tests of commands hand in
// their own.

import type { Signal } from '../../core/model.ts';
import type { Format } from '../report/registry.ts';

export interface Io {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly tty: { readonly in: boolean; readonly out: boolean; readonly err: boolean };
  readonly columns: number | undefined;
  /** Milliseconds, only ever growing. */
  readonly now: () => number;
  /** Asks on stderr and reads a line; undefined at the end of input. */
  readonly ask: (question: string) => Promise<string | undefined>;
  /** The first signal that came, if one did. */
  readonly stopped: () => Signal | undefined;
  /**
   * Takes the signals over: `hear` is told of each, and what the command returns is the exit code, whatever came. Only in the
   * first thread.
   */
  readonly takeSignals: (hear: (signal: Signal) => void) => void;
  /** Said before the first write: who leaves at once from here on leaves something to `recover`. */
  readonly writes: () => void;
  /**
   * Said before the one rename that makes the end final (a commit, or the end of an undo), with the exit code that tells it:
   * from here on no signal and no failure to print changes that. `written` or `nothing`: it is not final after all, for that
   * rename failed, or something new begins.
   */
  readonly settles: (end: number | 'written' | 'nothing') => void;
  /** Said by what only looks, when what it is made of is loaded. Only in the first thread. */
  readonly loaded?: () => void;
}

/** The options that every command has. */
export interface GlobalOptions {
  readonly spec?: string | undefined;
  readonly trustSpecOf?: string | undefined;
  readonly root: string;
  readonly state?: string | undefined;
  readonly format: Format;
  readonly allowDowngrade: boolean;
  readonly allowRename: boolean;
  readonly offline: boolean;
  readonly only?: readonly string[] | undefined;
  readonly skip?: readonly string[] | undefined;
  readonly input: boolean;
  readonly color: 'auto' | 'always' | 'never';
  readonly ascii?: boolean | undefined;
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** Of plan alone: the file that it is saved to; `-`: standard output, where nothing else goes then. */
  readonly out?: string | undefined;
}

/** Thrown for wrong usage, caught by main: the one error that is not a diagnostic, since no spec is concerned. */
export interface Usage {
  readonly usage: string;
}

export const isUsage = (thrown: unknown): thrown is Usage =>
  typeof thrown === 'object' && thrown !== null && 'usage' in thrown;
