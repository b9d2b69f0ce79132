// Tells of passwords that stand in the configuration, one finding for each file. Advice: a NixOS build shows them to everybody
// anyway, with channels as with a flake. Never edits.

import { rangeOf, type SourceRange } from '../core/diagnostic.ts';
import { nixBytes } from '../core/documents/nix-text.ts';
import { passwordsIn } from '../core/formats/secrets.ts';
import type { Finding } from '../core/model.ts';
import { type AbsPath, relativeTo } from '../core/path.ts';
import { IN_SYNC, provider } from '../core/plan/provider.ts';

interface Desired {
  readonly dir: AbsPath;
}

/** The options in one file, by name; `at`: the first of them. */
interface Open {
  readonly file: AbsPath;
  readonly names: readonly [string, ...string[]];
  readonly at: SourceRange;
}

export const passwords = provider<Desired, readonly Open[]>({
  name: 'passwords',
  answers: [],
  codes: ['RF2065'],
  desire: ({ dir }) => ({ dir }),
  observe: async ({ dir }, reader, documents) => {
    if (reader.stat(dir).type !== 'dir') return [];
    const open = [...documents.mentioned()].flatMap(([file, { isNix }]): Open[] => {
      const bytes = isNix ? nixBytes(reader, file) : undefined;
      const [first, ...more] = bytes === undefined ? [] : passwordsIn(bytes);
      if (bytes === undefined || first === undefined) return [];
      const at = rangeOf(file, Buffer.from(bytes).toString('latin1'), first.span);
      return [{ file, names: [first.what, ...more.map(({ what }) => what)], at }];
    });
    // The graph is made only where it decides something.
    return open.filter(({ file }) => documents.modules().files.has(file));
  },
  reconcile: ({ dir }, open) =>
    open.length === 0 ? IN_SYNC : { findings: open.map((one) => findingOf(one, dir)), edits: [] },
});

function findingOf({ file, names, at }: Open, dir: AbsPath): Finding {
  const count = names.length === 1 ? names[0] : `${names.length} passwords (${[...new Set(names)].join(', ')})`;
  return {
    code: 'RF2065',
    subject: relativeTo(file, dir),
    because: `"${relativeTo(file, dir)}" holds ${count}, and the store shows it to everybody on the machine`,
    path: file,
    at,
    remedy: { by: 'you', hint: 'put it into a file that the flake does not hold (hashedPasswordFile, sops, age)' },
  };
}
