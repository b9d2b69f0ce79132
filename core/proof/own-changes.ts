// The changes of one derivation against its counterpart that no changed input explains. Pure.

import type { Derivation } from '../formats/derivation/derivation.ts';
import { storeName, versioned, withoutHashes } from '../formats/derivation/store-name.ts';
import type { Change } from '../proven.ts';
import { type Lines, linesThatDiffer, shortened } from './changed-lines.ts';
import type { Needs, Pair } from './graph.ts';

/** The text of a source, a store path; undefined where it is no text or was not read. */
export type SourceText = (path: string) => string | undefined;

interface Both {
  readonly from: Derivation;
  readonly to: Derivation;
  readonly needs: Needs;
}

interface Changes {
  readonly changes: readonly Change[];
  /** Sources of one name on both sides. */
  readonly sources: readonly Pair[];
}

/** Store paths count by their names: that a hash differs is told where it comes from. */
export function changesIn({ from, to, needs }: Both, sourceText: SourceText = () => undefined): Changes {
  const sources = sourcesOf(from, to);
  const names = namesOf(needs, sources);
  const texts = membersOf(from, to).flatMap(({ member, before, after }): readonly Change[] => {
    const [old, fresh] = [names.mask(before), names.mask(after)];
    const lines = old === fresh ? undefined : linesThatDiffer(old, fresh);
    return lines === undefined || isExplained(lines, names) ? [] : [{ kind: 'text', member, lines: shortened(lines) }];
  });
  const { went, came, versions } = needs;
  const gone = [...went, ...sources.went];
  const added = [...came, ...sources.came];
  return {
    changes: [
      ...versions.map((one): Change => ({ kind: 'version', ...one })),
      ...(gone.length + added.length > 0 ? [{ kind: 'inputs' as const, went: gone, came: added }] : []),
      ...sources.pairs.map((pair) => sourceChange(pair, sourceText)),
      ...texts,
    ],
    sources: sources.pairs,
  };
}

function sourceChange({ from, to }: Pair, sourceText: SourceText): Change {
  const [old, fresh] = [sourceText(from), sourceText(to)];
  const isRead = old !== undefined && fresh !== undefined && old !== fresh;
  return { kind: 'source', name: storeName(to), ...(isRead && { lines: shortened(linesThatDiffer(old, fresh)) }) };
}

interface Sources {
  readonly pairs: readonly Pair[];
  readonly went: readonly string[];
  readonly came: readonly string[];
}

/** Sources of one name that is there once on each side are a pair. */
function sourcesOf(from: Derivation, to: Derivation): Sources {
  const [olds, news] = [new Set(from.sources), new Set(to.sources)];
  const gone = from.sources.filter((path) => !news.has(path));
  const added = to.sources.filter((path) => !olds.has(path));
  const pairs: Pair[] = [];
  const left = [...added];
  const went: string[] = [];
  for (const path of gone) {
    const at = left.findIndex((other) => storeName(other) === storeName(path));
    if (at === -1) went.push(storeName(path));
    else pairs.push({ from: path, to: left.splice(at, 1)[0]! });
  }
  return { pairs, went, came: left.map(storeName) };
}

interface Names {
  readonly mask: (text: string) => string;
  /** Names that are told as gone or added. */
  readonly told: readonly string[];
}

/** A package in another version has one name in both texts. */
function namesOf({ versions, went, came }: Needs, sources: Sources): Names {
  const changed = new Set(versions.map(({ name }) => name));
  return {
    mask: (text) =>
      withoutHashes(text, (name) => {
        const { name: plain } = versioned(name);
        return `…-${changed.has(plain) ? plain : name}`;
      }),
    told: [...went, ...came, ...sources.went, ...sources.came],
  };
}

/** True if each changed line, or its counterpart, names an input that is told as gone or added. */
function isExplained({ went, came }: Lines, { told }: Names): boolean {
  const isNaming = (line: string | undefined): boolean => told.some((name) => line?.includes(`…-${name}`));
  return Array.from({ length: Math.max(went.length, came.length) }).every(
    (_, index) => isNaming(went[index]) || isNaming(came[index]),
  );
}

interface Member {
  readonly member: string;
  readonly before: string;
  readonly after: string;
}

function membersOf(from: Derivation, to: Derivation): readonly Member[] {
  const plain: readonly Member[] = [
    { member: 'system', before: from.system, after: to.system },
    { member: 'builder', before: from.builder, after: to.builder },
    { member: 'args', before: from.args.join('\n'), after: to.args.join('\n') },
    { member: 'outputs', before: outputsText(from), after: outputsText(to) },
    { member: 'inputs', before: outputsOfInputs(from, to), after: outputsOfInputs(to, from) },
  ];
  const names = [...new Set([...from.env.keys(), ...to.env.keys()])].filter(
    // The values of these are their own paths.
    (name) => !from.outputs.has(name) && !to.outputs.has(name),
  );
  const variables = names.map((name): Member => {
    const [before, after] = [from.env.get(name), to.env.get(name)];
    return { member: `env.${name}`, before: valueText(name, before), after: valueText(name, after) };
  });
  return [...plain, ...variables].filter(({ before, after }) => before !== after);
}

/** Content that is fixed beforehand has a hash here. */
const outputsText = ({ outputs }: Derivation): string =>
  [...outputs].map(([name, { algorithm, hash }]) => [name, algorithm, hash].join(' ').trim()).join('\n');

/** Which outputs are needed of the inputs that are on both sides, by name. */
function outputsOfInputs({ inputs }: Derivation, other: Derivation): string {
  const names = new Set([...other.inputs.keys()].map(storeName));
  return [...inputs]
    .flatMap(([path, outputs]) => (names.has(storeName(path)) ? [`${storeName(path)}: ${outputs.join(' ')}`] : []))
    .sort()
    .join('\n');
}

/** Structured attributes are JSON in one line: each member gets its own. */
function valueText(name: string, value: string | undefined): string {
  if (value === undefined) return '';
  if (name !== '__json') return value;
  try {
    return JSON.stringify(JSON.parse(value), null, 1);
  } catch {
    return value;
  }
}
