// Reads a .drv file: the ATerm text whose bytes the store path hashes, the same for every Nix. Pure.

/** One output. `hash` is empty unless the content is fixed beforehand. */
export interface DerivationOutput {
  readonly path: string;
  readonly algorithm: string;
  readonly hash: string;
}

/** A derivation. Paths are store paths as the text has them. */
export interface Derivation {
  readonly outputs: ReadonlyMap<string, DerivationOutput>;
  /** The derivations that it needs, each with the outputs that it needs of it. */
  readonly inputs: ReadonlyMap<string, readonly string[]>;
  /** What it needs that no derivation makes. */
  readonly sources: readonly string[];
  readonly system: string;
  readonly builder: string;
  readonly args: readonly string[];
  readonly env: ReadonlyMap<string, string>;
}

export type DerivationRead =
  | { readonly ok: true; readonly derivation: Derivation }
  /** `at`: the offset where the text is not as expected. */
  | { readonly ok: false; readonly at: number; readonly expected: string };

/**
 * Reads the text of a .drv file. The form with a version in front (`DrvWithVersion`, for inputs that are known only while
 * building) is not read: no system of NixOS has it.
 */
export function parseDerivation(text: string): DerivationRead {
  const reader = new TermReader(text);
  try {
    reader.word('Derive(');
    const outputs = new Map(
      reader.list(() => {
        const [name, path, algorithm, hash] = reader.tuple(4);
        return [name!, { path: path!, algorithm: algorithm!, hash: hash! }] as const;
      }),
    );
    reader.word(',');
    const inputs = new Map(
      reader.list(() => {
        reader.word('(');
        const path = reader.string();
        reader.word(',');
        const names = reader.strings();
        reader.word(')');
        return [path, names] as const;
      }),
    );
    reader.word(',');
    const sources = reader.strings();
    reader.word(',');
    const system = reader.string();
    reader.word(',');
    const builder = reader.string();
    reader.word(',');
    const args = reader.strings();
    reader.word(',');
    const env = new Map(
      reader.list(() => {
        const [name, value] = reader.tuple(2);
        return [name!, value!] as const;
      }),
    );
    reader.word(')');
    reader.end();
    return { ok: true, derivation: { outputs, inputs, sources, system, builder, args, env } };
  } catch (thrown) {
    if (thrown instanceof Unexpected) return { ok: false, at: reader.at, expected: thrown.expected };
    throw thrown;
  }
}

class Unexpected {
  readonly expected: string;
  constructor(expected: string) {
    this.expected = expected;
  }
}

/** Goes through the text once; throws `Unexpected`. */
class TermReader {
  at = 0;
  readonly #text: string;
  /** The next backslash, so that a long text without one is searched once. */
  #escape = -1;

  constructor(text: string) {
    this.#text = text;
  }

  word(word: string): void {
    if (!this.#text.startsWith(word, this.at)) throw new Unexpected(word);
    this.at += word.length;
  }

  end(): void {
    if (this.at !== this.#text.length) throw new Unexpected('the end');
  }

  string(): string {
    this.word('"');
    const text = this.#text;
    const begin = this.at;
    let end = text.indexOf('"', begin);
    if (end === -1) throw new Unexpected('"');
    let slash = this.#escapeFrom(begin);
    if (slash > end) {
      this.at = end + 1;
      return text.slice(begin, end);
    }
    let value = '';
    let from = begin;
    while (slash < end) {
      const letter = text[slash + 1];
      if (letter === undefined) throw new Unexpected('a character after \\');
      value += text.slice(from, slash) + (ESCAPES[letter] ?? letter);
      from = slash + 2;
      if (end < from) end = text.indexOf('"', from);
      if (end === -1) throw new Unexpected('"');
      slash = this.#escapeFrom(from);
    }
    this.at = end + 1;
    return value + text.slice(from, end);
  }

  #escapeFrom(begin: number): number {
    if (this.#escape < begin) {
      const found = this.#text.indexOf('\\', begin);
      this.#escape = found === -1 ? this.#text.length : found;
    }
    return this.#escape;
  }

  strings(): readonly string[] {
    return this.list(() => this.string());
  }

  list<Item>(item: () => Item): readonly Item[] {
    this.word('[');
    const items: Item[] = [];
    while (this.#text[this.at] !== ']') {
      if (items.length > 0) this.word(',');
      items.push(item());
    }
    this.at += 1;
    return items;
  }

  tuple(count: number): readonly string[] {
    this.word('(');
    const items: string[] = [];
    for (let index = 0; index < count; index += 1) {
      if (index > 0) this.word(',');
      items.push(this.string());
    }
    this.word(')');
    return items;
  }
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' };
