// Tells of impurities in the configuration with every plan, each kind once for each file. Never edits.

import { type Impure, impureIn } from '../core/documents/impure.ts';
import type { Evidence, Finding } from '../core/model.ts';
import { type AbsPath, absolute, relativeTo } from '../core/path.ts';
import { type Asks, IN_SYNC, provider } from '../core/plan/provider.ts';

interface Desired {
  readonly dir: AbsPath;
  /** The attribute of this machine's host. */
  readonly attribute: string;
}

export const purity = provider<Desired, readonly Impure[]>({
  name: 'purity',
  answers: [],
  concerns: ['/config/modules'],
  codes: ['RF2055', 'RF2056'],
  desire: ({ dir, host }) => ({ dir, attribute: host.attribute }),
  observe: async ({ dir }, reader, documents) => (reader.stat(dir).type === 'dir' ? impureIn(documents, reader) : []),
  reconcile({ dir, attribute }, impure) {
    const told = impure.filter((one) => one.kind !== 'etc-nixos' || dir !== PLACE);
    if (told.length === 0) return IN_SYNC;
    const findings = told.map((one) => findingOf(one, dir));
    const open = findings.filter(({ wish }) => wish !== undefined);
    if (open.length === 0) return { findings, edits: [] };
    // If the whole system evaluates, Nix has come to none of them.
    const asks: Asks = {
      toplevel: true,
      decide: ({ hosts }) => ({ findings: hosts.get(attribute)?.toplevel === undefined ? open : [] }),
    };
    return { findings, edits: [], asks };
  },
});

const PLACE = absolute('/etc/nixos');

function findingOf({ file, kind, isFatal, at, places }: Impure, dir: AbsPath): Finding {
  const [says, hint] = WORDS[kind];
  const names = [...new Set(places.map(({ what }) => what))];
  const shown = names.slice(0, MOST_NAMES).join(', ') + (names.length > MOST_NAMES ? ', …' : '');
  const count = places.length > 1 ? ` (${places.length} places)` : '';
  return {
    code: isFatal ? 'RF2055' : 'RF2056',
    ...(isFatal && { wish: '/config/modules' }),
    subject: relativeTo(file, dir),
    because: `"${relativeTo(file, dir)}" ${says(shown)}${count}`,
    path: file,
    ...(at && { at }),
    ...(places.length > 1 && { evidence: evidenceOf(file, places) }),
    remedy: { by: 'you', hint },
  };
}

const MOST_NAMES = 3;

/** All places, by name, some on a line. */
function evidenceOf(file: AbsPath, places: Impure['places']): readonly Evidence[] {
  const byName = new Map<string, string[]>();
  for (const { what, line, column } of places) {
    const known = byName.get(what);
    if (known) known.push(`${line}:${column}`);
    else byName.set(what, [`${line}:${column}`]);
  }
  return [...byName].flatMap(([what, where]) =>
    Array.from({ length: Math.ceil(where.length / ON_A_LINE) }, (_, at) => ({
      path: file,
      saw: `${what} at ${where.slice(at * ON_A_LINE, (at + 1) * ON_A_LINE).join(', ')}`,
    })),
  );
}

const ON_A_LINE = 12;

/** The words about the file, and what to do. */
const WORDS: Readonly<Record<Impure['kind'], readonly [says: (what: string) => string, hint: string]>> = {
  lookup: [
    (what) => `looks up ${what}, and a flake has no lookup path`,
    'take it from an input of the flake: inputs.nixpkgs, or pkgs and modulesPath, which every module gets',
  ],
  fetch: [
    (what) => `fetches with ${what}, and neither a hash nor a revision says what`,
    'make it an input of the flake, or add its hash or revision',
  ],
  'open-fetch': [
    (what) => `fetches with ${what}, and whether it is pinned the text does not tell`,
    'a flake takes only what has a hash or a revision',
  ],
  path: [
    (what) => `reads ${what}, which is no part of the flake`,
    'move it into the configuration, and name it by a relative path; what is only used at run time is a string',
  ],
  home: [
    (what) => `names ${what}, and a flake knows no home`,
    'move it into the configuration, and name it by a relative path',
  ],
  system: [
    (what) => `asks for ${what}, which a flake does not know`,
    'take pkgs.stdenv.hostPlatform.system, or write the system out',
  ],
  time: [(what) => `asks for ${what}, which a flake does not know`, 'take self.lastModified'],
  'store-path': [(what) => `calls ${what}, which a flake may not`, 'name the package that has the path'],
  environment: [
    (what) => `asks the environment (${what}), which is empty in a flake`,
    'write the value out, or make it an option',
  ],
  exists: [
    (what) => `asks by ${what} for a file outside the flake, and in a flake it is never there`,
    'move the file into the configuration',
  ],
  'etc-nixos': [
    (what) => `names ${what}, and the configuration lives elsewhere`,
    'name the place of the flake instead: nixos-rebuild --flake',
  ],
  link: [
    (what) => `reaches what is no part of the flake: ${what}`,
    'put the file itself there, or a relative link to a file of the configuration',
  ],
};
