// Recognises a failure of Nix or git by its words and says what to look at. One table; a test has, for each row, the words of a
// real Nix or git.

/** `network`: something could not be reached, so nothing is wrong with the flake. */
export interface Failure {
  readonly kind: 'network' | 'machine';
  readonly hint: string;
}

interface Row {
  readonly words: RegExp;
  readonly kind: Failure['kind'];
  readonly hint: (found: RegExpExecArray) => string;
}

/** The first row that fits decides: what lies deeper comes first. */
const ROWS: readonly Row[] = [
  {
    // Without its socket Nix tries the store itself, which an ordinary user can't write.
    words:
      /cannot connect to socket at '|cannot open connection to remote store|(?:set permissions on|opening lock file|creating directory|opening file|creating file) ['"]\/nix\/var\/nix[^'"]*['"][^\n]*(?:denied|not permitted)/,
    kind: 'machine',
    hint: () => 'the daemon of Nix does not answer: sudo systemctl start nix-daemon.socket',
  },
  {
    words: /No space left on device|database or disk is full|Disk quota exceeded|ENOSPC|EDQUOT/i,
    kind: 'machine',
    hint: () => 'the disk is full: make room (df -h; nix-collect-garbage frees the store), and run the command again',
  },
  {
    words:
      /cannot work in the temporary directory|(?:creating|opening) (?:temporary )?(?:directory|file) '[^']*': No such/,
    kind: 'machine',
    hint: () => 'the temporary directory cannot be used: look at TMPDIR, or unset it',
  },
  {
    words: /ssh: connect to host (\S+) port (\d+)/,
    kind: 'network',
    hint: ([, host, port]) => `the host does not answer to ssh: is it up, and is that its port? ssh -p ${port} ${host}`,
  },
  {
    words: /Permission denied \((?:publickey|password|keyboard)[^)]*\)/,
    kind: 'network',
    hint: () =>
      'the host does not take your key: ssh-add -l says which keys the agent has; sudo drops the agent unless told: sudo --preserve-env=SSH_AUTH_SOCK',
  },
  {
    words: /Host key verification failed/,
    kind: 'network',
    hint: () => 'the key of the host is not known: connect once by hand, with ssh, and look at it',
  },
  {
    words: /could(?:n't| not) resolve host(?: ?name)?|Name or service not known|Temporary failure in name resolution/i,
    kind: 'network',
    hint: () => 'the name of the host is not found: look at the name and at /etc/resolv.conf (getent hosts NAME)',
  },
  {
    words:
      /unable to download|network is unreachable|could(?:n't| not) connect|failed to connect|connection refused|timed out|failed to fetch git repository|unable to access/i,
    kind: 'network',
    hint: () => 'look at the network and run the command again; an in-sync plan needs none',
  },
];

/** Undefined: the words are about the flake itself, or are not known. */
export function failureIn(words: string): Failure | undefined {
  for (const { words: pattern, kind, hint } of ROWS) {
    const found = pattern.exec(words);
    if (found !== null) return { kind, hint: hint(found) };
  }
  return undefined;
}

/** Instead of any hint about the network, where nobody wished that it is used. */
export const OFFLINE_HINT = 'it is not in the cache of Nix, and --offline keeps Nix from fetching it: leave that out';
