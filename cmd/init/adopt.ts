// Makes a draft of an existing flake: the spec states the content of flake.nix, its place and its owner. Flags alone change any
// of it.

import type { SurveyedFact } from '../../core/event.ts';
import { people } from '../../core/machine/people.ts';
import { type AbsPath, absolute, join } from '../../core/path.ts';
import type { Spec } from '../../core/spec/hosts-over-defaults.ts';
import { type AdoptedHost, hostsOf, inputsOf } from '../../core/survey/adopt.ts';
import { newHost } from '../../core/survey/choose.ts';
import { ownerWord, placeWord } from '../../core/survey/draft.ts';
import type { Candidate } from '../../core/survey/flake-choice.ts';
import { nixpkgsNamed } from '../../core/survey/nixpkgs.ts';
import { firstLabel, isSameName, notSwitched } from '../../core/survey/who.ts';
import { ask, LEFT } from '../session/question.ts';
import { alsoThere, type Known, type Proposal, unanswered } from './proposal.ts';

export async function adoptFlake(candidate: Candidate, others: readonly Candidate[], known: Known): Promise<Proposal> {
  const { flake, why } = candidate;
  const { options, reader, found, named, report } = known;
  const file = join(flake.dir, './flake.nix');
  if (!known.mayRead(file))
    return unanswered(`only root can read "${file}"`, 'run the command as root itself, or let yourself read it');
  const chosen = await chooseHost(candidate, known);
  if (!('host' in chosen)) return chosen;
  const { host } = chosen;
  const name = nameOfHost(host, found.running?.value);
  const inputs = inputsOf(flake);
  const names = people(reader);
  const entry = reader.stat(flake.dir);
  const owner = options.user ?? ('owner' in entry ? ownerWord(entry.owner, names) : undefined);
  const home = names.user(owner?.split(':')[0] ?? known.person.name)?.home;
  const word = (dir: AbsPath): string => placeWord(dir, home === undefined ? undefined : absolute(home));
  // --path names a place without a flake: the flake is to move there.
  const isMoved = named !== undefined && named.path !== flake.dir && named.flake === undefined;
  const isTracked = flake.documents.repository() !== undefined;
  const system = options.system ?? (host.system ?? found.system).value;
  const nixpkgs = options.nixpkgs ?? options.release;
  const spec: Spec = {
    version: 1,
    host: { name, ...(name !== host.attribute && { attribute: host.attribute }), system },
    config: {
      path: isMoved ? options.path! : word(flake.dir),
      ...(isMoved && { from: word(flake.dir) }),
      ...(owner !== undefined && { owner }),
      ...(host.modules !== undefined && { modules: [...host.modules] }),
    },
    inputs: nixpkgs === undefined ? inputs.inputs : retargeted(inputs.inputs, nixpkgsNamed(nixpkgs, '')!.url),
    ...(inputs.follows && { follows: inputs.follows }),
    features: ['nix-command', 'flakes'],
    ...(isTracked && { git: 'track' as const }),
    ...(options.activate !== undefined && { activate: options.activate }),
  };
  const given = 'what you said';
  const facts: readonly SurveyedFact[] = [
    { what: 'flake', value: flake.dir, source: why },
    { what: 'host', value: host.attribute, source: chosen.why },
    { what: 'system', value: system, source: options.system ? given : (host.system ?? found.system).source },
    { what: 'modules', ...(spec.config?.modules && { value: spec.config.modules.join(' '), source: 'flake.nix' }) },
    { what: 'inputs', value: Object.keys(spec.inputs).join(' ') || 'none', source: 'flake.nix' },
    { what: 'owner', ...(owner && { value: owner, source: options.user ? given : 'the owner of the directory' }) },
    {
      what: 'git',
      value: isTracked ? 'track' : 'off',
      source: isTracked ? 'its repository' : 'having no repository',
    },
  ];
  const notes = [...otherName(host, known), ...inputs.notes, ...alsoThere(others)];
  report({ type: 'surveyed', facts, notes });
  const asked = [
    ...(options.user === undefined ? [] : ['/config/owner']),
    ...(options.activate === undefined ? [] : ['/activate']),
    ...(nixpkgs === undefined ? [] : ['/inputs/nixpkgs', '/inputs/nixpkgs/url']),
  ];
  return { spec, isAdopted: true, asked, ...(home !== undefined && { home }) };
}

function retargeted(inputs: Spec['inputs'], url: string): Spec['inputs'] {
  const { nixpkgs } = inputs;
  return { ...inputs, nixpkgs: typeof nixpkgs === 'object' ? { ...nixpkgs, url } : url };
}

/** The name in the configuration, else the machine's own. */
function nameOfHost({ attribute, hostName }: AdoptedHost, running: string | undefined): string {
  const said = firstLabel(hostName?.value ?? running ?? attribute);
  return running !== undefined && isSameName(said, running) ? running : said;
}

/** The note for a configuration that gives the machine another name than it has now. */
function otherName({ hostName }: AdoptedHost, { found: { running } }: Known): readonly string[] {
  if (running === undefined || hostName === undefined || isSameName(hostName.value, running.value)) return [];
  return [notSwitched(running, hostName)];
}

type Chosen = { readonly host: AdoptedHost; readonly why: string } | Exclude<Proposal, { readonly spec: Spec }>;

async function chooseHost(
  { flake, host: choice }: Candidate,
  { options, found, asks, io, reader }: Known,
): Promise<Chosen> {
  if (choice.kind === 'one') return choice;
  const { hosts, unread } = hostsOf(flake, reader);
  const name = options.name ?? found.running?.value;
  const names = choice.candidates.map(({ attribute }) => attribute);
  // The text does not show its hosts, or it has none yet: the name decides.
  if (name !== undefined && (options.name !== undefined || unread !== undefined || hosts.length === 0)) {
    const why =
      unread === undefined
        ? 'its name; the flake has no such host yet'
        : `its name; the hosts can’t be read: ${unread}`;
    return { host: newHost(name), why };
  }
  if (!asks || names.length === 0)
    return unanswered(
      `which host of ${flake.dir} is this machine? ${choice.why}; it has ${names.join(', ') || 'none'}`,
      `say which: --name ${names[0] ?? 'NAME'}`,
    );
  io.err(`${choice.why}; ${flake.dir} has ${names.join(', ')}\n`);
  const problem = (answer: string): string | undefined =>
    names.includes(answer) ? undefined : `one of ${names.join(', ')}`;
  const answer = await ask(io, { text: 'Which host is this machine', guess: names[0], problem });
  const host = choice.candidates.find(({ attribute }) => attribute === answer);
  return host === undefined ? { end: LEFT } : { host, why: 'what you said' };
}
