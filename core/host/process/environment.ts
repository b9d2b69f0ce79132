// What a program that reflake starts finds in its environment: one table, and the function that follows it. Whatever the
// table does not name is dropped. SECURITY.md shows the same table; a test compares the two.

/**
 * Whose rights a program runs with. `root`: root's. `person`: root starts it for somebody else than the caller.
 * `caller`: root starts it with the rights of who called (sudo, doas). `self`: an ordinary user starts it.
 */
export type Purpose = 'root' | 'person' | 'caller' | 'self';

/**
 * `set`: reflake sets it. `dropped`: never passed. The rest pass, where the value is: `any`; `word`, without a slash;
 * `zone`, a time zone and no path of a file; `line`, printable ASCII; `daemon`, that word or nothing; `roots`, an absolute
 * path that root alone controls; `usable`, a directory for temporary files (see `Looks.isUsable`).
 */
export type Treatment = 'set' | 'dropped' | 'any' | 'word' | 'zone' | 'line' | 'daemon' | 'roots' | 'usable';

export interface Row {
  /** As SECURITY.md names them, with `*` for any ending. */
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

/** Who the program runs as. */
export interface Who {
  readonly uid: number;
  readonly name: string;
  readonly home: string;
}

/** What only a look at the disk can tell of a value. */
export interface Looks {
  /** The file or directory, and each directory and link on the way to it, can be changed by root alone. */
  readonly isRoots: (path: string) => boolean;
  /** The person can make files there, and nobody between `/` and there is a third one. */
  readonly isUsable: (path: string, who: Who) => boolean;
}

type Env = Readonly<Record<string, string | undefined>>;

/** The environment of one program. `path`: the directories of PATH that may be searched. */
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
        // libc opens what begins with a slash or a colon; `..` would lead out of the zones.
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
  // Nothing that we start needs another shell, and ssh runs a ProxyCommand with this one.
  const set = { PATH: path.join(':'), HOME: home, USER: name, LOGNAME: name, SHELL: '/bin/sh' };
  return { ...Object.fromEntries(passed), ...set };
}

/** What the table says of a variable. */
export const treatmentOf = (name: string, purpose: Purpose): Treatment =>
  ENVIRONMENT.find(({ names }) => names.some((one) => isNamed(name, one)))?.for[purpose] ?? 'dropped';

const isNamed = (name: string, pattern: string): boolean =>
  pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;

/**
 * Variables that load code into Node, or make it write files, before reflake's first line runs. Root refuses to go on with
 * one that somebody else may have set.
 */
export const FOREIGN_CODE =
  /^(LD_.*|NODE_(OPTIONS|PATH|V8_COVERAGE|REDIRECT_WARNINGS|COMPILE_CACHE|ICU_DATA)|OPENSSL_(CONF|MODULES|ENGINES)|GCONV_PATH|GLIBC_TUNABLES)$/;

/**
 * What keeps Nix, git and what they start from the network: curl is sent to a proxy by a unix socket that cannot be there, git
 * knows no protocol but files, ssh is no program. `--offline` alone lets Nix ask for what it has not in its cache.
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
