// Every limit of bytes, depth and count that an input can reach. An input above a limit is refused with words; the time for one
// below grows linearly.

const MIB = 1 << 20;

export const MOST = {
  /** Bytes of a path, Linux's PATH_MAX without the NUL; a longer one can only be reached step by step. */
  pathBytes: 4095,
  /** Names in a path where a configuration, or a home, may be: each directory on the way may have to be made. */
  pathNames: 100,
  /** Bytes of one name in a path: NAME_MAX of every file system that NixOS runs on. */
  nameBytes: 255,
  /** Links followed on the way to one path: as many as Linux follows. */
  links: 40,
  /**
   * Bytes of a text that is parsed: flake.nix, a module, passwd, a file of git's settings. The largest module of
   * nixpkgs has 1.4 MB; a parsed text takes some 250 times its bytes.
   */
  textBytes: 2 * MIB,
  /** Bytes of a flake.lock: thirty thousand inputs. */
  lockBytes: 16 * MIB,
  /** Bytes of a nix.conf, or of a file that it includes. */
  confBytes: MIB,
  /** Bytes of git's index: a million files. */
  indexBytes: 128 * MIB,
  /** Bytes of all paths in git's index together: its version 4 says each by what it shares with the one before. */
  indexPathBytes: 128 * MIB,
  /** Bytes of any other file whose bytes are needed as a whole. */
  fileBytes: 1024 * MIB,
  /** UTF-16 units of a spec. One of a hundred inputs has ten thousand. */
  specLength: 256 * 1024,
  /** Bytes of a file that the user names: a spec, a saved plan. */
  userFileBytes: 256 * MIB,
  /** Files that one nix.conf includes, directly and through others: two that include each other twice grow exponentially. */
  includes: 1000,
  /** Directories in each other, below the top of a configuration: the walks of a tree call themselves once for each. */
  treeDepth: 512,
  /** Files, and bytes of them all, of a flake that Nix is asked about: they are copied twice. */
  evaluatedFiles: 50_000,
  evaluatedBytes: 256 * MIB,
  /** Levels of nesting in JSON. */
  jsonDepth: 200,
} as const;

/** The largest user or group id. The one above it is -1, which chown(2) reads as "leave it as it is". */
export const LARGEST_ID = 2 ** 32 - 2;

/** True if the text is a user or group id in decimal digits. */
export const isId = (text: string | undefined): boolean => /^\d+$/.test(text ?? '') && Number(text) <= LARGEST_ID;
