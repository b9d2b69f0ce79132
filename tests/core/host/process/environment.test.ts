// The table of environment variables: which program gets which; and SECURITY.md shows the same table.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { ENVIRONMENT, environmentOf, type Purpose, treatmentOf } from '../../../../core/host/process/environment.ts';

const PURPOSES: readonly Purpose[] = ['root', 'person', 'caller', 'self'];
const WHO = { uid: 1000, name: 'srid', home: '/home/srid' };
const LOOKS = {
  isRoots: (path: string) => path.startsWith('/etc/'),
  isUsable: (path: string, { uid }: { uid: number }) => path === `/run/user/${uid}`,
};
/** The variables that pass, without those that are always set. */
const passed = (purpose: Purpose, given: Record<string, string>): Record<string, string> => {
  const { PATH, HOME, USER, LOGNAME, SHELL, ...rest } = environmentOf(purpose, WHO, ['/bin'], given, LOOKS);
  expect([PATH, HOME, USER, LOGNAME, SHELL]).toEqual(['/bin', '/home/srid', 'srid', 'srid', '/bin/sh']);
  return rest;
};
const passes = (purpose: Purpose, name: string, value: string): boolean => name in passed(purpose, { [name]: value });

test('who it is is never taken from the environment', () => {
  for (const purpose of PURPOSES)
    expect(passed(purpose, { PATH: '/evil', HOME: '/evil', USER: 'eve', LOGNAME: 'eve', SHELL: '/evil' })).toEqual({});
});

/** One variable of each kind, with a harmful value. */
const NEVER = [
  'LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT NODE_OPTIONS NODE_PATH NODE_EXTRA_CA_CERTS OPENSSL_CONF GCONV_PATH GLIBC_TUNABLES',
  'LOCPATH TERMINFO TERMINFO_DIRS PERL5LIB PERL5OPT PYTHONPATH BASH_ENV ENV IFS SUDO_UID SUDO_COMMAND DOAS_USER PKEXEC_UID',
  'GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_EXEC_PATH GIT_TEMPLATE_DIR GIT_CONFIG_GLOBAL GIT_CONFIG_COUNT GIT_CONFIG_KEY_0',
  'XDG_CONFIG_HOME XDG_CACHE_HOME XDG_CONFIG_DIRS XDG_DATA_HOME XDG_STATE_HOME CDPATH PS4 SHELLOPTS MALLOC_TRACE A B',
]
  .join(' ')
  .split(' ');

test.each(NEVER)('%s reaches nobody', (name) => {
  for (const purpose of PURPOSES) expect(passes(purpose, name, 'x')).toBe(false);
});

const OWN = [
  'NIX_CONFIG NIX_USER_CONF_FILES NIX_PATH NIX_STORE_DIR NIX_STATE_DIR NIX_CONF_DIR NIX_SSHOPTS',
  'GIT_ASKPASS SSH_ASKPASS DISPLAY WAYLAND_DISPLAY XAUTHORITY DBUS_SESSION_BUS_ADDRESS XDG_RUNTIME_DIR',
]
  .join(' ')
  .split(' ');

test.each(OWN)("%s reaches an ordinary user's own programs alone", (name) => {
  expect(PURPOSES.filter((purpose) => passes(purpose, name, '/home/srid/x'))).toEqual(['self']);
});

test.each(['SSH_AUTH_SOCK', 'GIT_SSH', 'GIT_SSH_COMMAND', 'GIT_SSH_VARIANT'])(
  "the caller's %s reaches their own programs, and nobody else's",
  (name) => {
    expect(PURPOSES.filter((purpose) => passes(purpose, name, '/tmp/agent'))).toEqual(['caller', 'self']);
  },
);

describe('values', () => {
  test.each([
    ['LANG', ['de_DE.UTF-8', 'C', 'sr_RS@latin', ''], ['/tmp/locale', '../x', 'de\nDE', 'a'.repeat(200)]],
    ['LC_ALL', ['C.UTF-8'], ['/tmp/x']],
    ['LANGUAGE', ['de:en'], ['de:/tmp']],
    ['TERM', ['xterm-256color', 'dumb'], ['../../tmp/x', '/tmp/x', 'x\u001b[2J']],
    [
      'TZ',
      ['Europe/Berlin', 'UTC', 'CET-1CEST,M3.5.0,M10.5.0/3', '<+0330>-3:30'],
      ['/tmp/zone', ':/tmp/zone', ':Europe/Berlin', '../../../tmp/zone', 'Europe/../../../tmp/zone', 'a\nb'],
    ],
    ['http_proxy', ['http://proxy:8080', ''], ['http://a\nb', 'http://\u001b[2J']],
  ])('%s', (name, good, bad) => {
    for (const purpose of PURPOSES) {
      expect(good.filter((value) => !passes(purpose, name, value))).toEqual([]);
      expect(bad.filter((value) => passes(purpose, name, value))).toEqual([]);
    }
  });

  test('a store other than the daemon is only for who is their own master', () => {
    for (const value of ['', 'daemon'])
      for (const purpose of PURPOSES) expect(passes(purpose, 'NIX_REMOTE', value)).toBe(true);
    for (const value of ['local?root=/home/srid', 'unix:///home/srid/socket', 'ssh://eve'])
      expect(PURPOSES.filter((purpose) => passes(purpose, 'NIX_REMOTE', value))).toEqual(['self']);
  });

  test.each(['NIX_SSL_CERT_FILE', 'SSL_CERT_FILE', 'CURL_CA_BUNDLE', 'GIT_SSL_CAINFO'])(
    '%s: a file that root alone controls, or their own affair',
    (name) => {
      expect(PURPOSES.filter((purpose) => passes(purpose, name, '/etc/ca.pem'))).toEqual(PURPOSES);
      for (const value of ['/home/srid/ca.pem', 'ca.pem', ''])
        expect(PURPOSES.filter((purpose) => passes(purpose, name, value))).toEqual(['caller', 'self']);
    },
  );

  test('TMPDIR where they can use it', () => {
    expect(PURPOSES.filter((purpose) => passes(purpose, 'TMPDIR', '/run/user/1000'))).toEqual(PURPOSES);
    expect(PURPOSES.filter((purpose) => passes(purpose, 'TMPDIR', '/run/user/1001'))).toEqual(['self']);
  });
});

test('SECURITY.md has this table', () => {
  const text = readFileSync(new URL('../../../../SECURITY.md', import.meta.url), 'utf8');
  const rows = text
    .split('\n')
    .filter((line) => line.startsWith('| `') && line.split('|').length === 7)
    .map((line) =>
      line
        .split('|')
        .slice(1, 6)
        .map((cell) => cell.trim().replaceAll('`', '')),
    );
  expect(rows).toEqual(ENVIRONMENT.map((row) => [row.names.join(' '), ...PURPOSES.map((purpose) => row.for[purpose])]));
});

test('the first row that names a variable decides', () => {
  expect(treatmentOf('NIX_SSL_CERT_FILE', 'root')).toBe('roots');
  expect(treatmentOf('NIX_ANYTHING', 'root')).toBe('dropped');
  expect(treatmentOf('XDG_RUNTIME_DIR', 'self')).toBe('any');
  expect(treatmentOf('ENVIRONMENT', 'self')).toBe('dropped');
});
