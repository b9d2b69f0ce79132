// The other files of a flake as its reader asks for them: by their paths from its top, parsed; what can't be read is a reason.

import type { FlakeFile, FlakeFiles } from '../formats/flake/flake.ts';
import { MOST } from '../limits.ts';
import { isUnreadable, type Reader } from '../machine/reader.ts';
import { type AbsPath, isPossible, isWithin, join, relativeTo } from '../path.ts';
import { nixFile } from './nix-text.ts';

/** `named`: the files that the flake's texts mention. */
export function flakeFiles(dir: AbsPath, reader: Reader, named: () => readonly AbsPath[]): FlakeFiles {
  const fromTop = (path: AbsPath): string => `./${relativeTo(path, dir)}`;
  const read = (path: AbsPath): FlakeFile => {
    const isDirectory = reader.stat(path).type === 'dir';
    const at = isDirectory ? join(path, './default.nix') : path;
    const file = nixFile(reader, at);
    if (file.kind === 'absent') return { ok: false, reason: isDirectory ? 'it has no default.nix' : 'it is not there' };
    if (file.kind === 'odd') return { ok: false, reason: `it ${file.problem}` };
    return { ok: true, path: fromTop(at), text: file.text, parsed: file.nix.parsed() };
  };
  return {
    nix: (path) => {
      const at = join(dir, path);
      if (!isPossible(at) || !isWithin(at, dir)) return { ok: false, reason: 'it lies outside of the flake' };
      try {
        return read(at);
      } catch (thrown) {
        if (!isUnreadable(thrown)) throw thrown;
        return { ok: false, reason: thrown.why };
      }
    },
    matching: (pattern) =>
      named().flatMap((path) => {
        const isNix = path.endsWith('.nix') && isWithin(path, dir);
        const text = isNix ? Buffer.from(reader.read(path, MOST.textBytes) ?? []).toString('utf8') : '';
        return pattern.test(text) ? [fromTop(path)] : [];
      }),
  };
}
