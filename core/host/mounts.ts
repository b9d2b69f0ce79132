// What is mounted where, as the kernel tells it (proc(5), mountinfo): no place is looked at for it.

import { readFileSync } from 'node:fs';
import { type AbsPath, absolute, fromBytes, isWithin, rebase } from '../path.ts';

/** Mount points below `top`, a real path of this disk, as names below `path`, under which the machine has it. */
export const mountsBelow = (top: AbsPath, path: AbsPath): readonly AbsPath[] =>
  mountPoints().flatMap((at) => (at !== top && isWithin(at, top) ? [rebase(at, top, path)!] : []));

/** The fifth field, in which a few characters are written in octal. */
const mountPoints = (): readonly AbsPath[] =>
  fromBytes(readFileSync('/proc/self/mountinfo'))
    .split('\n')
    .flatMap((line) => {
      const at = line
        .split(' ')[4]
        ?.replace(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 8)));
      return at?.startsWith('/') ? [absolute(at)] : [];
    });
