// Checks a lock against the rules a team sets: how old an input may be and where it may come from.

import { sortedEntries } from '../flake-ref/byte-order.ts';
import { type Attr, type Attrs, textAttr } from '../flake-ref/model.ts';
import { showFlakeRef } from '../flake-ref/print-ref.ts';
import { asForgeKnows } from '../flake-ref/same-ref.ts';
import { describeLocked } from './describe.ts';
import { findInput } from './find-input.ts';
import { type Lock, type LockNode, rootNode } from './model.ts';

export interface LockRules {
  /** Seconds since the epoch. */
  readonly now: number;
  readonly maxAgeSeconds?: number;
  /**
   * Sources, as references without a revision: `github:NixOS/nixpkgs`, `github:NixOS/nixpkgs/nixos-*`. `*` stands for
   * anything but `/`, `**` for anything. The locked source is what counts, not what flake.nix asks for; but a tarball may also
   * be known by the url there, which leads to another one each time (a channel). Cases are told apart as far as the forge does.
   */
  readonly allow?: readonly string[];
}

/** A root input that breaks a rule. `node` is its key in the file. `text` is one clause. */
export type PolicyViolation =
  | {
      readonly kind: 'too-old';
      readonly input: string;
      readonly node: string;
      readonly ageSeconds: number;
      readonly text: string;
    }
  | { readonly kind: 'ahead'; readonly input: string; readonly node: string; readonly text: string }
  | { readonly kind: 'no-date'; readonly input: string; readonly node: string; readonly text: string }
  | {
      readonly kind: 'not-allowed';
      readonly input: string;
      readonly node: string;
      readonly source: string;
      readonly text: string;
    };

/** The violations of the root inputs, by name; an input that follows another is judged as that one. */
export function lockPolicy(lock: Lock, rules: LockRules): readonly PolicyViolation[] {
  const allow = rules.allow?.map(globToRegExp);
  return sortedEntries(rootNode(lock).inputs).flatMap(([input]) => {
    const found = findInput(lock, [input]);
    if (found === undefined || found.node.locked === undefined) return [];
    const age = judgeAge(input, found.key, found.node.locked, rules);
    const source = allow === undefined ? undefined : judgeSource(input, found.key, found.node, allow);
    return [age, source].filter((violation) => violation !== undefined);
  });
}

function judgeAge(input: string, node: string, locked: Attrs, rules: LockRules): PolicyViolation | undefined {
  if (rules.maxAgeSeconds === undefined) return undefined;
  const lastModified = locked.lastModified;
  if (typeof lastModified !== 'number') {
    // A relative path is part of the flake itself, and a single file never has a date.
    if (textAttr(locked, 'narHash') === undefined || locked.type === 'file') return undefined;
    return { kind: 'no-date', input, node, text: `input "${input}" has no date in the lock` };
  }
  const ageSeconds = rules.now - lastModified;
  if (ageSeconds < -AHEAD_SECONDS) {
    const text = `input "${input}" is dated ${dateOf(lastModified)}, which is in the future: its age is not known`;
    return { kind: 'ahead', input, node, text };
  }
  if (ageSeconds <= rules.maxAgeSeconds) return undefined;
  const text = `input "${input}" is ${days(ageSeconds)} old, more than ${days(rules.maxAgeSeconds)}: ${describeLocked(locked)}`;
  return { kind: 'too-old', input, node, ageSeconds, text };
}

/** The clock of the machine that made a commit may be ahead of ours by this much. */
const AHEAD_SECONDS = 3600;

/** The UTC date; `Date` throws beyond the year 275760. */
const dateOf = (seconds: number): string =>
  seconds < 8.64e12 ? new Date(seconds * 1000).toISOString().slice(0, 10) : `${seconds} seconds after 1970`;

function days(seconds: number): string {
  const count = Math.floor(seconds / 86_400);
  return count === 1 ? '1 day' : `${count} days`;
}

function judgeSource(
  input: string,
  node: string,
  found: LockNode,
  allow: readonly RegExp[],
): PolicyViolation | undefined {
  const sources = sourcesOf(found);
  const source = sources[0] ?? '';
  if (sources.some((text) => allow.some((pattern) => pattern.test(asForgeKnows(text))))) return undefined;
  const asked = sources.length > 1 && isDownload(found.original) ? ` (by way of "${sources.at(-1)}")` : '';
  return {
    kind: 'not-allowed',
    input,
    node,
    source,
    text: `input "${input}" comes from "${source}"${asked}, which is not allowed`,
  };
}

/** The sources of a node, without and (if known) with the branch or tag; of a tarball also the url that led there. */
function sourcesOf(node: LockNode): readonly string[] {
  const [locked, original] = [node.locked ?? {}, node.original ?? {}];
  const source = only(locked, volatile);
  const ref = textAttr(locked, 'ref') ?? (sameSource(locked, original) ? textAttr(original, 'ref') : undefined);
  const plain = showFlakeRef(source);
  if (ref !== undefined) return [plain, showFlakeRef({ ...source, ref })];
  const asked = showFlakeRef(only(original, volatile));
  return isDownload(locked) && isDownload(original) && asked !== plain ? [plain, asked] : [plain];
}

const isDownload = (attrs: Attrs | undefined): boolean => attrs?.type === 'tarball' || attrs?.type === 'file';

const sameSource = (a: Attrs, b: Attrs): boolean =>
  asForgeKnows(showFlakeRef(only(a, volatile))) === asForgeKnows(showFlakeRef(only(b, volatile)));

const volatile = ['rev', 'ref', 'narHash', 'lastModified', 'revCount', 'dir', 'dirtyRev', 'dirtyShortRev', 'treeHash'];

/** The attributes other than the named ones. */
function only(attrs: Attrs, without: readonly string[]): Attrs {
  return Object.fromEntries(
    Object.entries(attrs).filter((entry): entry is [string, Attr] => !without.includes(entry[0])),
  );
}

function globToRegExp(glob: string): RegExp {
  const parts = asForgeKnows(glob)
    .split(/(\*+)/)
    .map((part) => {
      if (part === '*') return '[^/]*';
      return part.startsWith('*') ? '.*' : part.replace(/[\\^$.|?+()[\]{}]/g, '\\$&');
    });
  return new RegExp(`^${parts.join('')}$`, 's');
}
