// Makes a draft for a machine without a flake, whose channel configuration becomes one. Each fact found is the guess of a
// question, which is asked on a terminal; else the guess is taken.

import type { SurveyedFact } from '../../core/event.ts';
import { nixRelease } from '../../core/machine/nix-version.ts';
import { people } from '../../core/machine/people.ts';
import { unlessUnreadable } from '../../core/machine/reader.ts';
import { type AbsPath, absolute } from '../../core/path.ts';
import { type Answered, problemWith } from '../../core/survey/answers.ts';
import { type ChannelTree, channelTree, tarballUrl } from '../../core/survey/channel-tree.ts';
import { newDraft, placeWord } from '../../core/survey/draft.ts';
import type { Fact } from '../../core/survey/fact.ts';
import type { Candidate } from '../../core/survey/flake-choice.ts';
import { PLACE } from '../../core/survey/flakes.ts';
import { familyOf, type Nixpkgs, nixpkgsNamed } from '../../core/survey/nixpkgs.ts';
import { homeOf } from '../../core/survey/survey.ts';
import { nameOf, notSwitched } from '../../core/survey/who.ts';
import { ask, askYes, LEFT } from '../session/question.ts';
import { alsoThere, type Known, type Proposal, unanswered } from './proposal.ts';

interface Question {
  readonly key: Answered;
  readonly text: string;
  readonly flag: string | undefined;
  readonly guess: string | undefined;
}

export async function convertChannel(others: readonly Candidate[], known: Known): Promise<Proposal> {
  const { options, io, reader, found, asks, report } = known;
  const guess = await nameFor(known);
  const { running, configured } = found;
  const isOther = running !== undefined && configured !== undefined && nameOf(running, configured) === undefined;
  const notes = [
    ...(isOther ? [notSwitched(running, configured)] : []),
    ...found.notes,
    ...alsoThere(others),
    ...downloads(known),
  ];
  report({ type: 'surveyed', facts: factsOf(guess, known), notes });
  const names = people(reader);
  const answers: Partial<Record<Answered, string>> = {};
  const questions: readonly Question[] = [
    { key: 'name', text: 'Host name', flag: options.name, guess: guess?.value },
    { key: 'system', text: 'System', flag: options.system, guess: found.system.value },
    {
      key: 'release',
      text: 'NixOS release (24.05, unstable, …)',
      flag: options.nixpkgs ?? options.release,
      guess: found.nixpkgs?.value,
    },
    { key: 'user', text: 'Owner of the configuration', flag: options.user, guess: found.user?.value },
  ];
  for (const { key, text, flag, guess } of questions) {
    const problem = (answer: string) => problemWith(key, answer, names);
    const answer = flag ?? (asks ? await ask(io, { text, guess, problem }) : guess);
    if (answer === undefined && asks) return { end: LEFT };
    if (answer === undefined && key === 'user') continue;
    if (answer === undefined) return unanswered(`the ${key} could not be found on this machine`, `say it: --${key} …`);
    const why = flag === undefined ? await problem(answer) : undefined;
    if (why !== undefined) return unanswered(`${key}: ${why}`, `say it: --${key} …`);
    answers[key] = answer;
  }
  const { name = '', system = '', release = '', user } = answers;
  const path = await placeFor(user, known);
  if (path === undefined) return { end: LEFT };
  const activate = options.activate ?? (await wantsActivation(known));
  if (activate === undefined) return { end: LEFT };
  const nixpkgs = await urlOf(nixpkgsNamed(release, '')!, known);
  const from = found.from !== undefined && placeOf(path, user, known) !== found.from ? found.from : undefined;
  return { spec: newDraft({ name, system, nixpkgs, user, path, from, activate }), isAdopted: false, asked: [] };
}

/** The channel that is here, if it is the release; so the flake gets the nixpkgs that runs, without a download. */
async function urlOf({ value, url }: Nixpkgs, known: Known): Promise<string> {
  const tree = channelHere(known);
  if (tree === undefined || familyOf(tree.branch) !== familyOf(value)) return url;
  const { rules } = await nixRelease(known.person, known.reader)();
  return tarballUrl(value, rules !== '2.8');
}

/** Of another machine (--root) Nix would not bring the channel into its store. */
const channelHere = ({ reader, options }: Known): ChannelTree | undefined =>
  options.root === '/' ? channelTree(reader) : undefined;

/** The note that a nixpkgs from elsewhere is not the one that is here. */
function downloads(known: Known): readonly string[] {
  const { nixpkgs } = known.options;
  const tree = nixpkgs?.startsWith('github:') ? channelHere(known) : undefined;
  return tree === undefined
    ? []
    : [
        `${nixpkgs} is downloaded when it is locked; ${tree.version}, the channel of this machine, is here: --nixpkgs ${tree.branch}`,
      ];
}

function placeOf(path: string, user: string | undefined, { reader, person }: Known): AbsPath {
  const home = homeOf(reader, user?.split(':')[0] ?? person.name) ?? '/';
  return absolute(path.startsWith('~') ? `${home}/${path.slice(1)}` : path);
}

/** True if nothing at the place is in the way. */
function isFree(path: string, user: string | undefined, known: Known): boolean {
  const place = placeOf(path, user, known);
  return place === known.found.from || (unlessUnreadable(() => known.reader.stat(place).type) ?? 'absent') === 'absent';
}

/** The guess for the place of the flake. */
function placeGuess(user: string | undefined, known: Known): Fact {
  const { found, options, person, reader } = known;
  if (options.path !== undefined) return { value: options.path, source: 'what you said' };
  const { from = PLACE } = found;
  // If /etc/nixos is a link, somebody has chosen a place already, and a move would leave the link dangling.
  if (user === undefined || from !== PLACE) {
    const home = homeOf(reader, user?.split(':')[0] ?? person.name);
    return { value: placeWord(from, home === undefined ? undefined : absolute(home)), source: 'where it is now' };
  }
  const places = ['~/nixos-config', '~/nixos', '~/nixos-flake'];
  const value = places.find((place) => isFree(place, user, known)) ?? places[0]!;
  return { value, source: 'what is free in the home of its owner' };
}

async function placeFor(user: string | undefined, known: Known): Promise<string | undefined> {
  const { options, asks, io, reader } = known;
  const { value: guess } = placeGuess(user, known);
  if (!asks || options.path !== undefined) return guess;
  const problem = async (answer: string): Promise<string | undefined> =>
    (await problemWith('path', answer, people(reader))) ??
    (isFree(answer, user, known) ? undefined : `${answer} is there already`);
  return await ask(io, { text: 'Where it is to live', guess, problem });
}

/** Asks in words for a person who has never activated a system. Asks nothing if no NixOS runs here. */
async function wantsActivation({ asks, io, options, reader }: Known): Promise<'none' | 'switch' | undefined> {
  const isNixos = options.root === '/' && reader.stat(absolute('/run/current-system')).type === 'link';
  if (!asks || !isNixos) return 'none';
  io.err(
    'When it is applied, build the system and switch to it? That is undone by itself\nif it fails. Without it, the flake is only written, and does not run yet.\n',
  );
  const isWanted = await askYes(io, 'Build and switch');
  return isWanted === undefined ? undefined : isWanted ? 'switch' : 'none';
}

/**
 * The name to write. If configuration and machine have different ones: the one that the guard accepts, else that of the
 * configuration, which the machine will have.
 */
async function nameFor({ found: { running, configured, system }, guard }: Known): Promise<Fact | undefined> {
  if (running === undefined || configured === undefined || nameOf(running, configured) !== undefined)
    return nameOf(running, configured);
  const draft = { name: running.value, system: system.value, nixpkgs: 'github:NixOS/nixpkgs', user: undefined };
  const spec = newDraft({ ...draft, path: PLACE, from: undefined, activate: 'none' });
  return (await guard(spec)).length === 0 ? running : configured;
}

function factsOf(name: Fact | undefined, known: Known): readonly SurveyedFact[] {
  const { system, nixpkgs, user, from } = known.found;
  const path = placeGuess(known.options.user ?? user?.value, known);
  const rows = { name, system, release: nixpkgs, user };
  return [
    ...Object.entries(rows).map(([what, fact]) => ({ what, ...(fact && { value: fact.value, source: fact.source }) })),
    { what: 'configuration', ...(from && { value: from, source: from === PLACE ? 'the installer’s place' : PLACE }) },
    { what: 'path', ...path },
  ];
}
