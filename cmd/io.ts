// What a command has to do with the outside: streams, environment, a question. The tests of commands hand in their own.

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
  readonly stopped: () => 'SIGINT' | 'SIGTERM' | 'SIGHUP' | undefined;
  /** Said before the first write: who leaves at once from here on leaves something to `recover`. */
  readonly writes: () => void;
}

/** The options that every command has. */
export interface GlobalOptions {
  readonly spec?: string | undefined;
  readonly trustSpecOf?: string | undefined;
  readonly root: string;
  readonly state?: string | undefined;
  readonly format: 'human' | 'json';
  readonly offline: boolean;
  readonly only?: readonly string[] | undefined;
  readonly skip?: readonly string[] | undefined;
  readonly input: boolean;
  readonly color: 'auto' | 'always' | 'never';
  readonly ascii?: boolean | undefined;
  readonly quiet: boolean;
  readonly verbose: boolean;
}

/** Thrown for wrong usage, caught by main: the one error that is not a diagnostic, since no spec is concerned. */
export interface Usage {
  readonly usage: string;
}
