// Why a system could not be evaluated, from Nix's words: what a proof does not do by itself, and what would allow it. Pure.

import { failureIn as hintIn } from '../formats/tool-hints.ts';

export interface Reason {
  readonly why: string;
  readonly hint: string;
}

interface Row {
  readonly words: RegExp;
  readonly why: (found: RegExpExecArray) => string;
  readonly hint: string;
}

const ROWS: readonly Row[] = [
  {
    words:
      /(getting status of|path) '(\.|[^']*(-source|\u00bb))\/flake\.nix'(: No such file| does not exist)|does not contain a '\/?flake\.nix'/,
    why: () => 'it has no flake.nix: git shows Nix none there',
    hint: 'commit flake.nix, or name a commit that has it',
  },
  {
    words: /allow-import-from-derivation|import-from-derivation/,
    why: () => 'it needs import-from-derivation: to evaluate it Nix has to build something, and a proof builds nothing',
    hint: 'compare what `nix eval --option allow-import-from-derivation true` gives by hand',
  },
  {
    words: /Package ['\u2018]([^'\u2019]+)['\u2019].* has an unfree license/,
    why: ([, name]) => `"${name}" is unfree, and the configuration does not allow it`,
    hint: 'set nixpkgs.config.allowUnfree = true: a flake does not see NIXPKGS_ALLOW_UNFREE, and neither does a proof',
  },
  {
    words: /Package ['\u2018]([^'\u2019]+)['\u2019].* is marked as (broken|insecure)/,
    why: ([, name, what]) => `"${name}" is marked as ${what}, and the configuration does not allow it`,
    hint: 'set nixpkgs.config.allowBroken or permittedInsecurePackages: a flake does not see the environment',
  },
];

/** `summary`: Nix's error in one line. */
export function reasonFor(summary: string, stderr: string): Reason {
  for (const { words, why, hint } of ROWS) {
    const found = words.exec(stderr.replace(/\s+/g, ' '));
    if (found !== null) return { why: why(found), hint };
  }
  return { why: summary, hint: hintIn(stderr)?.hint ?? 'mend the configuration; the last lines of Nix say where' };
}
