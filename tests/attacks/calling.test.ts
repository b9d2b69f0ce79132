// Calls reflake as root from an ordinary user's shell with a hostile environment, in every way there is: sudo, doas, su
// and cron are Debian's; the others are emulated with exactly the variables that their manuals name. Spies in place of
// programs write down the environment that reached them.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type Machine, makeMachine } from '../fixtures/machine.ts';
import { expectCode } from '../fixtures/scenario.ts';

const NIXPKGS = 'path:/opt/reflake/tests/fixtures/nixpkgs';
/** Programs that run with the person's rights, and programs of root's own. */
const THEIRS = ['git', 'nix'];
const ROOTS = ['flock', 'sync', 'find', 'cp', 'setpriv'];

/** The variables that srid's shell has exported. */
const HOSTILE: Readonly<Record<string, string>> = {
  HOME: '/home/srid',
  USER: 'srid',
  LOGNAME: 'srid',
  SHELL: '/home/srid/bin/sh',
  TERM: '../../home/srid/terminfo',
  LANG: '../../home/srid/locale',
  TZ: ':/home/srid/zone',
  LOCPATH: '/home/srid/locale',
  LOCALE_ARCHIVE: '/home/srid/archive',
  TERMINFO: '/home/srid/terminfo',
  XDG_CONFIG_HOME: '/home/srid/evil',
  XDG_RUNTIME_DIR: '/run/user/1000',
  SSH_AUTH_SOCK: '/home/srid/agent',
  DBUS_SESSION_BUS_ADDRESS: 'unix:path=/home/srid/bus',
  GIT_DIR: '/home/srid/elsewhere',
  GIT_SSH_COMMAND: '/home/srid/bin/ssh',
  GIT_CONFIG_COUNT: '1',
  GIT_CONFIG_KEY_0: 'core.fsmonitor',
  GIT_CONFIG_VALUE_0: '/home/srid/bin/git',
  GIT_ASKPASS: '/home/srid/bin/askpass',
  NIX_CONFIG: 'keep-going = true',
  NIX_USER_CONF_FILES: '/home/srid/nix.conf',
  NIX_REMOTE: 'local?root=/home/srid/nix',
  NIX_STORE_DIR: '/home/srid/store',
  NIX_STATE_DIR: '/home/srid/state',
  NIX_PATH: 'nixpkgs=/home/srid/nixpkgs',
  NIX_SSL_CERT_FILE: '/home/srid/ca.pem',
  SSL_CERT_FILE: '/home/srid/ca.pem',
  http_proxy: 'http://\u001b[2J',
  PERL5LIB: '/home/srid/perl',
  PYTHONPATH: '/home/srid/python',
  BASH_ENV: '/home/srid/bin/sh',
  ENV: '/home/srid/bin/sh',
  A: 'hunter2',
};

let machine: Machine;
let copy: string;

beforeAll(async () => {
  machine = await makeMachine({ kind: 'plain' });
  copy = `${machine.dir}.copy`;
  expectCode(await machine.sh(`exec /opt/bin/reflake init --yes --nixpkgs ${NIXPKGS}`, { sudo: 'srid' }), 0);
  const write = (file: string, text: string, mode = 0o644): void => {
    mkdirSync(`${machine.dir}${file}`.replace(/\/[^/]*$/, ''), { recursive: true });
    writeFileSync(`${machine.dir}${file}`, text);
    chmodSync(`${machine.dir}${file}`, mode);
  };
  for (const tool of [...THEIRS, ...ROOTS])
    write(
      `/opt/spy/${tool}`,
      `#!/bin/sh\n{ echo "${tool} $(/usr/bin/id -u)"; /usr/bin/env; } > "/spied/${tool}.$$" 2>&1\nexec /usr/bin/${tool} "$@"\n`,
      0o755,
    );
  mkdirSync(`${machine.dir}/spied`);
  chmodSync(`${machine.dir}/spied`, 0o1777);
  for (const service of ['sudo', 'su', 'su-l', 'doas', 'cron', 'other'])
    write(
      `/etc/pam.d/${service}`,
      ['auth', 'account', 'password', 'session'].map((kind) => `${kind} required pam_permit.so\n`).join(''),
    );
  write('/etc/sudoers', 'root ALL=(ALL) ALL\nsrid ALL=(ALL) NOPASSWD:SETENV: ALL\n', 0o440);
  write('/etc/doas.conf', 'permit nopass srid\npermit nopass keepenv srid as root cmd /usr/bin/env\n', 0o400);
  write('/etc/login.defs', 'ALWAYS_SET_PATH no\n');
  write(
    '/hostile',
    Object.entries(HOSTILE)
      .map(([name, value]) => `export ${name}='${value}'\n`)
      .join(''),
    0o644,
  );
  write(
    '/opt/run',
    `#!/bin/sh\nPATH=/opt/spy:/opt/node/bin:/opt/bin:/usr/bin:/bin:/usr/sbin; export PATH\ncd /home/srid\nreflake apply --yes $(cat /words) > /said 2>&1\necho $? > /code\n`,
    0o755,
  );
  execFileSync('mkdir', ['-p', copy]);
  for (const dir of ['etc', 'home']) execFileSync('cp', ['-a', `${machine.dir}/${dir}`, `${copy}/`]);
});
beforeEach(() => {
  for (const name of ['said', 'code', 'var/lib/reflake'])
    rmSync(`${machine.dir}/${name}`, { recursive: true, force: true });
  for (const name of readdirSync(`${machine.dir}/spied`)) rmSync(`${machine.dir}/spied/${name}`);
  for (const dir of ['etc', 'home']) {
    rmSync(`${machine.dir}/${dir}`, { recursive: true, force: true });
    execFileSync('cp', ['-a', `${copy}/${dir}`, `${machine.dir}/`]);
  }
});
afterAll(async () => {
  rmSync(copy, { recursive: true, force: true });
  await machine.remove();
});

interface Spied {
  readonly tool: string;
  readonly uid: string;
  readonly env: Readonly<Record<string, string>>;
}

const spied = (): readonly Spied[] =>
  readdirSync(`${machine.dir}/spied`).map((name) => {
    const [head = '', ...lines] = readFileSync(`${machine.dir}/spied/${name}`, 'utf8').trimEnd().split('\n');
    const [tool = '', uid = ''] = head.split(' ');
    const pairs = lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const);
    // dash itself sets these variables.
    return {
      tool,
      uid,
      env: Object.fromEntries(pairs.filter(([key]) => !['PWD', 'OLDPWD', '_', 'SHLVL'].includes(key))),
    };
  });

const AS_SRID = 'setpriv --reuid=1000 --regid=100 --init-groups --';
const hostile = (command: string): string => `${AS_SRID} sh -c '. /hostile; exec ${command}'`;
/** Runs the command as root with exactly these variables. */
const given = (env: Record<string, string>, command = '/opt/run'): string =>
  `env -i ${Object.entries(env)
    .map(([name, value]) => `'${name}=${value}'`)
    .join(' ')} ${command}`;
const SYSTEM_PATH = '/usr/bin:/bin';

/** Each way: the script, whether reflake can know that srid called, and `keeps`: whether the hostile environment arrives. */
const WAYS: readonly (readonly [
  name: string,
  script: string,
  knows: { readonly caller: boolean; readonly keeps: boolean },
])[] = [
  ['sudo', hostile('sudo /opt/run'), { caller: true, keeps: false }],
  ['sudo -E', hostile('sudo -E /opt/run'), { caller: true, keeps: true }],
  ['doas', hostile('doas /opt/run'), { caller: true, keeps: false }],
  ['doas with keepenv', hostile('doas /usr/bin/env /opt/run'), { caller: true, keeps: true }],
  ['su', hostile('su -c /opt/run'), { caller: false, keeps: true }],
  ['su -', hostile('su - -c /opt/run'), { caller: false, keeps: false }],
  [
    'cron',
    `printf 'A=hunter2\\n@reboot root /opt/run\\n' > /etc/crontab; rm -f /run/crond.* /var/run/crond.*; mkdir -p /var/run /var/spool/cron/crontabs
     cron -f & pid=$!; tries=0; until [ -e /code ] || [ $tries -ge 600 ]; do sleep 0.1; tries=$((tries + 1)); done; kill $pid`,
    { caller: false, keeps: false },
  ],
  // run0(1): "SUDO_USER, SUDO_UID, SUDO_GID are set"; the rest is the service manager's, and --setenv's.
  [
    'run0',
    given({
      PATH: SYSTEM_PATH,
      HOME: '/root',
      USER: 'root',
      LOGNAME: 'root',
      SHELL: '/bin/sh',
      TERM: 'xterm',
      INVOCATION_ID: 'f00',
      SUDO_UID: '1000',
      SUDO_GID: '100',
      SUDO_USER: 'srid',
    }),
    { caller: true, keeps: false },
  ],
  [
    'run0 with --setenv',
    `. /hostile; HOME=/root USER=root LOGNAME=root SUDO_UID=1000 SUDO_GID=100 SUDO_USER=srid /opt/run`,
    { caller: true, keeps: true },
  ],
  // pkexec(1): "a minimal known and safe environment", and PKEXEC_UID.
  [
    'pkexec',
    given({ PATH: SYSTEM_PATH, HOME: '/root', USER: 'root', LOGNAME: 'root', SHELL: '/bin/sh', PKEXEC_UID: '1000' }),
    { caller: true, keeps: false },
  ],
  // systemd.exec(5), "Environment variables in spawned processes": HOME, USER, LOGNAME and SHELL only with User=.
  [
    'a system unit',
    given({ PATH: SYSTEM_PATH, LANG: 'C.UTF-8', INVOCATION_ID: 'f00', JOURNAL_STREAM: '9:1', SYSTEMD_EXEC_PID: '1' }),
    { caller: false, keeps: false },
  ],
  [
    'a system unit with EnvironmentFile= of somebody',
    '. /hostile; unset HOME USER LOGNAME SHELL; INVOCATION_ID=f00 /opt/run',
    { caller: false, keeps: true },
  ],
  // sshd(8), "LOGIN PROCESS", with a client that sends what AcceptEnv lets through.
  [
    'ssh as root',
    given({
      PATH: SYSTEM_PATH,
      HOME: '/root',
      USER: 'root',
      LOGNAME: 'root',
      SHELL: '/bin/sh',
      MAIL: '/var/mail/root',
      SSH_CLIENT: '::1 1 22',
      SSH_CONNECTION: '::1 1 ::1 22',
      SSH_TTY: '/dev/pts/0',
      LANG: '../../home/srid/locale',
      SSH_AUTH_SOCK: '/tmp/ssh-x/agent.1',
    }),
    { caller: false, keeps: false },
  ],
];

/** The variables that each program has, however it was called. */
const ALWAYS = ['HOME', 'LOGNAME', 'PATH', 'SHELL', 'USER'];

describe.each(WAYS)('%s', (_name, script, { caller, keeps }) => {
  test('nothing of the caller reaches root’s programs, and to theirs goes what the table says', async () => {
    // If nobody called, reflake trusts only root's spec, unless told otherwise.
    const words = caller ? '' : '--spec /home/srid/reflake.yaml --trust-spec-of srid:all';
    writeFileSync(`${machine.dir}/words`, words);
    await machine.sh(`${script}; true`);
    const said = readFileSync(`${machine.dir}/said`, 'utf8');
    expect({ code: readFileSync(`${machine.dir}/code`, 'utf8').trim(), said }).toEqual({ code: '0', said });
    const all = spied();
    const theirs = all.filter(({ tool }) => THEIRS.includes(tool));
    const roots = all.filter(({ tool }) => ROOTS.includes(tool));
    expect(new Set(theirs.map(({ tool }) => tool))).toEqual(new Set(THEIRS));
    expect(roots.map(({ tool }) => tool)).toEqual(expect.arrayContaining(['cp', 'flock']));
    for (const { uid, env } of theirs) {
      expect(uid).toBe('1000');
      expect(env).toMatchObject({ HOME: '/home/srid', USER: 'srid', LOGNAME: 'srid', SHELL: '/bin/sh' });
      expect(env.SSH_AUTH_SOCK).toBe(caller && keeps ? '/home/srid/agent' : undefined);
      expect(env.PATH).not.toContain('/home');
    }
    for (const { tool, uid, env } of roots) {
      expect(uid).toBe('0');
      // setpriv itself gets the environment of the person's program.
      if (tool === 'setpriv') continue;
      expect(env).toMatchObject({ HOME: '/root', USER: 'root', LOGNAME: 'root', SHELL: '/bin/sh' });
      expect(Object.keys(env).filter((name) => ![...ALWAYS, 'LANG', 'LC_ALL', 'TERM'].includes(name))).toEqual([]);
    }
    const CALLERS = ['SSH_AUTH_SOCK', 'GIT_SSH_COMMAND', 'NIX_SSL_CERT_FILE', 'SSL_CERT_FILE'];
    for (const { env } of all) {
      const hostileOnes = Object.keys(env).filter(
        (name) => !ALWAYS.includes(name) && env[name] === HOSTILE[name] && !(caller && keeps && CALLERS.includes(name)),
      );
      expect(hostileOnes).toEqual([]);
      expect(Object.keys(env).filter((name) => /^(SUDO_|DOAS_|PKEXEC_|INVOCATION_|SSH_C)/.test(name))).toEqual([]);
    }
    // The history names the caller.
    const history = await machine.sh('/opt/bin/reflake history --format json');
    expect(history.stdout).toMatch(caller ? /"by":"srid"/ : /"by":"root"/);
  });
});

test('an ordinary user’s own programs have what is theirs', async () => {
  const own = 'GIT_SSH_COMMAND=/home/srid/ssh NIX_PATH=x=/y SSH_AUTH_SOCK=/home/srid/agent GIT_DIR=/z LD_PRELOAD= A=b';
  const ran = await machine.sh(`PATH=/opt/spy:$PATH; cd; ${own} reflake plan`, { user: 'srid' });
  expectCode(ran, 0);
  const all = spied();
  expect(all.map(({ tool }) => tool)).toEqual(expect.arrayContaining(THEIRS));
  for (const { uid, env } of all.filter(({ tool }) => THEIRS.includes(tool))) {
    expect(uid).toBe('1000');
    expect(env).toMatchObject({
      HOME: '/home/srid',
      GIT_SSH_COMMAND: '/home/srid/ssh',
      NIX_PATH: 'x=/y',
      SSH_AUTH_SOCK: '/home/srid/agent',
    });
    expect(Object.keys(env).filter((name) => ['GIT_DIR', 'A', 'LD_PRELOAD'].includes(name))).toEqual([]);
  }
});

test('words that contradict each other: nothing is begun', async () => {
  const ran = await machine.sh('cd /home/srid; exec reflake apply --yes', {
    sudo: 'srid',
    env: { PKEXEC_UID: '0', DOAS_USER: 'nobody' },
  });
  expectCode(ran, 64);
  expect(ran.stderr).toMatch(/who called is not certain: .*DOAS_USER/);
});
