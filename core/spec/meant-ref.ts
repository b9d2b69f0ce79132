// What is meant by a reference that Nix refuses.

import { parses } from '../formats/flake-ref/traps.ts';
import { closest } from './suggest.ts';

/** What was probably meant by a text that Nix refuses: a scheme that is misspelt, or has another sign after it. */
export function meantRef(text: string): string | undefined {
  const forge = /^(github|gitlab|sourcehut)[/.](.+)$/.exec(text);
  if (forge !== null) return [`${forge[1]}:${forge[2]}`].find(parses);
  const [, scheme, rest] = /^([A-Za-z][A-Za-z0-9+]*):(.+)$/s.exec(text) ?? [];
  const near = scheme === undefined ? undefined : closest(scheme, SCHEMES);
  return near === undefined ? undefined : [`${near}:${rest}`].find((fix) => fix !== text && parses(fix));
}

const SCHEMES = 'github gitlab sourcehut git path https http file flake git+https git+ssh git+file git+http'.split(' ');
