// Nix and git open their settings files without asking their type: open(2) of a FIFO waits for a writer, and read(2) of
// /dev/zero never ends. This file alone checks for that, with the rights of the process that will start them.

import { readFileSync, type Stats, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { nixConfFiles } from '../../formats/nix-conf/files.ts';
import { evaluateNixConf } from '../../formats/nix-conf/nix-conf.ts';
import { MOST } from '../../limits.ts';

type Environment = Readonly<Record<string, string>>;

/** Says in words the first settings file at which the program of this command would hang; undefined if there is none. */
export function unfitSettings([program = '', option, place]: readonly string[], env: Environment): string | undefined {
  const seen = reading();
  if (/^nix(-|$)/.test(program)) lookAtNix(env, seen);
  if (program === 'git') for (const path of gitConfigs(env)) seen.text(path);
  if (program === 'git' && option === '-C' && place !== undefined) lookAtRepository(place, seen);
  return seen.unfit() === undefined ? undefined : `${seen.unfit()}: ${program} would wait there`;
}

/** Reads every nix.conf, the files that they include, and the registry beside each. */
function lookAtNix(env: Environment, seen: Reading): void {
  const files = nixConfFiles(env);
  const sources = files.flatMap((path) => {
    const text = seen.text(path);
    return text === undefined ? [] : [{ path, text }];
  });
  const error = seen.unfit() === undefined ? evaluateNixConf(sources, seen.text).error : undefined;
  // Nix follows includes without a limit: it does not end on a circle, or where each file includes two more.
  if (error?.kind === 'loop') seen.refuse(`${error.path}: ${error.message}`);
  for (const path of files) seen.text(`${dirname(path)}/registry.json`);
}

/** The person's git settings (git-config(1), FILES). Files that they include are left to the time limit. */
const gitConfigs = ({ HOME, XDG_CONFIG_HOME }: Environment): readonly string[] =>
  HOME === undefined ? [] : [`${XDG_CONFIG_HOME ?? `${HOME}/.config`}/git/config`, `${HOME}/.gitconfig`];

/** Looks at what git reads of every repository that it is started in (gitrepository-layout(5)). `top`: the work tree. */
function lookAtRepository(top: string, seen: Reading): void {
  const link = /^gitdir: (.*)/.exec(seen.text(join(top, '.git')) ?? '')?.[1];
  const own = resolve(top, link ?? '.git');
  const common = resolve(own, seen.text(join(own, 'commondir'))?.trim() ?? '.');
  for (const dir of new Set([own, common]))
    for (const name of ['HEAD', 'config', 'config.worktree', 'packed-refs']) seen.text(join(dir, name));
}

interface Reading {
  /** Undefined if there is no such file, or if one was unfit. */
  readonly text: (path: string) => string | undefined;
  readonly refuse: (why: string) => void;
  readonly unfit: () => string | undefined;
}

function reading(): Reading {
  let unfit: string | undefined;
  return {
    text(path) {
      const stat = statOf(path);
      if (stat === undefined || stat.isDirectory()) return undefined;
      if (!stat.isFile()) unfit ??= `${path} is a ${stat.isFIFO() ? 'FIFO' : 'device or socket'}`;
      else if (stat.size > MOST.confBytes) unfit ??= `${path} has ${stat.size} bytes`;
      return unfit === undefined ? textOf(path) : undefined;
    },
    refuse: (why) => {
      unfit ??= why;
    },
    unfit: () => unfit,
  };
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    // The file is missing, or we may not look: the program has our rights, and goes on without it.
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
