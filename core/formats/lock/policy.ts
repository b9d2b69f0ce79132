// Checks a lock against the rules a team sets: how old an input may be, where it may come from, that its release gets updates, that
// no registry decides, that each tree has its hash, that nixpkgs is there once.

import { endOfSupport, isStale, type SupportTable } from '../end-of-support.ts';
import { byteOrder, sortedEntries } from '../flake-ref/byte-order.ts';
import { type Attr, type Attrs, isIndirect, isRelativePath, textAttr } from '../flake-ref/model.ts';
import { showFlakeRef } from '../flake-ref/print-ref.ts';
import { asForgeKnows } from '../flake-ref/same-ref.ts';
import { describeLocked } from './describe.ts';
import { findInput } from './find-input.ts';
import { type Lock, type LockNode, rootNode } from './model.ts';
import { isNixpkgs, nixpkgsReleaseOf } from './nixpkgs.ts';

/** `error`: drift. `warning` and `note` are told and change no exit code. */
export type Severity = 'error' | 'warning' | 'note';
export type Level = Severity | 'off';

/** What may be asked of one input. */
interface InputRules {
  readonly maxAgeSeconds?: number;
  /**
   * Sources, as references without a revision: `github:NixOS/nixpkgs`, `github:NixOS/nixpkgs/nixos-*`. `*` stands for
   * anything but `/`, `**` for anything. The locked source is what counts, not what flake.nix asks for; but a tarball may also
   * be known by the url there, which leads to another one each time (a channel). Cases are told apart as far as the forge does.
   */
  readonly allow?: readonly string[];
  /** The release of nixpkgs gets updates. */
  readonly eol?: Level;
  /** No registry decides what it is. */
  readonly indirect?: Level;
  /** Its tree has a hash. */
  readonly narHash?: Level;
}

/** Rules of the inputs that a pattern names: `nixpkgs*`, `home/nixpkgs`, `**` for all, those of inputs too. */
export interface Condition extends InputRules {
  readonly input: string;
  /** Of maxAge and allow. Default: error. */
  readonly severity?: Severity;
}

/** Rules at the top are about the inputs of the flake itself, but `narHash` and `duplicates` about the whole lock. */
export interface LockPolicy extends InputRules {
  /** nixpkgs is there once. */
  readonly duplicates?: Level;
  /** For each rule the first that names the input and has the rule counts, before those at the top. */
  readonly conditions?: readonly Condition[];
}

export interface LockRules extends LockPolicy {
  /** Seconds since the epoch. */
  readonly now: number;
  readonly ends?: SupportTable;
}

export type Rule = 'maxAge' | 'allow' | 'eol' | 'indirect' | 'narHash' | 'duplicates';

export type ViolationKind =
  | 'too-old'
  | 'ahead'
  | 'no-date'
  /** A release of NixOS that was taken from the channel of a machine: only its tarball has the date. */
  | 'undated'
  | 'not-allowed'
  | 'past-end'
  /** It may be past its end: which release it is, or when that ends, is not known. */
  | 'end-unknown'
  | 'indirect'
  | 'no-hash'
  | 'twice';

/** An input that breaks a rule. `node` is its key in the file. `text` is one clause. */
export interface PolicyViolation {
  readonly rule: Rule;
  readonly kind: ViolationKind;
  /** Its name; of an input of an input the names from the top, `home/nixpkgs`. */
  readonly input: string;
  readonly node: string;
  readonly text: string;
  readonly severity: Severity;
  /** True: a condition has the rule, and not the top. */
  readonly isConditional: boolean;
  /** True for an input of the flake itself. */
  readonly isDirect: boolean;
}

/** An input to be judged. One that follows another is judged as that one. */
interface Place {
  readonly name: string;
  readonly isDirect: boolean;
  readonly key: string;
  readonly node: LockNode;
}

/** The violations, the inputs of the flake first, by name. */
export function lockPolicy(lock: Lock, rules: LockRules): readonly PolicyViolation[] {
  const conditions = (rules.conditions ?? []).map((one) => ({ ...one, names: globToRegExp(one.input) }));
  const found = placesOf(lock, conditions.some(({ input }) => /\/|\*\*/.test(input)) || isOn(rules.narHash));
  const judge = (place: Place): readonly PolicyViolation[] => {
    const rule = ruler(place, conditions, rules);
    return JUDGES.flatMap((one) => one(place, rule, rules));
  };
  return [...found.flatMap(judge), ...duplicates(lock, rules)];
}

/** The inputs of the flake; `all`: behind them every other node, at its shortest path. */
function placesOf(lock: Lock, all: boolean): readonly Place[] {
  const direct = sortedEntries(rootNode(lock).inputs).flatMap(([name]): Place[] => {
    const found = findInput(lock, [name]);
    return found?.node.locked === undefined ? [] : [{ name, isDirect: true, ...found }];
  });
  if (!all) return direct;
  const queue: Place[] = direct.filter(({ name }) => rootNode(lock).inputs.get(name)?.kind === 'node');
  const seen = new Set(queue.map(({ key }) => key));
  for (let at = 0; at < queue.length; at++) {
    const above = queue[at]!;
    for (const [name, edge] of [...above.node.inputs].sort(([a], [b]) => byteOrder(a, b))) {
      const node = edge.kind === 'node' && !seen.has(edge.key) ? lock.nodes.get(edge.key) : undefined;
      if (node?.locked === undefined || edge.kind !== 'node') continue;
      seen.add(edge.key);
      queue.push({ name: `${above.name}/${name}`, isDirect: false, key: edge.key, node });
    }
  }
  return [...direct, ...queue.filter(({ isDirect }) => !isDirect)];
}

/** The value of a rule for one input, and who says it. */
type Ruler = <K extends keyof InputRules>(
  key: K,
) =>
  | { readonly value: NonNullable<InputRules[K]>; readonly isConditional: boolean; readonly severity: Severity }
  | undefined;

function ruler(place: Place, conditions: readonly (Condition & { readonly names: RegExp })[], rules: LockRules): Ruler {
  const own = conditions.filter(({ names }) => names.test(place.name));
  return (key) => {
    const first = own.find((one) => one[key] !== undefined);
    if (first?.[key] !== undefined)
      return { value: first[key], isConditional: true, severity: first.severity ?? 'error' };
    const isMeant = place.isDirect || key === 'narHash';
    return isMeant && rules[key] !== undefined
      ? { value: rules[key], isConditional: false, severity: 'error' }
      : undefined;
  };
}

const isOn = (level: Level | undefined): level is Severity => level !== undefined && level !== 'off';

type Judge = (place: Place, rule: Ruler, rules: LockRules) => readonly PolicyViolation[];

/** `how`: how bad it is, and whose rule it is. `what`: a clause without its subject, the input. */
const broken = (
  { name, key, isDirect }: Place,
  rule: Rule,
  kind: ViolationKind,
  { severity, isConditional }: Pick<PolicyViolation, 'severity' | 'isConditional'>,
  what: string,
): readonly PolicyViolation[] => [
  { rule, kind, input: name, node: key, text: `input "${name}" ${what}`, severity, isConditional, isDirect },
];

const ageOf: Judge = (place, rule, { now }) => {
  const limit = rule('maxAgeSeconds');
  if (limit === undefined) return [];
  const { locked = {} } = place.node;
  const { lastModified } = locked;
  if (typeof lastModified !== 'number') {
    // A relative path is part of the flake itself, and a single file never has a date.
    if (textAttr(locked, 'narHash') === undefined || locked.type === 'file') return [];
    return textAttr(locked, 'url')?.startsWith('https://releases.nixos.org/')
      ? broken(place, 'maxAge', 'undated', limit, 'has no date in the lock until it is updated for the first time')
      : broken(place, 'maxAge', 'no-date', limit, 'has no date in the lock');
  }
  const ageSeconds = now - lastModified;
  if (ageSeconds < -AHEAD_SECONDS) {
    const what = `is dated ${dateOf(lastModified)}, which is in the future: its age is not known`;
    return broken(place, 'maxAge', 'ahead', limit, what);
  }
  if (ageSeconds <= limit.value) return [];
  const what = `is ${days(ageSeconds)} old, more than ${days(limit.value)}: ${describeLocked(locked)}`;
  return broken(place, 'maxAge', 'too-old', limit, what);
};

/** The clock of the machine that made a commit may be ahead of ours by this much. */
const AHEAD_SECONDS = 3600;

/** The UTC date; `Date` throws beyond the year 275760. */
const dateOf = (seconds: number): string =>
  seconds < 8.64e12 ? new Date(seconds * 1000).toISOString().slice(0, 10) : `${seconds} seconds after 1970`;

function days(seconds: number): string {
  const count = Math.floor(seconds / 86_400);
  return count === 1 ? '1 day' : `${count} days`;
}

const sourceAllowed: Judge = (place, rule) => {
  const allow = rule('allow');
  if (allow === undefined) return [];
  const sources = sourcesOf(place.node);
  const source = sources[0] ?? '';
  const patterns = allow.value.map(globToRegExp);
  if (sources.some((text) => patterns.some((pattern) => pattern.test(asForgeKnows(text))))) return [];
  const asked = sources.length > 1 && isDownload(place.node.original) ? ` (by way of "${sources.at(-1)}")` : '';
  return broken(place, 'allow', 'not-allowed', allow, `comes from "${source}"${asked}, which is not allowed`);
};

/** The rule with its level as severity; undefined where it is off. */
const levelOf = (rule: Ruler, key: 'eol' | 'indirect' | 'narHash') => {
  const found = rule(key);
  return found !== undefined && isOn(found.value) ? { ...found, severity: found.value } : undefined;
};

const supported: Judge = (place, rule, { now, ends }) => {
  const eol = levelOf(rule, 'eol');
  if (eol === undefined || ends === undefined || !isNixpkgs(place.node)) return [];
  const of = nixpkgsReleaseOf(place.node);
  if (of.kind === 'rolling') return [];
  if (of.kind === 'unknown')
    return broken(place, 'eol', 'end-unknown', eol, 'is a nixpkgs of which no release is told');
  const end = endOfSupport(ends, of.release);
  if (end === undefined) {
    const what = `is nixpkgs ${of.release}, and the dates of ${ends.asOf} do not know its end`;
    return broken(place, 'eol', 'end-unknown', eol, what);
  }
  if (end >= dateOf(now)) return [];
  return broken(place, 'eol', 'past-end', eol, `is nixpkgs ${of.release}, which has had no updates since ${end}`);
};

const fromRegistry: Judge = (place, rule) => {
  const indirect = levelOf(rule, 'indirect');
  const { original = {} } = place.node;
  if (indirect === undefined || !isIndirect(original)) return [];
  const what = `is "${showFlakeRef(original)}", which the registry of whoever locks it decides`;
  return broken(place, 'indirect', 'indirect', indirect, what);
};

const hashed: Judge = (place, rule) => {
  const narHash = levelOf(rule, 'narHash');
  const { locked = {} } = place.node;
  // A relative path is part of the flake itself.
  if (narHash === undefined || textAttr(locked, 'narHash') !== undefined || isRelativePath(locked)) return [];
  return broken(place, 'narHash', 'no-hash', narHash, 'has no narHash in the lock, so nothing says which tree it is');
};

const JUDGES: readonly Judge[] = [ageOf, sourceAllowed, supported, fromRegistry, hashed];

/** One violation for all nodes that are nixpkgs, where there are several. */
function duplicates(lock: Lock, { duplicates: level }: LockRules): readonly PolicyViolation[] {
  if (!isOn(level)) return [];
  // By key: an input that follows another is that one.
  const unique = new Map(
    placesOf(lock, true)
      .toReversed()
      .map((one) => [one.key, one]),
  );
  const found = [...unique.values()].toReversed().filter(({ node }) => isNixpkgs(node));
  const [first] = found;
  if (first === undefined || found.length === 1) return [];
  const shown = found.slice(0, MOST_SHOWN).map(({ name, node }) => `"${name}" ${describeLocked(node.locked ?? {})}`);
  const more = found.length > MOST_SHOWN ? ` and ${found.length - MOST_SHOWN} more` : '';
  const text = `nixpkgs is locked ${found.length} times: ${shown.join(', ')}${more}`;
  const how = { severity: level, isConditional: false };
  return broken(first, 'duplicates', 'twice', how, '').map((one) => ({ ...one, text }));
}
const MOST_SHOWN = 4;

/** True if a rule about ends of support is on, and the table with their dates is old. */
export function isTableStale({ eol, conditions = [] }: LockPolicy, ends: SupportTable, now: number): boolean {
  return [eol, ...conditions.map((one) => one.eol)].some(isOn) && isStale(ends, dateOf(now));
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
