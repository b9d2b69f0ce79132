// Which NixOS release runs.

import { absolute } from '../path.ts';
import { textThroughLinks } from './links.ts';
import type { Reader } from './reader.ts';

/** `23.11`; undefined where no NixOS runs, or none that says it. */
export const runningRelease = (reader: Pick<Reader, 'stat' | 'read'>): string | undefined =>
  /\b(\d\d\.\d\d)\b/.exec(textThroughLinks(reader, absolute('/run/current-system/nixos-version')))?.[1];
