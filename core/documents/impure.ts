// Finds impurities in the files of a flake, grouped by file and kind, each with all its places.

import { rangeOf, type SourceRange } from '../diagnostic.ts';
import { type ImpureKind, type Impurity, impuritiesIn, NAMES_ETC_NIXOS } from '../formats/purity/impurities.ts';
import { tellsImpurity } from '../formats/purity/telling.ts';
import type { Reader } from '../machine/reader.ts';
import { oncePer } from '../once.ts';
import { type AbsPath, fromBytes } from '../path.ts';
import type { Documents } from './documents.ts';
import type { Reached } from './graph.ts';
import { documentIn, type NixText, nixBytes } from './nix-text.ts';

/** `at` is the first of `places`; each has its own `what`. */
export interface Impure {
  readonly file: AbsPath;
  readonly kind: ImpureKind | 'link';
  readonly isFatal: boolean;
  readonly at: SourceRange | undefined;
  readonly places: readonly { readonly what: string; readonly line: number; readonly column: number }[];
}

/** In the order of the files. Parses files with a telling word; makes the graph only if one is impure. Throws `unreadable`. */
export function impureIn(documents: Documents, reader: Reader): readonly Impure[] {
  const mentioned = documents.mentioned();
  const candidates = [...mentioned].filter(([path, { isNix }]) => isNix && isTelling(path, reader));
  const impure = candidates.filter(([path]) => impuritiesAt(path, reader).length > 0);
  const isAstray = [...mentioned.values()].some(({ isAstray: leads }) => leads);
  if (impure.length === 0 && !isAstray) return [];
  const { files, astray } = documents.modules();
  // Other providers tell of a module of the host that is itself such a link.
  const told = new Set(documents.hostModules().map(({ file }) => file.path));
  const links = astray.flatMap(({ path, because, by }): Impure[] => {
    const file = by && documents.nix(by.file);
    if (by === undefined || file?.kind !== 'text' || told.has(path)) return [];
    const at = rangeOf(by.file, file.text, by.span);
    return [
      { file: by.file, kind: 'link', isFatal: true, at, places: [{ what: because, line: at.line, column: at.column }] },
    ];
  });
  const found = impure.flatMap(([path]) => {
    const reached = files.get(path);
    return reached === undefined ? [] : groupsOf(path, reached, reader);
  });
  return [...links, ...found];
}

const isTelling = (path: AbsPath, reader: Reader): boolean => {
  const bytes = nixBytes(reader, path);
  return bytes !== undefined && tells(bytes);
};

const tells = oncePer((bytes: Uint8Array): boolean =>
  tellsImpurity(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')),
);

/** The impurities of one file; for one that does not parse, the mentions of /etc/nixos in its text. */
function impuritiesAt(path: AbsPath, reader: Reader): readonly Impurity[] {
  const bytes = nixBytes(reader, path);
  if (bytes === undefined) return [];
  const document = documentOfBytes(bytes);
  return document.parsed().ok ? impuritiesOf(document) : namedIn(document);
}

const documentOfBytes = (bytes: Uint8Array): NixText =>
  documentIn(bytes, fromBytes(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)));

const impuritiesOf = oncePer((document: NixText): readonly Impurity[] => {
  const tree = document.parsed();
  return tree.ok ? impuritiesIn(tree.root) : [];
});

const namedIn = oncePer(({ text }: NixText): readonly Impurity[] =>
  [...text.matchAll(new RegExp(NAMES_ETC_NIXOS, 'g'))].map(({ index }) => ({
    kind: 'etc-nixos',
    isFatal: false,
    what: '/etc/nixos',
    start: index,
    end: index + '/etc/nixos'.length,
  })),
);

function groupsOf(file: AbsPath, { isNix }: Reached, reader: Reader): readonly Impure[] {
  const bytes = nixBytes(reader, file);
  if (bytes === undefined) return [];
  const document = documentOfBytes(bytes);
  const all = isNix ? impuritiesOf(document) : namedIn(document);
  const groups = new Map<string, Impurity[]>();
  for (const one of all) {
    const key = `${one.kind} ${one.isFatal}`;
    const known = groups.get(key);
    if (known) known.push(one);
    else groups.set(key, [one]);
  }
  return [...groups.values()].map((group): Impure => {
    const [first] = group as [Impurity, ...Impurity[]];
    const places = group.map((one) => {
      const { line, column } = rangeOf(file, document.text, one);
      return { what: one.what, line, column };
    });
    return { file, kind: first.kind, isFatal: first.isFatal, at: rangeOf(file, document.text, first), places };
  });
}
