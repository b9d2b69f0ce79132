// Examines Nix as one person has it: the program, its daemon, the features in effect and the lines that enable them, and
// whether the daemon trusts that person.

import { nixConfOf, systemConfOf } from '../documents/nix-conf-files.ts';
import { evaluateNixConf, type FeatureLine } from '../formats/nix-conf/nix-conf.ts';
import { lastLines } from '../machine/failure.ts';
import { follow } from '../machine/follow-links.ts';
import type { NixRelease } from '../machine/nix-version.ts';
import type { People } from '../machine/people.ts';
import { type Reader, unlessUnreadable } from '../machine/reader.ts';
import type { Person } from '../model.ts';
import { absolute } from '../path.ts';
import type { Observation } from './examined.ts';

const SOCKET = absolute('/nix/var/nix/daemon-socket/socket');

/** Flakes came with 2.4. `isRoot`: programs are run with root's PATH. */
export function nixProgram({ version, minor, isLix, isStopped }: NixRelease, isRoot: boolean): Observation {
  if (isStopped)
    return {
      state: 'bad',
      saw: 'nix does not even say its version',
      advice: 'run nix --version, and mend what it says',
    };
  if (version === undefined) return missing('nix', isRoot, 'without it no lock can be made and no system built');
  if (minor < 4) return { state: 'bad', saw: `${version} knows no flakes`, advice: 'take Nix 2.4 or newer' };
  return { state: 'good', saw: `${isLix ? 'Lix ' : ''}${version}` };
}

/** The finding on a program that is not there. */
export const missing = (program: string, isRoot: boolean, without: string): Observation => ({
  state: 'bad',
  saw: `${program} is not found: ${without}`,
  advice: isRoot
    ? `install ${program} in a directory of PATH that root alone can write: root runs nothing from any other`
    : `install ${program}, or put its directory on PATH`,
});

/** Asks the store that the person's Nix uses for its version. */
export async function nixDaemon(reader: Reader, person: Person, { version, minor }: NixRelease): Promise<Observation> {
  if (version === undefined) return { state: 'unknown', saw: 'not asked: Nix is missing, or fails' };
  const result = await reader.compute({
    label: 'asking the store of Nix',
    purpose: 'answer',
    files: [],
    from: [],
    argv: ['nix', 'store', minor >= 19 ? 'info' : 'ping', '--extra-experimental-features', 'nix-command'],
    outputs: [],
    as: person,
  });
  if (result.status === 'done') {
    const said = `${result.stdout}\n${result.stderr}`;
    const url = /^Store URL: (\S+)/m.exec(said)?.[1] ?? 'the store';
    const daemons = /^Version: (\S+)/m.exec(said)?.[1];
    if (url !== 'daemon' && !url.startsWith('unix:'))
      return { state: 'good', saw: `none is used: Nix opens the store itself (${url})` };
    return { state: 'good', saw: `it answers${daemons === undefined ? '' : `, and is of Nix ${daemons}`}` };
  }
  const why = result.status === 'failed' ? lastLines(result.stderr, 1) : 'it could not be asked';
  return {
    state: 'bad',
    saw: `the store cannot be used: ${why}`,
    advice:
      unlessUnreadable(() => follow(reader, SOCKET).entry.type) !== 'absent'
        ? 'see what it says: systemctl status nix-daemon'
        : 'start it: sudo systemctl start nix-daemon.socket',
  };
}

const NEEDED = ['nix-command', 'flakes'];

/**
 * The experimental features of the person's Nix, and the lines in force. `variable`: the text of NIX_CONFIG, which counts only
 * where it is set. `isWritten`: the flake that is there enables them, and is not running yet.
 */
export function nixFeatures(
  reader: Reader,
  person: Person,
  { rules }: Pick<NixRelease, 'rules'>,
  variable: string | undefined,
  isWritten: boolean,
): Observation {
  const { effective, bySystem } = nixConfOf(reader, person.home, undefined, rules);
  const { error, requestedFeatures, featureLines } = effective;
  if (error !== undefined)
    return {
      state: 'bad',
      saw: `line ${error.line} of ${error.path} stops every Nix command: ${error.message}`,
      advice: 'mend that line; what it means: reflake explain RF2011',
      path: absolute(error.path),
    };
  const lacks = NEEDED.filter((name) => !requestedFeatures.includes(name));
  const path = featureLines.map((line) => absolute(line.path)).at(-1);
  if (lacks.length === 0)
    return {
      state: 'good',
      saw: `${requestedFeatures.join(' ')}, from ${placesOf(featureLines)}${bySystem ? ', which NixOS makes' : ''}`,
      ...(path && { path }),
    };
  const here = evaluateNixConf([{ path: 'NIX_CONFIG', text: variable ?? '' }], () => null, rules).requestedFeatures;
  const isHere = lacks.every((name) => here.includes(name));
  const verb = lacks.length === 1 ? 'is' : 'are';
  return {
    state: 'doubtful',
    saw: isHere
      ? `${lacks.join(' and ')} ${verb} enabled by NIX_CONFIG alone, so in this shell alone`
      : `${lacks.join(' and ')} ${verb} not enabled${featureLines.length === 0 ? ' in any nix.conf' : `; what counts is ${placesOf(featureLines)}`}`,
    advice: isWritten
      ? 'run the configuration that wishes for them: sudo nixos-rebuild switch --flake DIR'
      : 'wish for them in the spec, features: [nix-command, flakes], and apply',
    ...(path && { path }),
  };
}

const placesOf = (lines: readonly FeatureLine[]): string =>
  lines.map(({ path, line }) => `${path} line ${line}`).join(' and ');

/** Whether the daemon takes settings from the person, by the system's own nix.conf, which is the one it reads. */
export function nixTrust(reader: Reader, people: People, person: Person): Observation {
  const { effective } = systemConfOf(reader);
  const by = effective.trustedUsers.find((word) => {
    if (word === '*' || word === person.name) return true;
    const group = word.startsWith('@') ? people.groupId(word.slice(1)) : undefined;
    return group !== undefined && people.groupsOf(person.uid).includes(group);
  });
  if (by !== undefined) return { state: 'good', saw: `${person.name} is one, by ${by === person.name ? 'name' : by}` };
  return {
    state: 'good',
    saw: `${person.name} is none: Nix ignores their substituters and the nixConfig of a flake, and does all else`,
  };
}
