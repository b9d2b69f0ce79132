// Compares reflake with one real Nix in one area: `AREA`, then `all` or `sample`, as arguments, the Nix first in PATH, the
// counts as JSON on stdout. scripts/agreement.mjs runs it for every area and every Nix.
import { compareFlakeEdits, compareInputs, compareRefusals } from './flake-files.ts';
import { compareGitTrees } from './git-trees.ts';
import { compareHandLocks, compareLockVectors, compareRandomLocks } from './locks.ts';
import { compareLog } from './log.ts';
import { compareFacts, compareModuleEdits } from './modules.ts';
import { compareNar } from './nar.ts';
import { compareNixConf } from './nix-conf.ts';
import { type RealNix, withRealNix } from './real-nix.ts';
import { compareInputRefs, compareParseRef } from './references.ts';
import { everything, type Some, sample } from './sample.ts';
import { compareParsing, compareStrings } from './syntax.ts';
import { type Counts, Tally } from './tally.ts';

/** The areas in the order of docs/nix.md, by the name of each there. */
const areas: Readonly<Record<string, (tally: Tally, real: RealNix, some: Some) => void | Promise<void>>> = {
  'Nix expressions: accepted, and the tree': compareParsing,
  'Nix expressions: values of strings': compareStrings,
  'flake.nix: the inputs it declares': compareInputs,
  'flake.nix: taken or refused': compareRefusals,
  'flake.nix: edited and new files evaluate to the wish': compareFlakeEdits,
  'Modules: host name, users, features, imports, …': compareFacts,
  'Modules: edited, evaluate to the wish and else the same': compareModuleEdits,
  'References: in inputs': compareInputRefs,
  'References: builtins.parseFlakeRef, and printed': compareParseRef,
  'flake.lock: the vectors, judged': compareLockVectors,
  'flake.lock: edited by hand': compareHandLocks,
  'flake.lock: random flakes, written and judged': compareRandomLocks,
  'nix.conf: features, errors': compareNixConf,
  'NAR hashes': compareNar,
  'Git work trees: the files of a flake': compareGitTrees,
  'Its log as data: messages, a download with name and bytes': compareLog,
};

async function main(): Promise<void> {
  const [area, extent] = process.argv.slice(2);
  if (area === undefined) {
    console.log(JSON.stringify(Object.keys(areas)));
    return;
  }
  const compare = areas[area];
  if (compare === undefined) throw new Error(`there is no area ${area}`);
  const result = await withRealNix(async (real): Promise<Counts & { readonly release: string }> => {
    const tally = new Tally();
    await compare(tally, real, extent === 'all' ? everything : sample);
    const { agree, differences, left, disagreements } = tally;
    return { release: real.release, agree, differences, left, disagreements };
  });
  console.log(JSON.stringify(result));
}

await main();
