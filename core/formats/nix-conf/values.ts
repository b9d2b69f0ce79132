// Tells the values of a setting at which every Nix command fails. What an accepted value means is not read here.

import type { NixVersion } from '../nix-version.ts';
import { externalBuildersProblem } from './builders.ts';
import type { SettingKind } from './settings.ts';
import { storeProblem } from './store-ref.ts';

/**
 * The reason Nix refuses `name = text`, in its words; undefined where it takes it. `text` has its tokens joined by one space.
 */
export function refusal(name: string, kind: SettingKind, text: string, nix: NixVersion): string | undefined {
  switch (kind) {
    case 'bool':
      return BOOLEANS.has(text) ? undefined : `Boolean setting '${name}' has invalid value '${text}'`;
    case 'jobs':
      if (text === 'auto' || isInteger(text, 'u32')) return undefined;
      return `configuration setting '${name}' should be 'auto' or an integer`;
    case 'u32':
    case 'u64':
    case 'i64':
      return isInteger(withoutUnit(text, nix), kind) ? undefined : `setting '${name}' has invalid value '${text}'`;
    case 'sandbox':
    case 'profiler':
      return WORDS[kind].includes(text) ? undefined : `option '${name}' has invalid value '${text}'`;
    case 'lint':
      if (WORDS.lint.includes(text)) return undefined;
      return `option '${name}' has invalid value '${text}' (expected 'ignore', 'warn', or 'fatal')`;
    case 'anyPath':
    case 'path':
    case 'pathOrNone':
      if (text === '')
        return kind === 'pathOrNone' ? undefined : `setting '${name}' is a path and paths cannot be empty`;
      if (kind === 'anyPath' || text.startsWith('/')) return undefined;
      return `not an absolute path: ${nix === '2.34' ? `"${text}"` : `'${text}'`}`;
    case 'store':
      return storeProblem(text);
    case 'stores':
      return wordsOf(text)
        .map(storeProblem)
        .find((problem) => problem !== undefined);
    case 'plugins':
      // The caller looks for the files (`NixConf.plugins`).
      return undefined;
    case 'builders': {
      const problem = externalBuildersProblem(text);
      return problem && `parsing setting '${name}': ${problem}`;
    }
  }
}

const wordsOf = (text: string): readonly string[] => text.split(' ').filter((word) => word !== '');

const BOOLEANS: ReadonlySet<string> = new Set(['true', 'yes', '1', 'false', 'no', '0']);

const WORDS: Readonly<Record<'sandbox' | 'profiler' | 'lint', readonly string[]>> = {
  sandbox: ['true', 'false', 'relaxed'],
  profiler: ['disabled', 'flamegraph'],
  lint: ['ignore', 'warn', 'fatal'],
};

const FITS = {
  u32: (value: bigint) => BigInt.asUintN(32, value),
  u64: (value: bigint) => BigInt.asUintN(64, value),
  i64: (value: bigint) => BigInt.asIntN(64, value),
} as const;

/** Without its unit, which newer Nixes take; they multiply without a check of the width. */
const withoutUnit = (text: string, nix: NixVersion): string => (nix === '2.8' ? text : text.replace(/[KMGT]$/i, ''));

function isInteger(text: string, width: keyof typeof FITS): boolean {
  if (!/^[+-]?\d+$/.test(text) || (width !== 'i64' && text.startsWith('-'))) return false;
  const value = BigInt(text.replace('+', ''));
  return FITS[width](value) === value;
}
