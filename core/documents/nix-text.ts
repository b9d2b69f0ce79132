// A Nix file of the configuration, read and parsed once: the same bytes give the same document.

import { type OpenedFlake, openFlake } from '../formats/flake/flake.ts';
import { type ReadModule, readModule } from '../formats/module/module.ts';
import { parseNix } from '../formats/nix/parse.ts';
import type { Parsed } from '../formats/nix/syntax.ts';
import { type Reference, referencesIn } from '../formats/nix-value/references.ts';
import { MOST } from '../limits.ts';
import { isUnreadable, type Reader } from '../machine/reader.ts';
import { readText, type TextFile } from '../machine/texts.ts';
import { oncePer } from '../once.ts';
import type { AbsPath } from '../path.ts';

/** A Nix text with its readings; each is computed at the first call. */
export interface NixText {
  readonly text: string;
  readonly parsed: () => Parsed;
  /** As flake.nix. */
  readonly flake: () => OpenedFlake;
  /** As a NixOS module. */
  readonly module: () => ReadModule;
  /** Empty if the text does not parse. */
  readonly references: () => readonly Reference[];
}

/** A text file comes with its document; for any other the kind tells what is wrong. */
export type NixFile =
  | Exclude<TextFile, { kind: 'text' }>
  | (TextFile & { readonly kind: 'text'; readonly nix: NixText });

/** Throws `unreadable`. */
export function nixFile(reader: Reader, path: AbsPath): NixFile {
  const file = readText(reader, path);
  if (file.kind !== 'text') return file;
  const bytes = reader.read(path, MOST.textBytes);
  return { ...file, nix: bytes === undefined ? documentOf(file.text) : documentIn(bytes, file.text) };
}

/**
 * The bytes of a file that may be Nix; undefined where there is none. What is not called `.nix` may be anything: where it can't
 * be read, is larger than a text, or holds a NUL as pictures do, it is no Nix. Throws `unreadable` for the others.
 */
export function nixBytes(reader: Reader, path: AbsPath): Uint8Array | undefined {
  if (path.endsWith('.nix')) return reader.read(path, MOST.textBytes);
  try {
    const bytes = reader.read(path, MOST.textBytes);
    return bytes?.includes(0) ? undefined : bytes;
  } catch (thrown) {
    if (isUnreadable(thrown)) return undefined;
    throw thrown;
  }
}

/** A document by its bytes: a Reader gives the same object for the same content, before and after a move. */
export function documentIn(bytes: Uint8Array, text: string): NixText {
  const known = documents.get(bytes) ?? documentOf(text);
  documents.set(bytes, known);
  return known;
}

const documents = new WeakMap<Uint8Array, NixText>();

/** The document of a text that is in no file. */
export function documentOf(text: string): NixText {
  const document: NixText = {
    text,
    parsed: () => parsedOf(document),
    flake: () => flakeOf(document),
    module: () => moduleOf(document),
    references: () => referencesOf(document),
  };
  return document;
}

const parsedOf = oncePer(({ text }: NixText): Parsed => parseNix(text));
const flakeOf = oncePer(({ text, parsed }: NixText): OpenedFlake => openFlake(text, parsed()));
const moduleOf = oncePer(({ text, parsed }: NixText): ReadModule => readModule(text, parsed()));
const referencesOf = oncePer(({ parsed }: NixText): readonly Reference[] => {
  const tree = parsed();
  return tree.ok ? referencesIn(tree.root) : [];
});
