// Writes a NAR into one buffer and hands the buffer on whenever it is full. It alone knows how a NAR is spelled; its caller
// decides the order.

/**
 * Call for call what the NAR holds: an entry's name stands before its node, and each is closed. Strings are bytes, in latin1.
 */
export interface NarWriter {
  /** The beginning of a directory, before its entries. */
  directory(): void;
  /** The beginning of an entry. */
  entry(name: string): void;
  /** A link, but for its `close`. */
  link(target: string): void;
  /** The beginning of a regular file; `read` follows, or `bytes` up to the size and then `pad`. */
  file(isExecutable: boolean, size: number): void;
  /** All contents of a file by `fill`, and their padding. Gives how many there were: `size`, or less where they ended early. */
  read(size: number, fill: Fill): number;
  /** A piece of a file's contents; only looked at during the call. */
  bytes(piece: Uint8Array): void;
  /** Behind the last of `size` bytes of contents. */
  pad(size: number): void;
  /** The end of a directory, file or link. */
  close(): void;
  /** The same, and the end of the entry that it is of. */
  closeEntry(): void;
  /** Hands on what is left: the end of the NAR. */
  flush(): void;
}

/** Puts 1 to `length` bytes into `buffer` at `offset` and says how many; 0 at the end. */
export type Fill = (buffer: Buffer, offset: number, length: number) => number;

/** A NAR that has begun. `sink` gets it piece by piece; a piece is only valid during the call. */
export function narWriter(sink: (bytes: Uint8Array) => void): NarWriter {
  // Large, for small pieces are hashed slowly; but what is read into it should be in the processor's cache still.
  const buffer = Buffer.allocUnsafeSlow(CAPACITY);
  let used = 0;
  // Between the contents of two files stand a dozen tokens: a string that grows and is written once costs less than they do.
  let text = MAGIC;

  const handOn = (): void => {
    if (used > 0) sink(buffer.subarray(0, used));
    used = 0;
  };
  const writeText = (): void => {
    if (used + text.length > CAPACITY) handOn();
    if (text.length > CAPACITY) sink(Buffer.from(text, 'latin1'));
    else used += buffer.write(text, used, 'latin1');
    text = '';
  };
  const add = (more: string): void => {
    text += more;
    if (text.length > TEXT_LIMIT) writeText();
  };
  const pad = (size: number): void => {
    text += PADDING[size & 7]!;
  };
  return {
    pad,
    directory: () => add(DIRECTORY),
    entry: (name) => add(ENTRY + string(name) + NODE),
    link: (target) => add(LINK + string(target)),
    file: (isExecutable, size) => add((isExecutable ? EXECUTABLE : REGULAR) + integer(size)),
    close: () => add(CLOSE),
    closeEntry: () => add(CLOSE_ENTRY),
    read(size, fill) {
      writeText();
      let left = size;
      while (left > 0) {
        // A file that fits into the buffer is read at once.
        if (used + left > CAPACITY) handOn();
        const count = fill(buffer, used, Math.min(left, CAPACITY));
        if (count === 0) break;
        used += count;
        left -= count;
      }
      pad(size);
      return size - left;
    },
    bytes(piece) {
      writeText();
      if (used + piece.length > CAPACITY) handOn();
      if (piece.length > CAPACITY / 2) {
        handOn();
        sink(piece);
      } else {
        buffer.set(piece, used);
        used += piece.length;
      }
    },
    flush() {
      writeText();
      handOn();
    },
  };
}

const CAPACITY = 1 << 18;
const TEXT_LIMIT = 1 << 12;

/** By the size, modulo 8. */
const PADDING = [0, 7, 6, 5, 4, 3, 2, 1].map((count) => '\0'.repeat(count));

/** 64 bits, the lowest byte first. */
function integer(value: number): string {
  if (value >= 2 ** 32) return integer(value % 2 ** 32).slice(0, 4) + integer(Math.floor(value / 2 ** 32)).slice(0, 4);
  return String.fromCharCode(value & 255, (value >>> 8) & 255, (value >>> 16) & 255, value >>> 24) + '\0\0\0\0';
}

const string = (bytes: string): string => integer(bytes.length) + bytes + PADDING[bytes.length & 7]!;
const tokens = (...texts: string[]): string => texts.map(string).join('');

const MAGIC = tokens('nix-archive-1');
const REGULAR = tokens('(', 'type', 'regular', 'contents');
const EXECUTABLE = tokens('(', 'type', 'regular', 'executable', '', 'contents');
const LINK = tokens('(', 'type', 'symlink', 'target');
const DIRECTORY = tokens('(', 'type', 'directory');
const ENTRY = tokens('entry', '(', 'name');
const NODE = tokens('node');
const CLOSE = tokens(')');
const CLOSE_ENTRY = tokens(')', ')');
