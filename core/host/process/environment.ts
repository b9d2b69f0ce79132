// The environment of each program that reflake starts: one table, and the function that applies it. A variable that the
// table does not name is dropped. SECURITY.md shows the same table; a test compares the two.

/**
 * The rights that a program runs with. `root`: root's own. `person`: root starts it for a person who is not the caller.
 * `caller`: root starts it for the caller (sudo, doas). `self`: an ordinary user starts it.
 */
export type Purpose = 'root' | 'person' | 'caller' | 'self';

/**
 * `set`: reflake sets the variable. `dropped`: it never passes. The rest pass if the value is: `any`, anything; `word`,
 * without a slash; `zone`, a time zone and no path of a file; `line`, printable ASCII; `daemon`, that word or empty;
 * `roots`, an absolute path that root alone controls; `usable`, a directory for temporary files (see `Looks.isUsable`).
 */
export type Treatment = 'set' | 'dropped' | 'any' | 'word' | 'zone' | 'line' | 'daemon' | 'roots' | 'usable';

export interface Row {
  /** Names as in SECURITY.md; `*` stands for any ending. */
  readonly names: readonly string[];
  readonly for: Readonly<Record<Purpose, Treatment>>;
}

const row = (names: string, root: Treatment, person: Treatment, caller: Treatment, self: Treatment): Row => ({
  names: names.split(' '),
  for: { root, person, caller, self },
});

/** The first row that names a variable decides. */
export const ENVIRONMENT: readonly Row[] = [
  row('PATH HOME USER LOGNAME SHELL', 'set', 'set', 'set', 'set'),
  row('LANG LANGUAGE LC_*', 'word', 'word', 'word', 'word'),
  row('TERM', 'word', 'word', 'word', 'word'),
  row('TZ', 'zone', 'zone', 'zone', 'zone'),
  row('LOCALE_ARCHIVE TZDIR', 'roots', 'roots', 'roots', 'any'),
  row('TMPDIR', 'usable', 'usable', 'usable', 'any'),
  row('NIX_SSL_CERT_FILE SSL_CERT_FILE SSL_CERT_DIR CURL_CA_BUNDLE GIT_SSL_CAINFO', 'roots', 'roots', 'any', 'any'),
  row('http_proxy https_proxy ftp_proxy all_proxy no_proxy', 'line', 'line', 'line', 'line'),
  row('HTTP_PROXY HTTPS_PROXY FTP_PROXY ALL_PROXY NO_PROXY', 'line', 'line', 'line', 'line'),
  row('NIX_REMOTE', 'daemon', 'daemon', 'daemon', 'any'),
  row('NIX_*', 'dropped', 'dropped', 'dropped', 'any'),
  row('SSH_AUTH_SOCK', 'dropped', 'dropped', 'any', 'any'),
  row('GIT_SSH GIT_SSH_COMMAND GIT_SSH_VARIANT', 'dropped', 'dropped', 'any', 'any'),
  row('GIT_ASKPASS SSH_ASKPASS', 'dropped', 'dropped', 'dropped', 'any'),
  row('DISPLAY WAYLAND_DISPLAY XAUTHORITY', 'dropped', 'dropped', 'dropped', 'any'),
  row('DBUS_SESSION_BUS_ADDRESS XDG_RUNTIME_DIR', 'dropped', 'dropped', 'dropped', 'any'),
  row('XDG_* GIT_* SUDO_* DOAS_USER PKEXEC_UID', 'dropped', 'dropped', 'dropped', 'dropped'),
  row('LD_* NODE_* OPENSSL_* GCONV_PATH GLIBC_TUNABLES', 'dropped', 'dropped', 'dropped', 'dropped'),
  row('LOCPATH TERMINFO* CURL_HOME', 'dropped', 'dropped', 'dropped', 'dropped'),
  row('PERL* PYTHON* BASH_ENV ENV IFS', 'dropped', 'dropped', 'dropped', 'dropped'),
];

/** The user that a program runs as. */
export interface Who {
  readonly uid: number;
  readonly name: string;
  readonly home: string;
}

/** Questions about a value that only the disk can answer. */
export interface Looks {
  /** True if nobody but root can change the file or directory, nor any directory or link on the way to it. */
  readonly isRoots: (path: string) => boolean;
  /** True if the person can make files there, and nobody but they and root can change a directory on the way. */
  readonly isUsable: (path: string, who: Who) => boolean;
}

type Env = Readonly<Record<string, string | undefined>>;

/** Computes the environment of one program. `path`: the directories of PATH that may be searched. */
export function environmentOf(
  purpose: Purpose,
  who: Who,
  path: readonly string[],
  given: Env,
  looks: Looks,
): Record<string, string> {
  const passes = (treatment: Treatment, value: string): boolean => {
    switch (treatment) {
      case 'set':
      case 'dropped':
        return false;
      case 'any':
        return true;
      case 'word':
        return /^[\w.@:+-]{0,128}$/.test(value);
      case 'zone':
        // libc opens a value that begins with a slash or a colon as a file; `..` would lead out of the zones.
        return /^[A-Za-z<][\w,./+:<>-]{0,128}$/.test(value) && !value.includes('..');
      case 'line':
        return /^[\x21-\x7e]{0,1024}$/.test(value);
      case 'daemon':
        return value === '' || value === 'daemon';
      case 'roots':
        return value.startsWith('/') && looks.isRoots(value);
      case 'usable':
        return value.startsWith('/') && looks.isUsable(value, who);
    }
  };
  const passed = Object.entries(given).filter(
    (pair): pair is [string, string] => pair[1] !== undefined && passes(treatmentOf(pair[0], purpose), pair[1]),
  );
  const { name, home } = who;
  // No program that we start needs another shell, and ssh runs a ProxyCommand with $SHELL.
  const set = { PATH: path.join(':'), HOME: home, USER: name, LOGNAME: name, SHELL: '/bin/sh' };
  return { ...Object.fromEntries(passed), ...set };
}

/** The treatment that the table gives a variable. */
export const treatmentOf = (name: string, purpose: Purpose): Treatment =>
  ENVIRONMENT.find(({ names }) => names.some((one) => isNamed(name, one)))?.for[purpose] ?? 'dropped';

const isNamed = (name: string, pattern: string): boolean =>
  pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;

/**
 * Variables that load code into Node, or make it write files, before the first line of reflake runs. Root refuses to go
 * on if somebody else may have set one.
 */
export const FOREIGN_CODE =
  /^(LD_.*|NODE_(OPTIONS|PATH|V8_COVERAGE|REDIRECT_WARNINGS|COMPILE_CACHE|ICU_DATA)|OPENSSL_(CONF|MODULES|ENGINES)|GCONV_PATH|GLIBC_TUNABLES)$/;

/**
 * Keeps Nix, git and the programs that they start off the network: curl gets a proxy whose unix socket cannot exist,
 * git may use no protocol but files, and `ssh` is false(1). `--offline` alone is not enough: Nix still asks for what
 * its cache lacks.
 */
export const OFFLINE: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ['http_proxy', 'https_proxy', 'ftp_proxy', 'all_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'FTP_PROXY', 'ALL_PROXY'].map(
      (name) => [name, 'socks5h://localhost/proc/self/offline'],
    ),
  ),
  no_proxy: '',
  NO_PROXY: '',
  GIT_ALLOW_PROTOCOL: 'file',
  GIT_SSH_COMMAND: 'false',
};
