// What the configuration asks of the world around it and a flake may not see, in every file that it refers to. It only tells: no
// wish is about it, and whether a line is ever evaluated only Nix knows.

import { rangeOf } from '../core/diagnostic.ts';
import type { Documents } from '../core/documents/documents.ts';
import { type Impurity, impuritiesIn } from '../core/formats/module/impurities.ts';
import { MOST } from '../core/limits.ts';
import { isUnreadable, type Reader } from '../core/machine/reader.ts';
import type { Finding } from '../core/model.ts';
import { type AbsPath, isWithin, relativeTo } from '../core/path.ts';
import { provider } from '../core/plan/provider.ts';

interface Found extends Impurity {
  readonly path: AbsPath;
  readonly text: string;
}

export const purity = provider<{ readonly dir: AbsPath }, readonly Found[]>({
  name: 'purity',
  answers: [],
  concerns: ['/config/modules'],
  codes: ['RF2070', 'RF2071'],
  desire: ({ dir }) => ({ dir }),
  async observe({ dir }, reader, documents) {
    try {
      return filesThatMayAsk(dir, reader, documents).flatMap((path) => found(path, documents));
    } catch (thrown) {
      // Whoever has a wish about it says what cannot be read.
      if (isUnreadable(thrown)) return [];
      throw thrown;
    }
  },
  reconcile: ({ dir }, all) => ({
    findings: all.map(
      ({ kind, words, span, path, text }): Finding => ({
        code: kind === 'refused' ? 'RF2070' : 'RF2071',
        subject: relativeTo(path, dir),
        because: words,
        at: rangeOf(path, text, span),
        path,
        remedy: { by: 'you', hint: HINT[kind] },
      }),
    ),
    edits: [],
    defers: ['/config/modules'],
  }),
});

const HINT = {
  refused: 'make it an input of the flake, or a file of it',
  silent: 'write the value out, if it matters',
} as const;

/** Where no text holds such a word, nothing has to be parsed. */
function filesThatMayAsk(dir: AbsPath, reader: Reader, documents: Documents): readonly AbsPath[] {
  const asks = (path: AbsPath): boolean =>
    path.endsWith('.nix') && ASKING.test(Buffer.from(reader.read(path, MOST.textBytes) ?? []).toString('latin1'));
  const candidates = new Set([...documents.mentioned().keys()].filter(asks));
  if (candidates.size === 0) return [];
  // A file that is only in a directory that is meant as a whole may be none that is evaluated.
  return [...documents.modules().files]
    .filter(([path, { isNamed }]) => isNamed && candidates.has(path) && isWithin(path, dir))
    .map(([path]) => path);
}

/** Any impurity has one of these; a string with an absolute path, as hardware configurations have them, is none by itself. */
const ASKING = new RegExp(
  [
    /<[a-zA-Z]|~\/|[\s([=;:]\/[\w.]/,
    /\bfetch(Tarball|url|Git|Mercurial|Tree)\b|current(System|Time)\b|\b(getEnv|nixPath|pathExists)\b/,
    /\b(import|scopedImport|readFile|readDir|readFileType|hashFile|filterSource|path)\s*\(?\s*"\//,
    /imports\s*=[^\]]*[^+\s\]]\s*"\//,
  ]
    .map(({ source }) => source)
    .join('|'),
);

function found(path: AbsPath, documents: Documents): readonly Found[] {
  const file = documents.nix(path);
  const parsed = file.kind === 'text' ? file.nix.parsed() : undefined;
  if (file.kind !== 'text' || !parsed?.ok) return [];
  return impuritiesIn(parsed.root).map((one) => ({ ...one, path, text: file.text }));
}
