// The beginning of every command: finds and checks the spec, opens the machine, resolves the wishes.

import { resolve as resolvePath } from 'node:path';
import { type Diagnostic, isError, type JsonPointer, type SourceRange } from '../../core/diagnostic.ts';
import type { Reporter } from '../../core/event.ts';
import type { BorderedHost } from '../../core/host/border/bordered.ts';
import { mustHaveProc } from '../../core/host/disk/anchor.ts';
import { callerOf } from '../../core/host/process/caller.ts';
import { isRoot } from '../../core/host/process/trusted.ts';
import { realHost } from '../../core/host/real-host.ts';
import { diskStore } from '../../core/host/state-directory.ts';
import { stateDirsToCome } from '../../core/host/state-place.ts';
import { findSpec, isDirectory, rootsState, stateDir, systemUser, trustedBy } from '../../core/host/surroundings.ts';
import { keyOf, leafFrom, underHost } from '../../core/leaf.ts';
import type { Host } from '../../core/machine/host.ts';
import type { People } from '../../core/machine/people.ts';
import type { Reader } from '../../core/machine/reader.ts';
import type { StateStore } from '../../core/machine/state-store.ts';
import type { Digest, HostFacts, Owner, Person, Plan } from '../../core/model.ts';
import { type AbsPath, absolute, isWithin, parent, ROOT } from '../../core/path.ts';
import { idleIn } from '../../core/plan/acknowledge.ts';
import { type Listener, type MayRead, mayReadOn, SEES_ALL } from '../../core/plan/caller-may-read.ts';
import type { EvaluatePolicy } from '../../core/plan/deciding.ts';
import { idleWindows } from '../../core/plan/expect.ts';
import { ROOTS } from '../../core/plan/places.ts';
import { type Planned, plan } from '../../core/plan/planner.ts';
import { beyondLimits } from '../../core/spec/author-limits.ts';
import type { Hosts, Spec } from '../../core/spec/hosts-over-defaults.ts';
import { IMPLIED, machineWishesOf, wishesOf } from '../../core/spec/leaves.ts';
import { loadSpec } from '../../core/spec/load.ts';
import { resolve, type Wishes } from '../../core/spec/resolve.ts';
import { chooseHost } from '../../core/spec/which-host.ts';
import { PROVIDERS } from '../../providers/index.ts';
import { atCheckout, checkoutOf, withoutMachine } from './checkout.ts';
import { endsIn } from './ends.ts';
import { type End, exitOfProblems } from './exit.ts';
import { filesFor } from './files.ts';
import type { GlobalOptions, Io, Usage } from './io.ts';
import { recordedMachine } from './roots-applies.ts';
import type { Reporting } from './run.ts';
import { selectionOf } from './selection.ts';
import { type Author, authorOf, doubtAbout, notLookedIn } from './trust.ts';

/** A machine and where its past is kept; what rollback, history and recover need. */
export interface Place {
  readonly host: Host | BorderedHost;
  readonly store: StateStore;
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
  /** True if the caller may be shown the content of a file of the machine. */
  readonly mayRead: MayRead;
  /** Warnings for acknowledgements and expectations of the spec that do nothing, or have ended. */
  readonly idleAcks: (plan: Pick<Plan, 'steps' | 'acknowledged' | 'notChecked'>) => readonly Diagnostic[];
  readonly report: Reporter;
  /** Reads only files that the caller could read without root. */
  readonly shown: Pick<Reader, 'read'>;
  /** Looks now: through the machine as it is at this moment. */
  readonly plan: (report: Reporter, how?: { readonly bytes: boolean }) => Promise<Planned>;
}

export type Opened = { readonly ok: true; readonly session: Session } | { readonly ok: false; readonly end: End };

export async function placeOf(options: GlobalOptions, io: Io): Promise<Place> {
  mustHaveProc();
  const root = absolute(resolvePath(io.cwd, options.root));
  if (!isDirectory(root))
    throw { usage: `--root: there is no directory ${JSON.stringify(options.root)}` } satisfies Usage;
  const state = options.state ? resolvePath(io.cwd, options.state) : stateDir(root, io.env, callerOf(io.env));
  if (isRoot()) await mustBeRoots({ '--root': root, '--state': absolute(state) });
  const host = await hostAt(root);
  if ('toldTo' in host) host.toldTo(callerOf(io.env));
  return { host, store: diskStore(state), root };
}

/** Refuses a place on whose way another user can rename: they could lead root elsewhere, or write root's journal. */
async function mustBeRoots(places: Readonly<Record<string, AbsPath>>): Promise<void> {
  const { territory } = await import('../../core/host/border/territory.ts');
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

/** Only root needs the border, since only its rights can be turned against it. An ordinary user's process looks itself. */
async function hostAt(root: AbsPath): Promise<Host | BorderedHost> {
  if (!isRoot()) return realHost(root);
  const { bordered } = await import('../../core/host/border/bordered.ts');
  return bordered(root);
}

interface SessionOptions extends GlobalOptions {
  readonly evaluate?: EvaluatePolicy;
  /** The checkout is the configuration, and no machine is looked at. */
  readonly repo?: boolean;
}

/** Reads and checks the spec; says what is wrong with it. */
export async function openSession(
  options: SessionOptions,
  io: Io,
  reporting: Reporting,
  saved?: string,
): Promise<Opened> {
  const place = await placeOf(options, io);
  const found = await findAndLoad(options, io);
  if (!found.ok) return say(found.diagnostics, found.sources, reporting);
  return await sessionOf(found, place, options, io, reporting, saved);
}

/** A session with a spec that was read, or that is still to be written. */
export async function sessionOf(
  { spec, file, text, limits }: FoundAndLoaded,
  opened: Place,
  options: SessionOptions,
  io: Io,
  reporting: Reporting,
  saved?: string,
): Promise<Opened> {
  const { report, learn } = reporting;
  // Wishes of another user's spec are limited to that user's rights.
  const caller = limits !== undefined && isRoot() ? limits : callerOf(io.env);
  const isRunning = opened.root === '/';
  const now = Math.floor(Date.now() / 1000);
  const specDir = parent(absolute(resolvePath(io.cwd, file)));
  if (options.repo && 'lookAs' in opened.host) (await import('./looker.ts')).lookAround(opened.host, specDir, caller);
  const checkout = options.repo ? checkoutOf(options, spec.hosts, specDir, opened.host) : undefined;
  const place = checkout === undefined ? opened : { ...opened, host: withoutMachine(opened.host, checkout) };
  const choice = checkout ?? machineChosen(spec.hosts, place.host.facts, isRunning, options.host);
  const { hosts, view } = choice;
  const isMachine = 'isMachine' in choice && choice.isMachine;
  const here = (one: Spec): Spec => (checkout === undefined ? one : atCheckout(one, checkout));
  const person = await personFor(place.host, here(view.spec), caller, isRunning);
  const recorded = recordedMachine(options, place);
  const allow = { downgrade: options.allowDowngrade, rename: options.allowRename };
  // What is of a machine can't be chosen where there is none.
  const providers = checkout === undefined ? PROVIDERS : PROVIDERS.filter(({ ofMachine }) => !ofMachine);
  const ends = options.eol === undefined ? undefined : await endsIn(options.eol, io.cwd, await filesFor(caller));
  if (ends?.ok === false) return say(ends.diagnostics, { file: options.eol!, text: ends.text }, reporting);
  const about = { hosts, key: view.key, isMachine, ...(ends && { ends: ends.table }) };
  const nixPath = isRunning ? io.env.NIX_PATH : undefined;
  const run = { caller, person, nixPath, offline: options.offline, isRunning, now, recorded, allow, ...about };
  const { isSelected, spec: selected } = selectionOf(options, here(view.spec), providers, hosts.gone);
  const resolved = resolve(selected, place.host, run);
  const sources = { file, text, locate: spec.locate };
  if (!resolved.ok) return say(resolved.diagnostics, sources, reporting);
  const { wishes } = resolved;
  const beyond = limits === undefined || checkout !== undefined ? [] : beyondLimits(wishes, limits, place.host);
  if (beyond.length > 0) return say(beyond, sources, reporting);
  const shown =
    'seenBy' in place.host && caller.uid !== 0
      ? place.host.seenBy(isRunning ? caller : { ...caller, name: String(caller.uid) })
      : place.host;
  const mayRead = callersEyes(place.host, wishes.people, caller);
  learn({
    spec: file,
    source: (name) => (name === file ? text : textOf(shown, name, mayRead)),
    locate: locateIn(spec),
    dir: wishes.dir,
    base: baseOf(wishes.dir, io.cwd, isRunning),
    mayRead,
    ...(saved && { saved }),
  });
  const session: Session = {
    ...place,
    specFile: file,
    specText: text,
    digest: spec.digest,
    wishes,
    shown,
    warnings: [...spec.diagnostics, ...resolved.diagnostics],
    locate: locateIn(spec),
    mayRead,
    report,
    // Of a part of the wishes nothing says that an acknowledgement is idle.
    idleAcks: (plan) => {
      if (options.only || options.skip) return [];
      const leaves = [...wishesOf({ ...wishes, spec: view.spec }).map(keyOf), ...(plan.notChecked ?? [])];
      return [...idleIn(plan, wishes, checkout !== undefined), ...idleWindows(wishes, leaves)];
    },
    plan: async (told, how) => {
      place.host.refresh();
      const presumed = stateDirsToCome(place.root, stateOfPlan(options, place), place.host, isRunning ? ROOTS : me());
      const { evaluate = 'never' } = checkout ?? options;
      const leaves = wishesOf({ ...wishes, spec: view.spec });
      const notChecked = checkout === undefined ? [] : machineWishesOf(hosts.views);
      const selection = { isSelected, leaves, notChecked, presumed, evaluate, ...how };
      return await plan(wishes, spec.digest, place.host, providers, told, selection);
    },
  };
  return { ok: true, session };
}

/** Throws usage where no host of the spec is clearly meant. */
function machineChosen(hosts: Hosts, facts: HostFacts, isRunning: boolean, wanted: string | undefined) {
  const choice = chooseHost(hosts, facts, isRunning, wanted);
  if (choice.kind === 'open') throw { usage: choice.why } satisfies Usage;
  return { ...choice, hosts };
}

/** The place of a wish; of an implied one that of what implies it, and of a host's without a word of it that of its name. */
const locateIn =
  ({ locate }: Pick<Loaded, 'locate'>): Session['locate'] =>
  (pointer) => {
    const { host, wish } = leafFrom(pointer);
    const implied = IMPLIED[wish] ?? wish;
    if (host === undefined) return locate(pointer) ?? locate(implied);
    return locate(pointer) ?? locate(underHost(host, implied)) ?? locate(underHost(host, ''), 'key');
  };

/** Who runs it above the configuration, as in a repository of several, reads names from there. */
const baseOf = (dir: AbsPath, cwd: string, isRunning: boolean): AbsPath => {
  const here = absolute(cwd);
  return isRunning && here !== ROOT && isWithin(dir, here) ? here : dir;
};

/** Whoever plans: what needs root's state directory is applied by root. */
const stateOfPlan = ({ state }: GlobalOptions, { root, store }: Place): string =>
  state === undefined ? rootsState(root) : store.where;

const me = (): Owner => ({ uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 });

async function personFor(host: Host | BorderedHost, spec: Spec, caller: Person, isRunning: boolean): Promise<Person> {
  if (!('lookAs' in host)) return caller;
  const { chooseLooker } = await import('./looker.ts');
  return chooseLooker(host, spec, caller, isRunning);
}

/** Who reads the output. Root sees more than its caller; an ordinary user's process sees no more than the user. */
export const listenerFor = (names: People, caller: Person): Listener => ({
  uid: isRoot() ? caller.uid : 0,
  gids: [caller.gid, ...names.groupsOf(caller.uid)],
});

export function callersEyes(host: Host, names: People, caller: Person): MayRead {
  const listener = listenerFor(names, caller);
  return listener.uid === 0 ? SEES_ALL : mayReadOn(host, listener);
}

type Loaded = Awaited<ReturnType<typeof loadSpec>> & { ok: true };
export interface FoundAndLoaded {
  readonly spec: Loaded;
  readonly file: string;
  readonly text: string;
  /** The author of the spec, whose wishes are limited. */
  readonly limits?: Author;
}
type Found =
  | ({ readonly ok: true } & FoundAndLoaded)
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
function say(diagnostics: readonly Diagnostic[], sources: Sources | undefined, { report, learn }: Reporting): Opened {
  if (sources !== undefined) learn(aboutSpec(sources));
  report({ type: 'diagnostics', diagnostics });
  return { ok: false, end: { exit: exitOfProblems(diagnostics.filter(isError)) } };
}

/** The facts for a reporter about a spec that is only read. */
export const aboutSpec = ({ file, text, locate }: Sources): Parameters<Reporting['learn']>[0] => ({
  spec: file,
  source: (name) => (name === file ? text : undefined),
  ...(locate && { locate }),
});

/** The facts for a reporter about a machine without a spec. */
export const aboutMachine = ({ host }: Pick<Place, 'host'>): Parameters<Reporting['learn']>[0] => ({
  source: (name) => textOf(host, name, SEES_ALL),
});

/** A file of the machine, for the lines around a problem. */
function textOf(host: Pick<Reader, 'read'>, name: string, mayRead: MayRead): string | undefined {
  try {
    const bytes = name.startsWith('/') && mayRead(absolute(name)) ? host.read(absolute(name)) : undefined;
    return bytes && Buffer.from(bytes).toString('utf8');
  } catch {
    return undefined;
  }
}
