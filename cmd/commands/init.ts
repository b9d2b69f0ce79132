// reflake init: looks at the machine and writes a spec for it: of the flake that it has, or of the one that its channel
// configuration becomes.

import { relative, resolve } from 'node:path';
import type { Diagnostic } from '../../core/diagnostic.ts';
import { callerOf } from '../../core/host/process/caller.ts';
import { isRoot } from '../../core/host/process/trusted.ts';
import { findSpec, trustedBy, type UserFiles } from '../../core/host/surroundings.ts';
import { people } from '../../core/machine/people.ts';
import { type Reader, unlessUnreadable } from '../../core/machine/reader.ts';
import type { Person } from '../../core/model.ts';
import { type AbsPath, absolute, ROOT, rebase } from '../../core/path.ts';
import { type Listener, type MayRead, mayReadOn } from '../../core/plan/caller-may-read.ts';
import type { Spec } from '../../core/spec/hosts-over-defaults.ts';
import { loadSpec } from '../../core/spec/load.ts';
import { type Answered, problemWith } from '../../core/survey/answers.ts';
import { type FlakeAt, flakeAt } from '../../core/survey/flakes.ts';
import { CHANNELS } from '../../core/survey/nixpkgs.ts';
import { type LeftOut, specText } from '../../core/survey/spec-text.ts';
import { homeOf, type Survey, survey } from '../../core/survey/survey.ts';
import type { InitOptions } from '../init/proposal.ts';
import { proposeSpec } from '../init/propose.ts';
import { guardSays, settleDraft } from '../init/settle.ts';
import { type End, EXIT } from '../session/exit.ts';
import { filesFor } from '../session/files.ts';
import type { Io, Usage } from '../session/io.ts';
import { lookWithoutSpec } from '../session/looker.ts';
import { askYes, DECLINED, LEFT } from '../session/question.ts';
import type { Reporting } from '../session/run.ts';
import { aboutMachine, aboutSpec, callersEyes, type Place, placeOf } from '../session/session.ts';

export async function initCommand(options: InitOptions, io: Io, reporting: Reporting): Promise<End> {
  const { report, learn } = reporting;
  if (options.add && options.force)
    throw { usage: '--add overwrites nothing, so --force has no meaning' } satisfies Usage;
  const file = options.spec ?? (io.env.REFLAKE_SPEC || 'reflake.yaml');
  const target = resolve(io.cwd, file);
  const caller = callerOf(io.env);
  const files = await filesFor(caller);
  const refuse = (problem: Diagnostic): End => {
    report({ type: 'diagnostic', diagnostic: problem });
    return { exit: EXIT.error };
  };
  if (options.add) {
    const { addHost } = await import('../init/add-host.ts');
    const place = await placeOf(options, io);
    await checkFlags(options, place.host);
    if ('lookAs' in place.host) lookWithoutSpec(place.host, caller);
    return await addHost(survey(place.host, caller, undefined, place.root === ROOT), place, options, io, reporting);
  }
  const other = otherSpec(file, io, caller, files);
  const there = files.waypoint(target).type === 'absent' ? other : file;
  if (there !== undefined && (there === file || !there.includes('/')) && !options.force) return refuse(isThere(there));
  if (other !== undefined) report({ type: 'diagnostic', diagnostic: elsewhere(other) });
  const place = await placeOf(options, io);
  const { host } = place;
  const person = 'lookAs' in host ? lookWithoutSpec(host, caller) : caller;
  await checkFlags(options, host);
  const seen = survey(host, caller, whereOn(place, io.cwd), place.root === ROOT);
  const asks = !options.yes && options.input && io.tty.in && io.tty.err;
  const mayRead = callersEyes(host, people(host), caller);
  learn({ ...aboutMachine(place), mayRead });
  const found = withoutRootsUrl(seen, mayRead);
  const named = namedPlace(options, host, found.user?.value ?? person.name);
  const guard = (spec: Spec) => guardSays(spec, place, options, io);
  const proposal = await proposeSpec({ options, io, reader: host, found, named, person, mayRead, asks, report, guard });
  if ('end' in proposal) return proposal.end;
  if ('problem' in proposal) return refuse(proposal.problem);
  if (!options.yes && !asks)
    return refuse({
      severity: 'error',
      code: 'RF3008',
      summary: 'nobody can be asked here',
      hint: 'add --yes to take what was found, or answer with flags',
    });
  const settled = await settleDraft(proposal, place, options, io);
  if ('problems' in settled) {
    report({ type: 'diagnostics', diagnostics: settled.problems });
    return { exit: EXIT.error };
  }
  const { spec, leftOut, firstPlan, findings } = settled;
  const text = specText(file, spec, [...leftOut, ...channelsOffered(host)]);
  if (asks) {
    io.err(`\n${text}\n`);
    const isWanted = await askYes(io, `Write this to ${file}?`);
    if (isWanted === undefined) return LEFT;
    if (!isWanted) return DECLINED;
  }
  if (io.stopped() !== undefined) return LEFT;
  const mode = isForRootAlone(spec, 'home' in proposal ? proposal.home : undefined, host, caller) ? 0o600 : 0o644;
  const written = files.write(target, text, { mode, fresh: !options.force, owner: caller });
  if (!written.ok)
    return refuse({
      severity: 'error',
      code: 'RF3025',
      summary: `"${file}" cannot be written: ${written.why}`,
      hint: 'name another file with --spec, or remove it first',
    });
  const sources = aboutMachine(place);
  const read = await loadSpec(file, text);
  const own = aboutSpec({ file, text, ...(read.ok && { locate: read.locate }) });
  learn({ ...own, source: (name) => own.source?.(name) ?? sources.source?.(name) });
  const barred = await guard(spec);
  report({ type: 'diagnostics', diagnostics: [...barred, ...findings] });
  report({
    type: 'initialised',
    file: relative(io.cwd, target) || file,
    spec,
    firstPlan: barred.length > 0 ? 'blocked' : firstPlan,
  });
  return { exit: EXIT.ok };
}

/** A wish that nobody is asked about: a channel goes when its owner says so. */
const channelsOffered = (host: Reader): readonly LeftOut[] =>
  unlessUnreadable(() => host.stat(CHANNELS).type !== 'absent') === true
    ? [{ wish: 'channels: retire', because: 'root follows a channel; a flake needs none' }]
    : [];

/** Of a channel that only root can read about, no more is told than the branch of nixpkgs that it is: its url may hold a token. */
function withoutRootsUrl(found: Survey, mayRead: MayRead): Survey {
  const isPublic = found.nixpkgs === undefined || /^(nixos|nixpkgs)-[\w.]+(-\w+)?$/.test(found.nixpkgs.value);
  if (isPublic || mayRead(absolute('/root/.nix-channels'))) return found;
  const note = 'root follows a channel of its own, and only root can read its url: name nixpkgs with --nixpkgs';
  return { ...found, nixpkgs: undefined, notes: [...found.notes, note] };
}

/** True if the spec says of a configuration of root's what only root can read. */
function isForRootAlone({ config }: Spec, home: string | undefined, host: Reader, caller: Person): boolean {
  if (!isRoot() || caller.uid !== 0) return false;
  const everybody = mayReadOn(host, NOBODY);
  const dirs = [config?.from, config?.path].flatMap((dir) => dir?.replace(/^~/, home ?? '~') ?? []);
  return dirs
    .filter((dir) => dir.startsWith('/'))
    .flatMap((dir) => ['flake.nix', 'configuration.nix'].map((name) => absolute(`${dir}/${name}`)))
    .some((file) => {
      const entry = unlessUnreadable(() => host.stat(file));
      return entry?.type === 'file' && entry.owner.uid === 0 && !everybody(file);
    });
}

/** Somebody in no group, who owns nothing. */
const NOBODY: Listener = { uid: 65_534, gids: [] };

const isThere = (file: string): Diagnostic => ({
  severity: 'error',
  code: 'RF3025',
  summary: `"${file}" is there already`,
  hint: 'look at what it would do: reflake plan; write a new one in its place: reflake init --force',
});

/** The spec that commands find from here so far, if it is another one; a bare name if it lies beside the new one. */
function otherSpec(file: string, io: Io, caller: Person, files: UserFiles): string | undefined {
  if (file !== 'reflake.yaml') return undefined;
  const found = findSpec(undefined, {}, io.cwd, trustedBy(caller), files);
  return found.ok && found.file !== file ? found.file : undefined;
}

const elsewhere = (file: string): Diagnostic => ({
  severity: 'warning',
  code: 'RF3025',
  summary: `there is a spec already, "${file}"; in this directory the new one will count`,
  hint: 'look at what it would do: reflake plan',
});

/** Checks the values of flags, which does not depend on the machine's flakes. Throws usage. */
async function checkFlags(options: InitOptions, host: Reader): Promise<void> {
  const given: readonly (readonly [flag: string, what: Answered, answer: string | undefined])[] = [
    ['name', 'name', options.name],
    ['system', 'system', options.system],
    ['release', 'release', options.release],
    ['nixpkgs', 'release', options.nixpkgs],
    ['user', 'user', options.user],
    ['path', 'path', options.path],
  ];
  for (const [flag, what, answer] of given) {
    const why = answer === undefined ? undefined : await problemWith(what, answer, people(host));
    if (why !== undefined) throw { usage: `--${flag}: ${why}` } satisfies Usage;
  }
}

/** The caller's directory as a path of the machine. */
const whereOn = ({ root }: Place, cwd: string): AbsPath | undefined => rebase(absolute(cwd), root, ROOT);

/** The place that --path names, and the flake there. */
function namedPlace(
  { path, user }: InitOptions,
  reader: Reader,
  somebody: string,
): { readonly path: AbsPath; readonly flake: FlakeAt } | undefined {
  if (path === undefined) return undefined;
  const home = homeOf(reader, user?.split(':')[0] ?? somebody) ?? '/';
  const place = absolute(path.startsWith('~') ? `${home}/${path.slice(1)}` : path);
  return { path: place, flake: flakeAt(place, reader, home) };
}
