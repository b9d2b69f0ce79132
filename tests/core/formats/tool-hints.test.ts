// Each hint with the words of a real Nix (2.8, 2.26, 2.34), git or ssh, recorded when that failure was provoked.
import { expect, test } from '@jest/globals';
import { failureIn } from '../../../core/formats/tool-hints.ts';

const CASES: readonly (readonly [string, 'network' | 'machine', RegExp, readonly string[]])[] = [
  [
    'a dead daemon',
    'machine',
    /nix-daemon/,
    [
      "error: cannot connect to socket at '/nix/var/nix/daemon-socket/socket': No such file or directory\n(use '--show-trace' to show detailed location information)",
      "error: could not set permissions on '/nix/var/nix/profiles/per-user' to 755: Operation not permitted",
      "error: opening lock file '/nix/var/nix/db/big-lock': Permission denied",
      "error:\n       … while fetching the input 'path:/r'\n\n       error: cannot connect to socket at '/nix/var/nix/daemon-socket/socket': Connection refused",
    ],
  ],
  [
    'a full disk',
    'machine',
    /disk is full/,
    [
      "error: setting journal mode: database or disk is full (in '/nix/var/nix/db/db.sqlite')",
      "       error: executing SQLite statement 'pragma main.journal_mode = wal': database or disk is full, database or disk is full (in '/c/nix/fetcher-cache-v4.sqlite')",
      'error: writing to file: No space left on device',
      'error: cannot work in the temporary directory: ENOSPC: no space left on device, mkdir',
    ],
  ],
  [
    'a stale TMPDIR',
    'machine',
    /TMPDIR/,
    ["error: cannot work in the temporary directory: ENOENT: no such file or directory, mkdir '/gone/x'"],
  ],
  [
    'an ssh host that does not answer',
    'network',
    /ssh -p 9 127\.0\.0\.1/,
    [
      "ssh: connect to host 127.0.0.1 port 9: Connection refused\nfatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\nand the repository exists.\nerror: program 'git' failed with exit code 128",
    ],
  ],
  [
    'a key that is not taken',
    'network',
    /ssh-add -l.*SSH_AUTH_SOCK/,
    ['git@github.com: Permission denied (publickey).\nfatal: Could not read from remote repository.'],
  ],
  [
    'a host key that is not known',
    'network',
    /connect once/,
    ['Host key verification failed.\nfatal: Could not read from remote repository.'],
  ],
  [
    'a name that is not found',
    'network',
    /resolv\.conf/,
    [
      "error: unable to download 'https://example.invalid/x.tar.gz': Couldn't resolve host name (6)",
      "       error: Failed to open archive (Source threw exception: error: unable to download 'https://example.invalid/x.tar.gz': Could not resolve hostname (6) Could not resolve host: example.invalid)",
      "fatal: unable to access 'https://nohost.invalid/x/': Could not resolve host: nohost.invalid\nerror: program 'git' failed with exit code 128",
      'ssh: Could not resolve hostname nohost.invalid: Name or service not known\nfatal: Could not read from remote repository.',
    ],
  ],
  [
    'a host that does not answer',
    'network',
    /look at the network/,
    [
      "error: unable to download 'https://127.0.0.1:9/x.tar.gz': Couldn't connect to server (7)",
      "       error: Failed to open archive (Source threw exception: error: unable to download 'https://127.0.0.1:9/x.tar.gz': Could not connect to server (7) Failed to connect to 127.0.0.1 port 9 after 0 ms: Could not connect to server)",
      "       error: Failed to fetch git repository 'https://nohost.invalid/x'",
    ],
  ],
];

test.each(CASES)('%s', (_what, kind, hint, said) => {
  for (const words of said) expect(failureIn(words)).toMatchObject({ kind, hint: expect.stringMatching(hint) });
});

test.each([
  "error: undefined variable 'x'\n       at /nix/store/x-source/flake.nix:1:1",
  "error: input 'a' follows a non-existent input 'b'",
])('what is wrong with the flake is no such thing: %s', (words) => {
  expect(failureIn(words)).toBeUndefined();
});
