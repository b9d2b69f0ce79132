// reflake doctor: looks at all that reflake stands on, and says of each what was seen and what to do. Exit 1 where something is
// to be mended first.

import { isError } from '../../core/diagnostic.ts';
import { clock, git, type Happened, node, sshAgent } from '../../core/doctor/around.ts';
import { channels, nixPath, release } from '../../core/doctor/channels.ts';
import { examine, type Observation } from '../../core/doctor/examined.ts';
import { nixDaemon, nixFeatures, nixProgram, nixTrust } from '../../core/doctor/nix.ts';
import { bootAt, configurationAt, fitness, room, stateAt, storeAt } from '../../core/doctor/places.ts';
import type { Examined } from '../../core/event.ts';
import { fileSystemOf } from '../../core/host/disk/file-system.ts';
import { callerOf } from '../../core/host/process/caller.ts';
import { isRoot } from '../../core/host/process/trusted.ts';
import { isDirectory, rootsState } from '../../core/host/surroundings.ts';
import { textThroughLinks } from '../../core/machine/follow-links.ts';
import { nixRelease } from '../../core/machine/nix-version.ts';
import { people } from '../../core/machine/people.ts';
import { unlessUnreadable } from '../../core/machine/reader.ts';
import type { Person } from '../../core/model.ts';
import { type AbsPath, absolute, join, ROOT, rebase } from '../../core/path.ts';
import { survey } from '../../core/survey/survey.ts';
import { past } from '../../core/transaction/history.ts';
import { EXIT } from '../session/exit.ts';
import type { GlobalOptions, Io } from '../session/io.ts';
import { lookWithoutSpec } from '../session/looker.ts';
import { rootsApplies } from '../session/roots-applies.ts';
import type { Act, Reporting } from '../session/run.ts';
import { aboutMachine, callersEyes, findAndLoad, type Place, placeOf, sessionOf } from '../session/session.ts';
import { silently } from '../session/silently.ts';

/** `nodeNeeded`: as package.json says it. */
export const doctorCommand =
  (nodeNeeded: string): Act<GlobalOptions> =>
  async (options, io, reporting) => {
    const { report } = reporting;
    const all: Examined[] = [];
    const say = async (subject: string, look: () => Observation | Promise<Observation>): Promise<void> => {
      report({ type: 'progress', text: subject });
      const examined = await examine(subject, look);
      all.push(examined);
      report({ type: 'examined', ...examined });
    };
    await say('node', () => node(process.versions.node, nodeNeeded));
    const place = await placeOf(options, io);
    const ground = await groundOf(place, options, io, reporting);
    const isRunning = place.root === ROOT;
    if (isRunning) await examinePrograms(place, ground, io, say);
    await say('channels', () => channels(place.host, ground.hasFlake));
    if (isRunning) await say('NIX_PATH', () => nixPath(place.host, io.env.NIX_PATH));
    await say('release', () => release(place.host, now()));
    await say('spec', () => ground.spec);
    await say('configuration', () => ground.configuration);
    await say('state', () => stateOf(place, options));
    await examinePlaces(place, ground, say);
    if (isRunning) {
      await say('clock', () => clock(now(), happened(place, ground.dir), isSynchronized(place)));
      const dropped = isRoot() && ground.caller.uid !== 0;
      await say('ssh agent', () => sshAgent(place.host, io.env.SSH_AUTH_SOCK, sshUrls(place, ground), dropped));
    }
    return { exit: all.some(({ state }) => state === 'bad') ? EXIT.error : EXIT.ok };
  };

type Say = (subject: string, look: () => Observation | Promise<Observation>) => Promise<void>;

async function examinePrograms(
  { host }: Place,
  { person, caller, hasFlake, wishesFlakes }: Ground,
  { env }: Io,
  say: Say,
): Promise<void> {
  const nix = await nixRelease(person, host)();
  await say('nix', () => nixProgram(nix, isRoot()));
  await say('nix store', () => nixDaemon(host, person, nix));
  // Another user's variable is nothing for root's Nix, and sudo drops it.
  const variable = caller.uid === process.geteuid?.() ? env.NIX_CONFIG : undefined;
  await say('features', () => nixFeatures(host, person, nix, variable, hasFlake && wishesFlakes));
  await say('trusted users', () => nixTrust(host, people(host), person));
  const said = await host.compute({
    label: 'asking git for its version',
    purpose: 'answer',
    files: [],
    from: [],
    argv: ['git', '--version'],
    outputs: [],
    as: person,
  });
  await say('git', () => git(said, isRoot()));
}

async function examinePlaces(place: Place, { dir }: Ground, say: Say): Promise<void> {
  const { host, root, store } = place;
  const state = rebase(absolute(store.where), root, ROOT);
  const written = [
    ...(dir === undefined ? [] : [configurationAt(dir)]),
    ...(state === undefined ? [] : [stateAt(state)]),
  ];
  const mounted = unlessUnreadable(() => host.mounts(ROOT)) ?? [];
  const boot = mounted.filter((at) => ['/boot', '/boot/efi', '/efi'].includes(at)).map(bootAt);
  await say('room', () => room(host, [...written, storeAt(absolute('/nix/store')), ...boot]));
  const located = written.map((one) => ({ ...one, on: fileSystemOf(host.held, one.path) }));
  await say('file systems', () => fitness(host, located));
}

/** What is known of the configuration, by the spec or without one. */
interface Ground {
  readonly caller: Person;
  /** As whom Nix and git run. */
  readonly person: Person;
  readonly spec: Observation;
  readonly configuration: Observation;
  readonly dir: AbsPath | undefined;
  readonly hasFlake: boolean;
  /** The spec wishes for the feature. */
  readonly wishesFlakes: boolean;
  readonly specText: string;
}

/** Also sets with whose rights root looks, and tells the reporter what the caller may know. */
async function groundOf(place: Place, options: GlobalOptions, io: Io, { learn }: Reporting): Promise<Ground> {
  const { host } = place;
  const caller = callerOf(io.env);
  const found = await findAndLoad(options, io);
  const { reporting, told } = silently();
  const opened = found.ok ? await sessionOf(found, place, options, io, reporting) : undefined;
  if (opened?.ok && found.ok) {
    const { wishes, mayRead } = opened.session;
    learn({ ...aboutMachine(place), mayRead });
    return {
      caller,
      person: wishes.person,
      spec: { state: 'good', saw: `${found.file}, of host ${wishes.host.name}` },
      ...configurationOf(place, wishes.dir, wishes.from, true),
      wishesFlakes: wishes.features?.includes('flakes') === true,
      specText: found.text,
    };
  }
  const problems = found.ok ? told() : found.diagnostics;
  if ('lookAs' in host) lookWithoutSpec(host, caller);
  const mayRead = callersEyes(host, people(host), caller);
  learn({ ...aboutMachine(place), mayRead });
  const cwd = rebase(absolute(io.cwd), place.root, ROOT);
  const seen = unlessUnreadable(() => survey(host, caller, cwd, place.root === ROOT));
  const flake = [seen?.installed, seen?.around, ...(seen?.inHome ?? [])].find(
    (one) => one !== undefined && 'dir' in one,
  );
  const dir = flake !== undefined && 'dir' in flake ? flake.dir : seen?.from;
  const [first, ...more] = problems.filter(isError);
  const at = first?.at === undefined ? '' : `${first.at.file}:${first.at.line}: `;
  const others = more.length === 0 ? '' : `, and ${more.length} more`;
  return {
    caller,
    person: caller,
    spec:
      first === undefined || first.code === 'RF1001'
        ? { state: 'doubtful', saw: first?.summary ?? 'none', advice: first?.hint ?? 'write one: reflake init' }
        : { state: 'bad', saw: `${at}${first.summary}${others}`, advice: first.hint ?? 'see all: reflake validate' },
    ...(dir === undefined
      ? {
          dir: undefined,
          hasFlake: false,
          configuration: {
            state: 'unknown',
            saw: 'none is found in /etc/nixos, here, or in your home',
            advice: 'name it in a spec: reflake init --path DIR',
          },
        }
      : configurationOf(place, dir, undefined, false)),
    wishesFlakes: false,
    specText: '',
  };
}

/** `from`: where the spec says that it is to be moved from. `hasSpec`: there is one that can be read. */
function configurationOf(
  { host }: Place,
  dir: AbsPath,
  from: AbsPath | undefined,
  hasSpec: boolean,
): Pick<Ground, 'configuration' | 'dir' | 'hasFlake'> {
  const typeAt = (path: AbsPath): string | undefined => unlessUnreadable(() => host.stat(path).type);
  const flake = typeAt(join(dir, './flake.nix'));
  const isThere = typeAt(dir) === 'dir';
  const told = (state: Observation['state'], saw: string, advice?: string) => ({
    configuration: { state, saw, ...(advice && { advice }) },
    dir,
    hasFlake: flake === 'file',
  });
  if (flake === 'file') return told('good', `${dir}, a flake`);
  if (isThere)
    return told(
      'doubtful',
      `${dir}, which is no flake yet`,
      hasSpec ? 'see what makes it one: reflake plan' : 'let a spec be written: reflake init',
    );
  if (from !== undefined && typeAt(from) === 'dir')
    return told('doubtful', `${from}, still to be moved to ${dir}`, 'see how: reflake plan');
  if (typeAt(dir) === undefined)
    return told('unknown', `${dir} cannot be looked at`, 'run the command as its owner, or with sudo');
  return told('bad', `there is none at ${dir}`, 'name the right place in the spec: config.path');
}

/** Of the running user, and what anybody may know of root's. */
function stateOf(place: Place, options: GlobalOptions): Observation {
  const { store, root } = place;
  const isRoots = store.where === rootsState(root);
  const recover = (sudo: string): Observation => ({
    state: 'bad',
    saw: `an apply was cut off, and is not undone yet (${sudo === '' ? store.where : rootsState(root)})`,
    advice: `undo it: ${sudo}reflake recover`,
  });
  if (store.list('journal').length > 0) return recover(isRoots && !isRoot() ? 'sudo ' : '');
  if (!isRoots && isDirectory(`${rootsState(root)}/journal`)) return recover('sudo ');
  const history = past(store);
  if (!history.ok) return { state: 'bad', saw: history.problem.summary, ...hintOf(history.problem) };
  const roots = rootsApplies(options, place);
  if (roots.status === 'damaged') return { state: 'bad', saw: roots.problem.summary, ...hintOf(roots.problem) };
  const count = (number: number): string => (number === 0 ? 'no apply yet' : `${number} in the history`);
  const own = `${store.where}: ${count(history.applies.length)}`;
  if (roots.status === 'closed') return { state: 'good', saw: `${own}; only root can look into ${roots.where}` };
  return {
    state: 'good',
    saw: roots.status === 'known' ? `${own}; ${roots.where}: ${count(roots.applies.length)}` : own,
  };
}

const hintOf = ({ hint }: { readonly hint?: string }): { readonly advice?: string } =>
  hint === undefined ? {} : { advice: hint };

/** What the disk says has happened already. */
function happened({ host, store }: Place, dir: AbsPath | undefined): readonly Happened[] {
  const history = past(store);
  const last = history.ok ? history.applies.at(-1) : undefined;
  const lock = dir && join(dir, './flake.lock');
  const text = lock === undefined ? '' : (unlessUnreadable(() => textThroughLinks(host, lock)) ?? '');
  const locked = [...text.matchAll(/"lastModified": *(\d{1,12})/g)].map(([, at]) => Number(at));
  return [
    ...(last === undefined ? [] : [{ what: `apply ${last.number}`, at: Date.parse(last.finishedAt) / 1000 }]),
    ...(locked.length === 0 ? [] : [{ what: 'an input in flake.lock', at: Math.max(...locked) }]),
  ].filter(({ at }) => Number.isFinite(at));
}

function isSynchronized({ host }: Place): boolean | undefined {
  const noted = unlessUnreadable(() => host.stat(absolute('/run/systemd/timesync/synchronized')).type);
  return noted === 'file' ? true : undefined;
}

/** Of inputs that spec or flake.nix name. */
function sshUrls({ host }: Place, { dir, specText }: Ground): readonly string[] {
  const flake = dir && join(dir, './flake.nix');
  const text = flake === undefined ? '' : (unlessUnreadable(() => textThroughLinks(host, flake)) ?? '');
  return [...new Set([...`${specText}\n${text}`.matchAll(/(?:git\+)?ssh:\/\/[^\s"'}?]+/g)].map(([url]) => url))];
}

const now = (): number => Math.floor(Date.now() / 1000);
