// YAML 1.2 (core schema, merge keys) to a plain value with the place of every part, on the package `yaml`.
// Refuses what people do not expect: several documents, keys that are not text, unknown tags, aliases that lead nowhere or explode.

import type { Alias, Document, Node, Pair, YAMLError, YAMLMap } from 'yaml';
import type { ParseProblem, Place, PlacedText, Span } from './placed-text.ts';

type Yaml = typeof import('yaml');

/** Text without a byte order mark to a value; an empty text is null. Never throws. The package is loaded on the first call. */
export async function parseYaml(text: string): Promise<PlacedText> {
  const yaml = await import('yaml');
  let document: Document.Parsed;
  try {
    document = yaml.parseDocument(text, {
      // Said outright, so that a %YAML 1.1 directive does not turn `off` into false.
      version: '1.2',
      schema: 'core',
      merge: true,
      stringKeys: true,
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: 'error',
    });
  } catch (thrown) {
    return refused([{ message: `cannot be parsed: ${wordsOf(thrown)}`, span: { start: 0, end: 0 } }]);
  }
  const problems = problemsOf(yaml, text, document);
  if (problems.length > 0) return refused(problems);
  try {
    const value: unknown = document.toJS();
    return { ok: true, value, placeOf: (keys) => placeOf(yaml, text, document, keys) };
  } catch (thrown) {
    return refused([unreadable(yaml, document, thrown)]);
  }
}

const refused = (problems: readonly ParseProblem[]): PlacedText => ({ ok: false, problems });
const wordsOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));

function problemsOf(yaml: Yaml, text: string, document: Document.Parsed): ParseProblem[] {
  const exhausted = document.errors.find((error) => error.code === 'RESOURCE_EXHAUSTION');
  if (exhausted !== undefined) return [{ message: 'nested too deeply', span: { start: 0, end: 0 } }];
  const errors = [...document.errors, ...document.warnings].map((error) => problemOf(text, error));
  return errors.length > 0
    ? errors
    : [...duplicateKeys(yaml, document), ...foreignTags(yaml, document), ...lostAliases(yaml, document)];
}

const CLAUSES: Readonly<Record<string, { readonly message: string; readonly hint?: string }>> = {
  TAB_AS_INDENT: { message: 'tab in the indentation', hint: 'indent with spaces' },
  MULTIPLE_DOCS: { message: 'more than one document', hint: 'remove everything from "---" on' },
  NON_STRING_KEY: { message: 'key that is not text', hint: 'write the key as plain text' },
  BLOCK_AS_IMPLICIT_KEY: {
    message: 'mapping where a plain value is expected',
    hint: 'check the indentation, and quote a value that contains ": "',
  },
  MULTILINE_IMPLICIT_KEY: {
    message: 'key over several lines',
    hint: 'check the indentation of this line and the one above',
  },
};

function problemOf(text: string, error: YAMLError): ParseProblem {
  const span = { start: error.pos[0], end: Math.max(error.pos[0], error.pos[1]) };
  if (error.code === 'TAG_RESOLVE_FAILED')
    return {
      message: `unknown tag ${JSON.stringify(text.slice(span.start, span.end).trim())}`,
      hint: 'remove it',
      span,
    };
  return { ...(CLAUSES[error.code] ?? { message: clause(error.message) }), span };
}

const clause = (message: string): string =>
  (message[0] ?? '').toLowerCase() +
  message
    .slice(1)
    .split('\n')[0]!
    .replace(/[.:]\s*$/, '');

/** Our own, because that of `yaml` takes quadratic time. */
function duplicateKeys(yaml: Yaml, document: Document.Parsed): ParseProblem[] {
  const found: ParseProblem[] = [];
  yaml.visit(document, {
    Map(_key, map) {
      const seen = new Set<unknown>();
      for (const pair of map.items) {
        if (!yaml.isScalar(pair.key) || isMergePair(pair)) continue;
        const name = pair.key.value;
        if (seen.has(name))
          found.push({
            message: `duplicate key ${JSON.stringify(name)}`,
            span: spanOf(pair.key) ?? { start: 0, end: 0 },
          });
        seen.add(name);
      }
    },
  });
  return found;
}

const CORE_TAGS = ['str', 'int', 'float', 'bool', 'null', 'map', 'seq'].map((name) => `tag:yaml.org,2002:${name}`);

/** `yaml` reads !!binary, !!set and the like in every schema where they are written out. */
function foreignTags(yaml: Yaml, document: Document.Parsed): ParseProblem[] {
  const found: ParseProblem[] = [];
  yaml.visit(document, {
    Value(_key, node) {
      if (node.tag === undefined || CORE_TAGS.includes(node.tag)) return;
      const name = node.tag.replace('tag:yaml.org,2002:', '!!');
      found.push({
        message: `unknown tag ${JSON.stringify(name)}`,
        hint: 'remove it',
        span: spanOf(node) ?? { start: 0, end: 0 },
      });
    },
  });
  return found;
}

/** `yaml` leaves `errors` empty for an alias without an anchor, and then throws while building the value. */
function lostAliases(yaml: Yaml, document: Document.Parsed): ParseProblem[] {
  const anchors = new Set<string>();
  const lost: ParseProblem[] = [];
  yaml.visit(document, {
    Node(_key, node) {
      if ('anchor' in node && typeof node.anchor === 'string') anchors.add(node.anchor);
    },
    Alias(_key, node) {
      if (!anchors.has(node.source))
        lost.push({
          message: `alias ${JSON.stringify(`*${node.source}`)} without an anchor before it`,
          hint: 'quote the value if it is meant as text',
          span: spanOf(node) ?? { start: 0, end: 0 },
        });
    },
  });
  return lost;
}

function unreadable(yaml: Yaml, document: Document.Parsed, thrown: unknown): ParseProblem {
  const words = wordsOf(thrown);
  let first: Span | undefined;
  const pick = /^Merge/.test(words) ? isMergePair : yaml.isAlias;
  yaml.visit(document, (_key, node) => {
    if (!pick(node)) return undefined;
    first = spanOf(yaml.isPair(node) ? (node.key as Node) : (node as Node));
    return yaml.visit.BREAK;
  });
  const message = /Excessive alias/.test(words) ? 'too many aliases' : clause(words);
  return { message, span: first ?? { start: 0, end: 0 } };
}

const isMergePair = (node: unknown): boolean => {
  const key = (node as { key?: { value?: unknown } } | null)?.key;
  return key?.value === '<<' || typeof key?.value === 'symbol';
};

function spanOf(node: Node | null | undefined): Span | undefined {
  return node?.range ? { start: node.range[0], end: node.range[1] } : undefined;
}

/** Walks down one path, through aliases and merge keys. Bounded by the number of keys, so that no alias bomb can explode here. */
function placeOf(yaml: Yaml, text: string, document: Document.Parsed, keys: readonly string[]): Place | undefined {
  let node: Node | null | undefined = document.contents;
  let key: Span | undefined;
  for (const name of keys) {
    const inside: Node | undefined = yaml.isAlias(node) ? resolve(document, node) : (node ?? undefined);
    if (yaml.isMap(inside)) {
      const pair = memberOf(yaml, document, inside, name, 4);
      if (pair === undefined) return undefined;
      key = spanOf(pair.key as Node);
      node = pair.value as Node | null;
    } else if (yaml.isSeq(inside) && /^(0|[1-9]\d*)$/.test(name)) {
      if (Number(name) >= inside.items.length) return undefined;
      key = undefined;
      node = inside.items[Number(name)] as Node | null;
    } else return undefined;
  }
  const value = visible(text, spanOf(node)) ?? key;
  if (value === undefined) return keys.length === 0 ? { value: { start: 0, end: 0 } } : undefined;
  return key === undefined ? { value } : { key, value };
}

/** A span without the white space after it; undefined where nothing is left to see. */
function visible(text: string, span: Span | undefined): Span | undefined {
  if (span === undefined) return undefined;
  const end = span.start + text.slice(span.start, span.end).trimEnd().length;
  return end > span.start ? { start: span.start, end } : undefined;
}

const resolve = (document: Document.Parsed, alias: Alias): Node | undefined => alias.resolve(document);

function memberOf(yaml: Yaml, document: Document.Parsed, map: YAMLMap, name: string, merges: number): Pair | undefined {
  const own = map.items.find((pair) => yaml.isScalar(pair.key) && pair.key.value === name && !isMergePair(pair));
  if (own !== undefined || merges === 0) return own;
  for (const pair of map.items.filter(isMergePair)) {
    const source = yaml.isAlias(pair.value) ? resolve(document, pair.value) : pair.value;
    for (const item of yaml.isSeq(source) ? source.items : [source]) {
      const merged = yaml.isAlias(item) ? resolve(document, item) : item;
      const found = yaml.isMap(merged) ? memberOf(yaml, document, merged, name, merges - 1) : undefined;
      if (found !== undefined) return found;
    }
  }
  return undefined;
}
