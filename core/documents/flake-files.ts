// Gives the reader of flake.nix the other files of the flake: by their paths from its top, parsed, or the reason for none.

import type { FlakeFile, FlakeFiles } from '../formats/flake/flake.ts';
import { MOST } from '../limits.ts';
import { isUnreadable, type Reader } from '../machine/reader.ts';
import { oncePer } from '../once.ts';
import { type AbsPath, isPossible, isWithin, join, relativeTo } from '../path.ts';
import type { Roots } from './graph.ts';
import { moduleFile } from './module-file.ts';
import { nixFile } from './nix-text.ts';

/** `named`: the files that the flake's texts mention. */
export function flakeFiles(
  { dir, within }: Pick<Roots, 'dir' | 'within'>,
  reader: Reader,
  named: () => readonly AbsPath[],
): FlakeFiles {
  const fromTop = (path: AbsPath): string => `./${relativeTo(path, dir)}`;
  const read = (path: AbsPath): FlakeFile => {
    const found = moduleFile(path, within, reader);
    if (found.kind !== 'file') return { ok: false, reason: found.because };
    if (!isWithin(found.path, dir)) return { ok: false, reason: OUTSIDE };
    const file = nixFile(reader, found.path);
    if (file.kind !== 'text')
      return { ok: false, reason: file.kind === 'odd' ? `it ${file.problem}` : 'it is not there' };
    return { ok: true, path: fromTop(found.path), text: file.text, parsed: file.nix.parsed() };
  };
  return {
    nix: (path) => {
      const at = join(dir, path);
      if (!isPossible(at) || !isWithin(at, dir)) return { ok: false, reason: OUTSIDE };
      try {
        return read(at);
      } catch (thrown) {
        if (!isUnreadable(thrown)) throw thrown;
        return { ok: false, reason: thrown.why };
      }
    },
    // Each host asks the same.
    matching: oncePer((pattern) =>
      named().flatMap((path) => {
        const isNix = path.endsWith('.nix') && isWithin(path, dir);
        const text = isNix ? Buffer.from(reader.read(path, MOST.textBytes) ?? []).toString('utf8') : '';
        return pattern.test(text) ? [fromTop(path)] : [];
      }),
    ),
  };
}

const OUTSIDE = 'it lies outside of the flake';
