// Which formats go where: --format read, and the reports that go to files, each written whole at the end or not at all.

import { resolve } from 'node:path';
import type { Diagnostic } from '../../core/diagnostic.ts';
import type { Event, Reporter } from '../../core/event.ts';
import { callerOf } from '../../core/host/process/caller.ts';
import { closest } from '../../core/spec/suggest.ts';
import { FORMATS, type Format, isForFindings, REPORTERS } from '../report/formats/registry.ts';
import type { Screen } from '../report/screen.ts';
import type { Io, Usage } from './io.ts';

interface Output {
  readonly format: Format;
  /** Undefined: standard output. */
  readonly file?: string;
}

/** Commands whose events the formats for other programs can tell. */
const LOOKING: readonly string[] = ['check', 'plan', 'validate'];

/**
 * One is for standard output: for people, where none is named. `taken`: files that the command writes itself. Throws usage, before
 * anything is written.
 */
export function outputsOf(
  words: readonly string[],
  verb: string,
  cwd: string,
  taken: readonly string[] = [],
): readonly Output[] {
  const outputs = words.map((word): Output => {
    const cut = word.indexOf('=');
    const name = cut === -1 ? word : word.slice(0, cut);
    const format = FORMATS.find((one) => one === name);
    if (format === undefined) {
      const close = closest(name, FORMATS);
      const meant = close === undefined ? FORMATS.join(', ') : `did you mean ${close}?`;
      throw usage(`there is no format ${JSON.stringify(name)}; ${meant}`);
    }
    if (isForFindings(format) && !LOOKING.includes(verb))
      throw usage(`${format} tells what check, plan and validate find; for ${verb} there are human and json`);
    if (cut === word.length - 1) throw usage(`${format}= names no file`);
    return cut === -1 ? { format } : { format, file: resolve(cwd, word.slice(cut + 1)) };
  });
  const named = outputs.flatMap(({ file }) => file ?? []);
  const twice = named.find((file, at) => named.indexOf(file) !== at);
  if (twice !== undefined) throw usage(`two formats would be written to ${JSON.stringify(twice)}`);
  const both = taken.find((file) => named.includes(resolve(cwd, file)));
  if (both !== undefined)
    throw usage(`a report and the record of checks would both be written to ${JSON.stringify(both)}`);
  const [first, second] = outputs.filter(({ file }) => file === undefined);
  if (second !== undefined)
    throw usage(`${first!.format} and ${second.format} would both be on standard output: ${second.format}=FILE`);
  return first === undefined ? [{ format: 'human' }, ...outputs] : outputs;
}

const usage = (words: string): Usage => ({ usage: `--format: ${words}` });

export interface Outputs {
  /** Of every event but the last. */
  readonly report: Reporter;
  /** The last event, for the files; then they are written. What kept one from being written. */
  readonly finish: (ended: Extract<Event, { type: 'ended' }>) => readonly Diagnostic[];
  /** The last event, for standard output. */
  readonly close: Reporter;
}

/** `screen` is that of the terminal; a file is none. */
export async function openOutputs(outputs: readonly Output[], screen: Screen, io: Io): Promise<Outputs> {
  const shown = outputs.find(({ file }) => file === undefined)!;
  const onScreen = (await REPORTERS[shown.format]())(screen);
  const filed = outputs.filter((one): one is Required<Output> => one.file !== undefined);
  if (filed.length === 0) return { report: onScreen, finish: () => [], close: onScreen };
  const caller = callerOf(io.env);
  const { filesFor } = await import('./files.ts');
  const files = await filesFor(caller);
  const open = await Promise.all(
    filed.map(async ({ format, file }) => {
      const pieces: string[] = [];
      const print = (text: string): void => void pieces.push(text);
      const none = { out: false, err: false };
      // Programs that read json read nothing else.
      const streams = { out: print, err: format === 'human' ? print : () => {} };
      // A report that is written at the end has no signs of life.
      const every = (): (() => void) => () => {};
      const blank = { ...screen, print: streams, tty: none, colour: none, columns: undefined, every };
      return { format, file, pieces, reporter: (await REPORTERS[format]())(blank) };
    }),
  );
  return {
    report(event) {
      onScreen(event);
      for (const { reporter } of open) reporter(event);
    },
    finish: (ended) =>
      open.flatMap(({ format, file, pieces, reporter }): readonly Diagnostic[] => {
        reporter(ended);
        // node_exporter is another user, whatever the umask of a timer.
        const mode = format === 'prometheus' ? 0o644 : 0o666 & ~io.umask;
        // Metrics name wishes and codes alone; every other report may quote the configuration.
        const isPrivate = format !== 'prometheus';
        const written = files.write(file, pieces.join(''), { mode, fresh: false, owner: caller, isPrivate });
        return written.ok ? [] : [unwritten(format, file, written.why)];
      }),
    close: onScreen,
  };
}

const unwritten = (format: Format, file: string, why: string | undefined): Diagnostic => ({
  severity: 'error',
  code: 'RF3030',
  summary: `the ${format} report cannot be written to "${file}": ${why}`,
  hint: 'name a file in a directory that you may write',
});
