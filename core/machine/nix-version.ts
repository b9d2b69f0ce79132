// Which rules the Nix here follows; asked only where versions disagree.

import type { NixVersion } from '../formats/nix-version.ts';
import type { Person } from '../model.ts';
import type { Reader } from './reader.ts';

/** The series whose rules the Nix here follows; the newest where there is none. Asked at the first call, and once. */
export function nixVersion(person: Person, reader: Reader): () => Promise<NixVersion> {
  let asked: Promise<NixVersion> | undefined;
  return () => {
    asked ??= askVersion(person, reader);
    return asked;
  };
}

async function askVersion(person: Person, reader: Reader): Promise<NixVersion> {
  const result = await reader.compute({
    label: 'asking Nix for its version',
    purpose: 'answer',
    files: [],
    from: [],
    argv: ['nix', '--version'],
    outputs: [],
    as: person,
  });
  const found = result.status === 'done' ? /(\d+)\.(\d+)[^ ]*\s*$/.exec(result.stdout) : null;
  if (found === null) return '2.34';
  // Lix counts on from 2.90, and is a fork of 2.18.
  const [major, minor] = [Number(found[1]), Number(found[2])];
  if (major !== 2 || (minor >= 29 && minor < 90)) return '2.34';
  return minor >= 26 && minor < 90 ? '2.26' : '2.8';
}
