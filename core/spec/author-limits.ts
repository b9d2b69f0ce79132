// Limits a spec that neither root nor the caller wrote: it may wish for what its author owns, and to be given /etc/nixos.

import type { Diagnostic } from '../diagnostic.ts';
import type { Reader } from '../machine/reader.ts';
import type { Person } from '../model.ts';
import { type AbsPath, absolute, parent, ROOT } from '../path.ts';
import type { Wishes } from './resolve.ts';

const INSTALLED = absolute('/etc/nixos');

/** Each wish beyond the limits, with its place in the spec. `reader` is asked only for the owners of the two directories. */
export function beyondLimits(wishes: Wishes, author: Person, reader: Pick<Reader, 'stat'>): readonly Diagnostic[] {
  const { spec, dir, from, owner, features, activate, retiresChannels, keepsLink } = wishes;
  const isGiven = owner?.uid === author.uid;
  const isTheirs = (path: AbsPath): boolean => ownerAt(path, reader) === author.uid || (path === INSTALLED && isGiven);
  const problems: (readonly [pointer: string, summary: string, hint: string] | false)[] = [
    owner !== undefined &&
      (owner.uid !== author.uid || owner.gid !== author.gid) && [
        '/config/owner',
        `config.owner is "${spec.config?.owner}"`,
        `write config.owner: ${author.name}`,
      ],
    !isTheirs(nearest(dir, reader)) && [
      spec.config?.path === undefined ? '/config' : '/config/path',
      `"${dir}" is not in a directory of ${author.name}’s`,
      `write a path below ${author.home}${dir === INSTALLED ? `, or config.owner: ${author.name}` : ''}`,
    ],
    from !== undefined &&
      reader.stat(from).type !== 'absent' &&
      !isTheirs(from) && [
        '/config/from',
        `"${from}" is not ${author.name}’s`,
        from === INSTALLED
          ? `write config.owner: ${author.name}`
          : `only ${INSTALLED}, or what is theirs, can be moved`,
      ],
    features !== undefined && ['/features', 'features change the Nix of everybody', 'leave features out'],
    keepsLink && ['/config/link', `a link in ${INSTALLED} is root’s`, 'leave config.link out'],
    retiresChannels && ['/channels', 'channels of root concern everybody', 'write channels: keep'],
    activate !== undefined && ['/activate', 'an activation runs what the flake says as root', 'write activate: none'],
  ];
  return problems.flatMap((problem): readonly Diagnostic[] => {
    if (problem === false) return [];
    const [pointer, why, hint] = problem;
    return [
      {
        severity: 'error',
        code: 'RF1012',
        summary: `a spec of ${author.name} may not wish for this: ${why}`,
        hint: `${hint}; or, if root trusts them with everything: --trust-spec-of ${author.name}:all`,
        pointer,
      },
    ];
  });
}

/** `path`, or the nearest directory above it that is there. */
function nearest(path: AbsPath, reader: Pick<Reader, 'stat'>): AbsPath {
  let at = path;
  while (at !== ROOT && reader.stat(at).type === 'absent') at = parent(at);
  return at;
}

function ownerAt(path: AbsPath, reader: Pick<Reader, 'stat'>): number | undefined {
  const entry = reader.stat(path);
  return 'owner' in entry ? entry.owner.uid : undefined;
}
