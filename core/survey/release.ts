// Finds the release that a machine runs, by its own files; the guard compares nixpkgs with it, so that no machine goes back.

import { textThroughLinks } from '../machine/follow-links.ts';
import type { Reader } from '../machine/reader.ts';
import { absolute } from '../path.ts';
import type { Fact } from './fact.ts';

/** `23.11`; undefined if no file tells it. Throws `unreadable`. */
export function runningRelease(reader: Reader): Fact | undefined {
  const text = (path: string): string => textThroughLinks(reader, absolute(path));
  const number = /\b(\d\d\.\d\d)\b/;
  const version = number.exec(text('/run/current-system/nixos-version'))?.[1];
  if (version !== undefined) return { value: version, source: 'the running system' };
  const osRelease = text('/etc/os-release');
  const stated = number.exec(/^VERSION_ID=.*$/m.exec(osRelease)?.[0] ?? '')?.[1];
  return stated !== undefined && /^ID="?nixos"?$/m.test(osRelease)
    ? { value: stated, source: '/etc/os-release' }
    : undefined;
}
