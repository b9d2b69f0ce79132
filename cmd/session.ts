// What every command begins with: the spec found and checked, the machine, the wishes, a reporter.

import { resolve as resolvePath } from 'node:path';
import { type Diagnostic, isError, type JsonPointer, type SourceRange } from '../core/diagnostic.ts';
import { mustHaveProc } from '../core/host/anchor.ts';
import type { Host } from '../core/host/host.ts';
import { realHost } from '../core/host/real.ts';
import { diskStore } from '../core/host/store.ts';
import { callerOf, findSpec, isDirectory, readUserFile, stateDir } from '../core/host/surroundings.ts';
import type { Digest, Plan, Reporter } from '../core/model.ts';
import { type AbsPath, absolute } from '../core/path.ts';
import { plan } from '../core/planner.ts';
import { loadSpec } from '../core/spec.ts';
import type { Store } from '../core/store.ts';
import { resolve, type Wishes } from '../core/wishes.ts';
import { PROVIDERS } from '../providers/index.ts';
import { EXIT, exitOfProblems } from './exit.ts';
import type { GlobalOptions, Io, Usage } from './io.ts';
import { wantAscii, wantColor } from './report/colour.ts';
import { humanReporter } from './report/human.ts';
import { jsonReporter } from './report/json.ts';

export type Verb = 'plan' | 'check' | 'apply' | 'rollback' | 'recover';

/** A machine and where its past is kept; what rollback, history and recover need. */
export interface Place {
  readonly host: Host;
  readonly store: Store;
  readonly root: AbsPath;
}

/** A spec that was read and belongs to a machine. */
export interface Session extends Place {
  readonly specFile: string;
  readonly specText: string;
  readonly digest: Digest;
  readonly wishes: Wishes;
  readonly warnings: readonly Diagnostic[];
  readonly locate: (pointer: JsonPointer) => SourceRange | undefined;
  readonly report: Reporter;
  /** Looks now: through the machine as it is at this moment. */
  readonly plan: (
    report: Reporter,
    how?: { readonly bytes: boolean },
  ) => Promise<{ readonly plan: Plan; readonly checks: number }>;
}

export type Opened = { readonly ok: true; readonly session: Session } | { readonly ok: false; readonly exit: number };

export function placeOf(options: GlobalOptions, io: Io): Place {
  mustHaveProc();
  const root = absolute(resolvePath(io.cwd, options.root));
  if (!isDirectory(root))
    throw { usage: `--root: there is no directory ${JSON.stringify(options.root)}` } satisfies Usage;
  const state = options.state ? resolvePath(io.cwd, options.state) : stateDir(root, io.env, callerOf(io.env));
  return { host: realHost(root), store: diskStore(state), root };
}

/** Reads and checks the spec; says what is wrong with it. */
export async function openSession(verb: Verb, options: GlobalOptions, io: Io, saved?: string): Promise<Opened> {
  const place = placeOf(options, io);
  const found = await findAndLoad(options, io);
  if (!found.ok) return say(verb, options, io, found);
  const { spec, file, text } = found;
  const caller = callerOf(io.env);
  const run = { caller, offline: options.offline, isRunning: place.root === '/', now: Math.floor(Date.now() / 1000) };
  const resolved = resolve(spec.spec, place.host, run);
  const sources = { file, text, locate: spec.locate };
  if (!resolved.ok) return say(verb, options, io, { diagnostics: resolved.diagnostics, sources });
  // Who leaves the git provider out is not to count on it either.
  const wishes = { ...resolved.wishes, git: resolved.wishes.git && isSelected('git', options) };
  const timing = { checks: 0, since: io.now() };
  const report = reporterFor(verb, options, io, {
    ...sources,
    wishes,
    ...(saved && { saved }),
    host: place.host,
    measured: () => ({ checks: timing.checks, seconds: (io.now() - timing.since) / 1000 }),
  });
  const session: Session = {
    ...place,
    specFile: file,
    specText: text,
    digest: spec.digest,
    wishes,
    warnings: [...spec.diagnostics, ...resolved.diagnostics],
    locate: spec.locate,
    report,
    plan: async (told, how) => {
      const machine = realHost(absolute(place.root));
      const made = await plan(wishes, spec.digest, machine, PROVIDERS, told, { ...selection(options), ...how });
      timing.checks = made.checks;
      return made;
    },
  };
  return { ok: true, session };
}

const selection = ({ only, skip }: GlobalOptions) => ({ ...(only && { only }), ...(skip && { skip }) });

const isSelected = (name: string, { only, skip }: GlobalOptions): boolean =>
  (only?.includes(name) ?? true) && !skip?.includes(name);

type Loaded = Awaited<ReturnType<typeof loadSpec>> & { ok: true };
type Found =
  | { readonly ok: true; readonly spec: Loaded; readonly file: string; readonly text: string }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[]; readonly sources?: Sources };

interface Sources {
  readonly file: string;
  readonly text: string;
  readonly locate?: (pointer: JsonPointer) => SourceRange | undefined;
}

export async function findAndLoad(options: GlobalOptions, io: Io): Promise<Found> {
  const file = findSpec(options.spec, io.env, io.cwd);
  if (file === undefined) {
    const diagnostic: Diagnostic = {
      severity: 'error',
      code: 'RF1001',
      summary: 'no spec: there is no reflake.yaml here, above, or in /etc/nixos',
      hint: 'run reflake init to write one, or name it with --spec',
    };
    return { ok: false, diagnostics: [diagnostic] };
  }
  const read = readUserFile(resolvePath(io.cwd, file));
  if (!read.ok) {
    const diagnostic: Diagnostic = {
      severity: 'error',
      code: 'RF1001',
      summary: `the spec "${file}" cannot be read: ${read.why}`,
      hint: 'run reflake init to write one',
    };
    return { ok: false, diagnostics: [diagnostic] };
  }
  const spec = await loadSpec(file, read.text);
  if (!spec.ok) return { ok: false, diagnostics: spec.diagnostics, sources: { file, text: read.text } };
  return { ok: true, spec, file, text: read.text };
}

/** Problems that end a command before anything was looked at. */
function say(
  verb: Verb,
  options: GlobalOptions,
  io: Io,
  problem: { readonly diagnostics: readonly Diagnostic[]; readonly sources?: Sources },
): Opened {
  const sources = problem.sources ?? { file: '', text: '' };
  const report = reporterFor(verb, options, io, sources);
  for (const diagnostic of worst(problem.diagnostics)) report({ type: 'diagnostic', diagnostic });
  const more = problem.diagnostics.length - MOST;
  if (more > 0 && options.format === 'human') io.err(`and ${more} more\n`);
  const exit = exitOfProblems(problem.diagnostics);
  return { ok: false, exit: problem.diagnostics.some(({ code }) => code === 'RF1001') ? EXIT.error : exit };
}

/** Nobody reads more at once. */
const MOST = 10;

const worst = (diagnostics: readonly Diagnostic[]): readonly Diagnostic[] =>
  [...diagnostics.filter(isError), ...diagnostics.filter((one) => !isError(one))].slice(0, MOST);

interface ReportSources extends Sources {
  readonly host?: Host;
  readonly wishes?: Wishes;
  readonly saved?: string;
  readonly measured?: () => { readonly checks: number; readonly seconds: number };
}

export function reporterFor(verb: Verb, options: GlobalOptions, io: Io, sources: ReportSources): Reporter {
  const { file, text, locate, wishes, saved, host, measured } = sources;
  if (options.format === 'json') return jsonReporter({ print: io.out, ...(locate && { locate }) });
  return humanReporter({
    print: { out: io.out, err: io.err },
    tty: { out: io.tty.out, err: io.tty.err },
    colour: {
      out: wantColor({ isTTY: io.tty.out }, io.env, options.color),
      err: wantColor({ isTTY: io.tty.err }, io.env, options.color),
    },
    ascii: wantAscii(io.env, options.ascii),
    columns: io.columns,
    verbose: options.verbose,
    quiet: options.quiet,
    now: io.now,
    verb,
    spec: file,
    source: (name) => (name === file ? text : textOf(host, name)),
    ...(locate && { locate }),
    ...(wishes && { dirOf: () => wishes.dir }),
    ...(saved && { saved }),
    ...(measured && { measured }),
  });
}

/** A file of the machine, for the lines around a problem. */
function textOf(host: Host | undefined, name: string): string | undefined {
  try {
    const bytes = name.startsWith('/') ? host?.read(absolute(name)) : undefined;
    return bytes && Buffer.from(bytes).toString('utf8');
  } catch {
    return undefined;
  }
}
