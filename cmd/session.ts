// What every command begins with: the spec found and checked, the machine, the wishes, a reporter.

import { resolve as resolvePath } from 'node:path';
import { discreetly, type MayRead, mayReadOn, SEES_ALL } from '../core/closed.ts';
import { type Diagnostic, isError, type JsonPointer, type SourceRange } from '../core/diagnostic.ts';
import { mustHaveProc } from '../core/host/anchor.ts';
import type { BorderedHost } from '../core/host/border/bordered.ts';
import { callerOf } from '../core/host/caller.ts';
import type { Host, Reader } from '../core/host/host.ts';
import { realHost } from '../core/host/real.ts';
import { diskStore } from '../core/host/store.ts';
import {
  findSpec,
  isDirectory,
  ownFiles,
  stateDir,
  systemUser,
  trustedBy,
  type UserFiles,
} from '../core/host/surroundings.ts';
import { isRoot } from '../core/host/trusted.ts';
import type { Digest, Person, Plan, Reporter } from '../core/model.ts';
import { type AbsPath, absolute, ROOT } from '../core/path.ts';
import { plan } from '../core/planner.ts';
import { loadSpec } from '../core/spec.ts';
import { beyondLimits } from '../core/spec-limits.ts';
import type { Store } from '../core/store.ts';
import { resolve, type Wishes } from '../core/wishes.ts';
import { PROVIDERS } from '../providers/index.ts';
import type { Spec } from '../schemas/spec.gen.ts';
import { EXIT, exitOfProblems } from './exit.ts';
import type { GlobalOptions, Io, Usage } from './io.ts';
import { wantAscii, wantColor } from './report/colour.ts';
import { humanReporter } from './report/human.ts';
import { jsonReporter } from './report/json.ts';
import { type Author, authorOf, doubtAbout, notLookedIn } from './trust.ts';

export type Verb = 'plan' | 'check' | 'apply' | 'rollback' | 'recover';

/** A machine and where its past is kept; what rollback, history and recover need. */
export interface Place {
  readonly host: Host | BorderedHost;
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
  /** Whether who called may be shown what is in a file of the machine. */
  readonly mayRead: MayRead;
  readonly report: Reporter;
  /** What the caller could read without root: only that is shown to them. */
  readonly shown: Pick<Reader, 'read'>;
  /** Looks now: through the machine as it is at this moment. */
  readonly plan: (
    report: Reporter,
    how?: { readonly bytes: boolean },
  ) => Promise<{ readonly plan: Plan; readonly checks: number }>;
}

export type Opened = { readonly ok: true; readonly session: Session } | { readonly ok: false; readonly exit: number };

export async function placeOf(options: GlobalOptions, io: Io): Promise<Place> {
  mustHaveProc();
  const root = absolute(resolvePath(io.cwd, options.root));
  if (!isDirectory(root))
    throw { usage: `--root: there is no directory ${JSON.stringify(options.root)}` } satisfies Usage;
  const state = options.state ? resolvePath(io.cwd, options.state) : stateDir(root, io.env, callerOf(io.env));
  if (isRoot()) await mustBeRoots({ '--root': root, '--state': absolute(state) });
  return { host: await hostAt(root), store: diskStore(state), root };
}

/** Who can change what a name on the way means could turn root elsewhere, or put words into its journal. */
async function mustBeRoots(places: Readonly<Record<string, AbsPath>>): Promise<void> {
  const { territory } = await import('../core/host/border/territory.ts');
  const closed = territory(ROOT);
  for (const [option, path] of Object.entries(places)) {
    const holder = closed.holder(path);
    if (holder === undefined) continue;
    const whose = holder === 0 ? 'is writable for others' : `is in the hands of ${systemUser(holder).name}`;
    throw {
      usage: `${option}: ${JSON.stringify(path)} ${whose}, and root works only where nobody else can change the way; run it without sudo, or name another directory`,
    } satisfies Usage;
  }
}

/** Only root has rights that others' words could turn against it; the rest of us look for ourselves, and load no border. */
async function hostAt(root: AbsPath): Promise<Host | BorderedHost> {
  if (!isRoot()) return realHost(root);
  const { bordered } = await import('../core/host/border/bordered.ts');
  return bordered(root);
}

/** The files that are named on the command line. */
export async function filesFor(caller: Person): Promise<UserFiles> {
  if (!isRoot()) return ownFiles;
  const { borderedFiles } = await import('../core/host/border/user-files.ts');
  return borderedFiles(caller, systemUser);
}

/** Reads and checks the spec; says what is wrong with it. */
export async function openSession(verb: Verb, options: GlobalOptions, io: Io, saved?: string): Promise<Opened> {
  const place = await placeOf(options, io);
  const found = await findAndLoad(options, io);
  if (!found.ok) return say(verb, options, io, found);
  const { spec, file, text, limits } = found;
  // What a spec of somebody else wishes for is done with their rights.
  const caller = limits !== undefined && isRoot() ? limits : callerOf(io.env);
  const isRunning = place.root === '/';
  const now = Math.floor(Date.now() / 1000);
  const person = await personFor(place.host, spec.spec, caller, isRunning);
  const run = { caller, person, offline: options.offline, isRunning, now };
  const resolved = resolve(spec.spec, place.host, run);
  const sources = { file, text, locate: spec.locate };
  if (!resolved.ok) return say(verb, options, io, { diagnostics: resolved.diagnostics, sources });
  const beyond = limits === undefined ? [] : beyondLimits(resolved.wishes, limits, place.host);
  if (beyond.length > 0) return say(verb, options, io, { diagnostics: beyond, sources });
  // Who leaves the git provider out is not to count on it either.
  const wishes = { ...resolved.wishes, git: resolved.wishes.git && isSelected('git', options) };
  const shown =
    'seenBy' in place.host && caller.uid !== 0
      ? place.host.seenBy(isRunning ? caller : { ...caller, name: String(caller.uid) })
      : place.host;
  const mayRead = callersEyes(place.host, wishes, caller);
  const timing = { checks: 0, since: io.now() };
  const report = reporterFor(verb, options, io, {
    ...sources,
    wishes,
    ...(saved && { saved }),
    host: shown,
    mayRead,
    measured: () => ({ checks: timing.checks, seconds: (io.now() - timing.since) / 1000 }),
  });
  const session: Session = {
    ...place,
    specFile: file,
    specText: text,
    digest: spec.digest,
    wishes,
    shown,
    warnings: [...spec.diagnostics, ...resolved.diagnostics],
    locate: spec.locate,
    mayRead,
    report,
    plan: async (told, how) => {
      place.host.refresh();
      const made = await plan(wishes, spec.digest, place.host, PROVIDERS, told, { ...selection(options), ...how });
      timing.checks = made.checks;
      return made;
    },
  };
  return { ok: true, session };
}

async function personFor(host: Host | BorderedHost, spec: Spec, caller: Person, isRunning: boolean): Promise<Person> {
  if (!('lookAs' in host)) return caller;
  const { chooseLooker } = await import('./looker.ts');
  return chooseLooker(host, spec, caller, isRunning);
}

/** Root sees more than who called it; an ordinary user sees no more than that. */
function callersEyes(host: Host, { people }: Wishes, caller: Person): MayRead {
  if (!isRoot() || caller.uid === 0) return SEES_ALL;
  return mayReadOn(host, { uid: caller.uid, gids: [caller.gid, ...people.groupsOf(caller.uid)] });
}

const selection = ({ only, skip }: GlobalOptions) => ({ ...(only && { only }), ...(skip && { skip }) });

const isSelected = (name: string, { only, skip }: GlobalOptions): boolean =>
  (only?.includes(name) ?? true) && !skip?.includes(name);

type Loaded = Awaited<ReturnType<typeof loadSpec>> & { ok: true };
type Found =
  | {
      readonly ok: true;
      readonly spec: Loaded;
      readonly file: string;
      readonly text: string;
      /** The spec is this user's word, who may not wish for everything. */
      readonly limits?: Author;
    }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[]; readonly sources?: Sources };

interface Sources {
  readonly file: string;
  readonly text: string;
  readonly locate?: (pointer: JsonPointer) => SourceRange | undefined;
}

export async function findAndLoad(options: GlobalOptions, io: Io): Promise<Found> {
  const author = authorOf(options);
  const trusted = trustedBy(callerOf(io.env), author?.uid);
  const files = await filesFor(callerOf(io.env));
  const search = findSpec(options.spec, io.env, io.cwd, trusted, files);
  if (!search.ok) {
    const diagnostic: Diagnostic = {
      severity: 'error',
      code: 'RF1001',
      summary: `no spec: there is no reflake.yaml here, above, or in /etc/nixos${notLookedIn(search.open)}`,
      hint: 'run reflake init to write one, or name it with --spec',
    };
    return { ok: false, diagnostics: [diagnostic] };
  }
  const { file } = search;
  const doubt = doubtAbout(resolvePath(io.cwd, file), `the spec "${file}"`, trusted, files);
  if (doubt.kind === 'none') return { ok: false, diagnostics: [doubt.problem] };
  const read = files.read(resolvePath(io.cwd, file));
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
  return {
    ok: true,
    spec,
    file,
    text: read.text,
    ...(doubt.kind === 'limited' && !author!.all && { limits: author! }),
  };
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
  readonly host?: Pick<Reader, 'read'>;
  readonly mayRead?: MayRead;
  readonly wishes?: Wishes;
  readonly saved?: string;
  readonly measured?: () => { readonly checks: number; readonly seconds: number };
}

export function reporterFor(verb: Verb, options: GlobalOptions, io: Io, sources: ReportSources): Reporter {
  const { mayRead = SEES_ALL } = sources;
  return discreetly(plainReporter(verb, options, io, { ...sources, mayRead }), mayRead);
}

function plainReporter(verb: Verb, options: GlobalOptions, io: Io, sources: ReportSources): Reporter {
  const { file, text, locate, wishes, saved, host, mayRead, measured } = sources;
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
    source: (name) => (name === file ? text : textOf(host, name, mayRead)),
    ...(locate && { locate }),
    ...(wishes && { dirOf: () => wishes.dir }),
    ...(saved && { saved }),
    ...(measured && { measured }),
  });
}

/** A file of the machine, for the lines around a problem. */
function textOf(host: Pick<Reader, 'read'> | undefined, name: string, mayRead: MayRead = SEES_ALL): string | undefined {
  try {
    const bytes = name.startsWith('/') && mayRead(absolute(name)) ? host?.read(absolute(name)) : undefined;
    return bytes && Buffer.from(bytes).toString('utf8');
  } catch {
    return undefined;
  }
}
