// Nix opens each nix.conf without asking what it is: open(2) of a FIFO waits for a writer, and read(2) of /dev/zero never ends.
// This alone looks, with the rights of the process that is to start Nix, whether one of them, or the registry beside it, is
// something else than a file of a sane size.

import { readFileSync, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { evaluateNixConf } from '../formats/nix-conf.ts';
import { type NixConfEnv, nixConfFiles } from '../formats/nix-conf-files.ts';
import { MOST } from '../limits.ts';

/** The words for the first nix.conf, or file that one includes, at which Nix would wait; undefined: it would not. */
export function unfitConf(env: NixConfEnv): string | undefined {
  let unfit: string | undefined;
  const text = (path: string): string | undefined => {
    const stat = statOf(path);
    if (stat === undefined || stat.isDirectory()) return undefined;
    if (!stat.isFile()) unfit ??= `${path} is a ${stat.isFIFO() ? 'FIFO' : 'device or socket'}: Nix would wait there`;
    if (stat.isFile() && stat.size > MOST.confBytes)
      unfit ??= `${path} has ${stat.size} bytes, and Nix would read it all`;
    return unfit === undefined ? textOf(path) : undefined;
  };
  const files = nixConfFiles(env);
  const sources = files.flatMap((path) => {
    const found = text(path);
    return found === undefined ? [] : [{ path, text: found }];
  });
  if (unfit === undefined) evaluateNixConf(sources, text);
  // The registry lies beside it, and is opened in the same way.
  if (unfit === undefined) for (const path of files) text(`${dirname(path)}/registry.json`);
  return unfit;
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    // Nothing is there, or we may not look: Nix has our rights, and goes on without it.
    return undefined;
  }
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
