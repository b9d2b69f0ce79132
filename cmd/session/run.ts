// Runs one command: gives it a reporter, and always tells the reporter how it ended.

import type { Diagnostic } from '../../core/diagnostic.ts';
import type { Event, Reporter } from '../../core/event.ts';
import { dataWithoutCredentials, withoutCredentials } from '../../core/formats/credentials.ts';
import { type Unreadable, unreadableProblem } from '../../core/machine/reader.ts';
import { discreetly, type MayRead, SEES_ALL } from '../../core/plan/caller-may-read.ts';
import { wantAscii, wantColor } from '../report/colour.ts';
import type { About, Screen } from '../report/screen.ts';
import { type End, EXIT } from './exit.ts';
import { type GlobalOptions, type Io, isUsage } from './io.ts';
import { openOutputs, outputsOf } from './outputs.ts';

/** The output of a command. `learn` adds facts that were not known when it began. */
export interface Reporting {
  readonly report: Reporter;
  readonly learn: (more: Partial<About> & { readonly mayRead?: MayRead }) => void;
}

export type Act<Options> = (options: Options, io: Io, reporting: Reporting) => Promise<End> | End;

/** The exit code. Throws usage, after the end was told, and bugs. */
export async function run<Options extends GlobalOptions>(
  verb: string,
  act: Act<Options>,
  options: Options,
  io: Io,
): Promise<number> {
  const { reporting, finish } = await open(verb, options, io);
  const end = async (): Promise<End> => {
    try {
      return await act(options, io, reporting);
    } catch (thrown) {
      if (isUsage(thrown)) finish({ exit: EXIT.usage });
      if (!hasWhy(thrown)) throw thrown;
      // A read that failed before the command could report it.
      reporting.report({ type: 'diagnostic', diagnostic: unreadableProblem(thrown) });
      return { exit: EXIT.error };
    }
  };
  return finish(await end());
}

interface Open {
  readonly reporting: Reporting;
  /** Tells the last event; the exit code, which a report that could not be written may change. */
  readonly finish: (end: End) => number;
}

async function open(verb: string, options: GlobalOptions, io: Io): Promise<Open> {
  const taken = [options.notifyState, options.record].filter((file) => file !== undefined);
  const outputs = outputsOf(options.format ?? [], verb, io.cwd, taken);
  let about: About = { spec: '', source: () => undefined };
  let mayRead: MayRead = SEES_ALL;
  // A plan on standard output is all that is there: words about it go where the others are.
  const isTaken = options.out === '-' && outputs.some(({ format, file }) => format === 'human' && file === undefined);
  // Colours asked for by name are for somebody who reads: `| less -R` shows the screen, not the log.
  const tty = { out: isTaken ? io.tty.err : io.tty.out || options.color === 'always', err: io.tty.err };
  const screen: Screen = {
    // Events were cleaned of credentials as data, before lines were wrapped or cut; this cleans the rest: file lines, diffs.
    print: {
      out: (text) => (isTaken ? io.err : io.out)(withoutCredentials(text)),
      err: (text) => io.err(withoutCredentials(text)),
    },
    tty,
    colour: {
      out: wantColor({ isTTY: tty.out }, io.env, options.color),
      err: wantColor({ isTTY: io.tty.err }, io.env, options.color),
    },
    ascii: wantAscii(io.env, options.ascii),
    columns: io.columns,
    verbose: options.verbose,
    quiet: options.quiet,
    now: io.now,
    every(milliseconds, act) {
      // It keeps no process from ending.
      const timer = setInterval(act, milliseconds).unref();
      return () => clearInterval(timer);
    },
    epoch: () => Date.now() / 1000,
    cwd: io.cwd,
    strict: 'strict' in options && options.strict === true,
    verb,
    about: () => about,
  };
  const told = await openOutputs(outputs, screen, io);
  const harmless = (reporter: Reporter): Reporter =>
    discreetly(
      (event) => reporter(withoutCredentialsIn(event)),
      () => mayRead,
    );
  const reporting: Reporting = {
    report: harmless(told.report),
    learn({ mayRead: may, source, ...more }) {
      mayRead = may ?? mayRead;
      about = { ...about, ...more, ...(source && { source: shorn(source) }) };
    },
  };
  const finish = (end: End): number => {
    let unwritten: readonly Diagnostic[] = [];
    // The files first: what the screen says last is how all of it ended.
    harmless((event) => {
      if (event.type === 'ended') unwritten = told.finish(event);
    })({ type: 'ended', ...end });
    // What was done stays done, and what failed otherwise weighs more.
    const isOutweighed = end.outcome !== undefined || (end.exit !== EXIT.ok && end.exit !== EXIT.drift);
    const exit = unwritten.length === 0 || isOutweighed ? end.exit : EXIT.error;
    for (const diagnostic of unwritten) harmless(told.close)({ type: 'diagnostic', diagnostic });
    harmless(told.close)({ type: 'ended', ...end, exit });
    return exit;
  };
  return { reporting, finish };
}

/** Takes credentials out of the lines around a problem, before they are cut to fit. */
const shorn =
  (source: About['source']): About['source'] =>
  (name) => {
    const text = source(name);
    return text === undefined ? undefined : withoutCredentials(text);
  };

/** Skips large parts that hold no credentials: the edits and bytes of a plan, and its read set. */
function withoutCredentialsIn(event: Event): Event {
  if (event.type === 'edited' || event.type === 'undone') return event;
  if (event.type !== 'planned') return dataWithoutCredentials(event);
  const steps = event.plan.steps.map((step) => ({ ...step, findings: dataWithoutCredentials(step.findings) }));
  const acknowledged = event.plan.acknowledged && dataWithoutCredentials(event.plan.acknowledged);
  const proof = event.plan.proof && dataWithoutCredentials(event.plan.proof);
  return { ...event, plan: { ...event.plan, steps, ...(acknowledged && { acknowledged }), ...(proof && { proof }) } };
}

/** Recognised by its properties: an error from a thread loses its class. */
const hasWhy = (thrown: unknown): thrown is Unreadable =>
  thrown instanceof Error && 'why' in thrown && 'path' in thrown;
