// Mistakes in a spec, a machine, the tools or the surroundings: each gets its diagnostic with code, place and hint and its exit
// code, and leaves the machine untouched. Through the real program on temporary machines.
import { execFileSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type Machine, makeMachine, type Ran } from '../fixtures/machine.ts';
import { expectCode, inPath, machineLines, toolsDir, withPath } from '../fixtures/scenario.ts';

const NIXPKGS = 'path:/opt/reflake/tests/fixtures/nixpkgs';
const TREE = '/home/srid/nixos-config';

let machine: Machine;
let copy: string;

const reflake = (...args: string[]): Promise<Ran> => machine.enter(['reflake', ...args], { sudo: 'srid' });
/** Several commands in one go. */
const all = (...commands: readonly (readonly string[])[]): Promise<readonly Ran[]> =>
  machine.enterAll(commands, { sudo: 'srid' });
const root = async (script: string): Promise<void> => expectCode(await machine.sh(script), 0);
const said = ({ stdout, stderr }: Ran): string => stdout + stderr;

/** Puts the machine back as it was when `keep` was called. */
const KEPT = ['etc', 'home', 'var'];
function keep(): void {
  execFileSync('mkdir', ['-p', copy]);
  for (const dir of KEPT) execFileSync('cp', ['-a', `${machine.dir}/${dir}`, `${copy}/`]);
}
function putBack(): void {
  for (const dir of KEPT) {
    execFileSync('rm', ['-rf', `${machine.dir}/${dir}`]);
    execFileSync('cp', ['-a', `${copy}/${dir}`, `${machine.dir}/`]);
  }
}

interface Refused {
  readonly exit: number;
  readonly says: readonly RegExp[];
  /** Something was prepared out of sight, in directories whose time tells that. */
  readonly prepared?: true;
}

/**
 * The command ends with the code, says all of it, and leaves every byte and time of the machine as it was; where it had
 * begun to write (4), every byte.
 */
async function isRefused(run: () => Promise<Ran>, refused: Refused): Promise<void> {
  await areRefused(async () => [await run()], [refused]);
}

/** The same of several commands, of which none may change what another one sees. */
async function areRefused(run: () => Promise<readonly Ran[]>, refused: readonly Refused[]): Promise<void> {
  const how = { mtimes: !refused.some(({ exit, prepared }) => exit === 4 || prepared) };
  const before = machineLines(machine, how);
  const runs = await run();
  expect(runs).toHaveLength(refused.length);
  for (const [at, { exit, says }] of refused.entries()) {
    const ran = runs[at]!;
    expectCode(ran, exit);
    for (const pattern of says) expect(said(ran)).toMatch(pattern);
    expect(said(ran)).not.toMatch(/internal error/);
  }
  expect(machineLines(machine, how)).toEqual(before);
}

async function make(): Promise<void> {
  machine = await makeMachine({ kind: 'plain' });
  copy = `${machine.dir}.copy`;
  expectCode(await reflake('init', '--yes', '--nixpkgs', NIXPKGS), 0);
}
function remove(): Promise<void> {
  execFileSync('rm', ['-rf', copy]);
  return machine.remove();
}

describe('a machine that reflake has never seen', () => {
  beforeAll(async () => {
    await make();
    keep();
  });
  afterAll(remove);
  afterEach(putBack);

  /** `by`: what a sed script makes of the spec that init wrote. */
  const SPECS: readonly (readonly [what: string, by: string, exit: number, ...says: RegExp[]])[] = [
    ['invalid YAML', 's/^host:/host: [/', 65, /reflake\.yaml:\d+:\d+: error: .*RF1002/],
    ['an unknown key', 's/^features:/feature:/', 65, /reflake\.yaml:\d+:\d+: error: .*feature.*features.*RF1003/],
    ['a wrong system', 's/x86_64-linux/x86_64-linus/', 65, /reflake\.yaml:\d+:\d+: error: .*x86_64-linux.*RF1006/],
    [
      'a flake reference that does not parse',
      's|path:/opt/reflake/tests/fixtures/nixpkgs|github:NixOS/nixpkgs?rev=xyz|',
      65,
      /reflake\.yaml:\d+:\d+: error: .*RF1007/,
    ],
    ['a user that does not exist', 's/owner: srid/owner: sird/', 65, /reflake\.yaml:\d+:\d+: error: .*srid.*RF2001/],
    ['a group that does not exist', 's/owner: srid/owner: srid:none/', 65, /RF2001/],
    ['another machine', 's/name: nixos/name: other/', 6, /reflake\.yaml:\d+:\d+: error: .*"nixos".*"other".*RF2002/],
    ['a module that is not there', 's|[.]/configuration.nix|./none.nix|', 1, /none\.nix.*RF2004/],
    [
      'a path in the directory that is to be moved',
      's|path: ~/nixos-config|path: /etc/nixos/sub|',
      1,
      /reflake\.yaml:\d+:\d+: error: .*RF2003/,
    ],
    ['a path above it', 's|path: ~/nixos-config|path: /etc|', 1, /one lies in the other.*RF2003/],
  ];
  test.each(SPECS)('%s', async (_what, by, exit, ...says) => {
    await root(`sed -i '${by}' /home/srid/reflake.yaml`);
    await isRefused(() => machine.enter(['reflake', 'apply', '--yes'], { sudo: 'srid', daemon: false }), {
      exit,
      says,
    });
  });

  test('no spec, an unreadable one, and one that is a FIFO', async () => {
    await isRefused(() => reflake('plan', '--spec', 'none.yaml'), { exit: 1, says: [/RF1001/, /reflake init/] });
    await root('mkfifo /home/srid/fifo; install -m 600 /dev/null /srv-secret');
    await isRefused(() => reflake('plan', '--spec', 'fifo'), { exit: 1, says: [/RF1001/] });
    await isRefused(() => machine.enter(['reflake', 'plan', '--spec', '/srv-secret'], { user: 'srid' }), {
      exit: 1,
      says: [/permission denied.*RF1001/],
    });
  });

  /** `by`: a script of root; then `plan` and `apply` end with 1, `check` with `check`. */
  const MACHINES: readonly (readonly [what: string, by: string, check: number, ...says: RegExp[]])[] = [
    ['a path that is not empty', `mkdir ${TREE}; echo 1 > ${TREE}/mine`, 2, /reflake\.yaml:\d+:\d+.*RF2003/],
    ['a path that is an empty directory', `mkdir ${TREE}`, 2, /rmdir.*RF2003/],
    ['a path that is a file', `echo 1 > ${TREE}`, 2, /RF2003/],
    ['no configuration anywhere', 'rm -r /etc/nixos', 1, /RF2004/],
    ['a link at the old place that leads elsewhere', 'mv /etc/nixos /etc/x; ln -s x /etc/nixos', 2, /RF2021/],
    ['a broken flake.nix', `echo '{ inputs = ' > /etc/nixos/flake.nix`, 1, /flake\.nix:\d+:\d+: error: .*RF2006/],
    [
      'a broken module',
      `echo '{ a = ' > /etc/nixos/configuration.nix`,
      1,
      /configuration\.nix:\d+:\d+: error: .*RF2009/,
    ],
    ['a FIFO in the tree', 'mkfifo /etc/nixos/fifo', 2, /"fifo" is a fifo.*RF2017/],
    ['a hard link in the tree', 'ln /etc/nixos/configuration.nix /etc/elsewhere', 2, /configuration\.nix.*RF2018/],
    [
      'a nix.conf that another tool makes',
      `echo '# WARNING: this file is generated from the nix.settings option by home-manager' > /etc/nix/nix.conf`,
      2,
      /RF2010/,
    ],
    [
      'a needed file that git ignores',
      'cd /etc/nixos; git init -q; echo hardware-configuration.nix > .gitignore',
      2,
      /hardware-configuration\.nix.*\.gitignore:1.*RF2015/,
    ],
    ['a damaged index', 'cd /etc/nixos; git init -q; echo rubbish > .git/index', 1, /RF2051/],
    ['a flake.lock that is a link', 'ln -s x /etc/nixos/flake.lock', 2, /flake\.lock.*RF2008/],
  ];
  test.each(MACHINES)('%s', async (_what, by, check, ...says) => {
    await root(by);
    await areRefused(
      () => all(['reflake', 'check'], ['reflake', 'apply', '--yes']),
      [
        { exit: check, says },
        { exit: 1, says },
      ],
    );
  });

  test('a syntax error in nix.conf', async () => {
    await root('echo nonsense >> /etc/nix/nix.conf');
    const says = [/\/etc\/nix\/nix\.conf:\d+:1: error: .*nonsense.*RF2011/];
    const commands = [['check'], ['apply', '--yes']].map((args) => ['reflake', ...args]);
    await areRefused(
      () => machine.enterAll(commands, { sudo: 'srid', daemon: false }),
      commands.map(() => ({ exit: 1, says })),
    );
  });

  test.each([
    [
      'flake-parts',
      '{ inputs.nixpkgs.url = "NIXPKGS"; outputs = inputs: inputs.flake-parts.lib.mkFlake { inherit inputs; } { systems = [ ]; }; }',
    ],
    [
      'a helper that makes hosts',
      '{ inputs.nixpkgs.url = "NIXPKGS"; outputs = { self, nixpkgs }: let mkHost = n: nixpkgs.lib.nixosSystem { }; in { nixosConfigurations = builtins.mapAttrs mkHost { }; }; }',
    ],
  ])('a layout that cannot be edited safely, %s: left alone, with what to paste', async (_what, flake) => {
    await root(`echo '${flake.replace('NIXPKGS', NIXPKGS)}' > /etc/nixos/flake.nix`);
    const before = machineLines(machine);
    const ran = await reflake('check');
    expectCode(ran, 2);
    expect(said(ran)).toMatch(/flake\.nix:\d+:\d+: (warning|error): .*RF20(29|07)/);
    expect(said(ran)).toMatch(/nixos = .*nixosSystem \{/);
    expect(machineLines(machine)).toEqual(before);
  });

  test('what the user may not read', async () => {
    await root('chmod 700 /etc/nixos');
    const commands = [['plan'], ['check'], ['apply', '--yes']];
    await areRefused(
      () =>
        machine.enterAll(
          commands.map((args) => ['reflake', '--state', '/tmp/state', ...args]),
          { user: 'srid' },
        ),
      commands.map(() => ({ exit: 1, says: [/\/etc\/nixos.*sudo.*RF2005/] })),
    );
  });

  test('what only root may change', async () => {
    await isRefused(() => machine.enter(['reflake', 'apply', '--yes', '--state', '/tmp/state'], { user: 'srid' }), {
      exit: 1,
      says: [/root.*sudo.*RF3013/],
    });
  });

  test('no Nix, no git: what is out of sync is still said', async () => {
    const noNix = toolsDir(machine, 'no-nix', ['git']);
    const noGit = toolsDir(machine, 'no-git', ['nix']);
    for (const [path, code] of [
      [noNix, /flake\.lock.*RF4001/],
      [noGit, /git is not installed.*RF4003/],
    ] as const) {
      await areRefused(
        () => all(inPath(path, 'plan'), inPath(path, 'apply', '--yes'), inPath(path, 'check')),
        [
          { exit: 1, says: [code, /nixosConfigurations/] },
          { exit: 1, says: [code] },
          { exit: 2, says: [/lock\.nixpkgs/, /spec:\/git/] },
        ],
      );
    }
  });

  test('no network', async () => {
    await root(`echo 'download-attempts = 1' >> /etc/nix/nix.conf
      sed -i 's|${NIXPKGS}|http://127.0.0.1:9/nixpkgs.tar.gz|' /home/srid/reflake.yaml`);
    await areRefused(
      () => all(['reflake', 'apply', '--yes'], ['reflake', 'check']),
      [
        { exit: 1, says: [/reflake\.yaml:\d+:\d+: error: .*RF4005/] },
        { exit: 2, says: [/lock\.nixpkgs/] },
      ],
    );
  });

  test('nobody to ask', async () => {
    await areRefused(
      () => all(['reflake', 'apply'], ['reflake', 'apply', '--no-input'], ['reflake', 'aply']),
      [
        { exit: 64, says: [/--yes.*RF3008/] },
        { exit: 64, says: [/RF3008/] },
        { exit: 64, says: [/apply/] },
      ],
    );
  });

  test('another apply holds the lock', async () => {
    const script = `mkdir -p /var/lib/reflake; exec 9> /var/lib/reflake/lock; flock -xn 9; echo 'process 1 of eve' >&9`;
    await isRefused(
      () => machine.sh(`${script}; cd /home/srid; SUDO_USER=srid SUDO_UID=1000 SUDO_GID=100 reflake apply --yes`),
      {
        exit: 7,
        says: [/process 1 of eve.*RF3007/],
      },
    );
  });

  test('a disk that is full: where the tree goes, where the journal is, where Nix works', async () => {
    const full = (dir: string, size: string, more = ''): Promise<Ran> =>
      machine.sh(`
        mkdir -p ${dir}; chmod ${dir === '/tmp' ? '1777' : '755'} ${dir}; mount -t tmpfs -o size=${size},mode=${dir === '/var/lib/reflake' ? '700' : '1777'} tmpfs ${dir}; ${more}
        cd /home/srid; SUDO_USER=srid SUDO_UID=1000 SUDO_GID=100 exec reflake apply --yes`);
    const blobs = 'head -c 100000 /dev/urandom > /etc/nixos/wallpaper';
    await root(
      `${blobs}; mkdir -p /mnt-config /var/lib/reflake; sed -i 's|path: ~/nixos-config|path: /mnt-config/c|' /home/srid/reflake.yaml`,
    );
    await isRefused(() => full('/mnt-config', '64k'), {
      exit: 1,
      says: [/disk is full.*free some space.*RF3004/i],
      prepared: true,
    });
    await isRefused(() => full('/var/lib/reflake', '16k'), { exit: 1, says: [/journal.*disk is full.*RF3004/i] });
    await isRefused(() => full('/tmp', '4k'), { exit: 1, says: [/no space left on device/i] });
    await isRefused(() => full('/tmp', '4k,nr_inodes=1'), { exit: 1, says: [/no space left on device/i] });
    expect((await reflake('history')).stdout).toMatch(/No apply yet/);
  });

  test.each([
    ['SIGINT', 'INT', 130],
    ['SIGTERM', 'TERM', 143],
  ])('%s before the first write', async (_name, signal, exit) => {
    const tools = signalling(signal, 'lock');
    // Nix runs as nobody, who can signal no process of root's: it tells that it was called.
    const apply = `cd /root; rm -f /tmp/called; PATH=${tools} /opt/bin/reflake apply --yes & apply=$!
      until [ -e /tmp/called ]; do sleep 0.05; done; kill -${signal} $apply; wait $apply`;
    await isRefused(() => machine.sh(apply), { exit, says: [] });
    expect((await reflake('history')).stdout).toMatch(/No apply yet/);
  });

  test.each(['INT', 'TERM'])('SIG%s after it: all is undone', async (signal) => {
    await root(`sed -i 's/^activate:.*//; $ a activate: build' /home/srid/reflake.yaml`);
    const tools = signalling(signal, 'build');
    await isRefused(() => withPath(machine, tools, ['apply', '--yes'], {}), { exit: 4, says: [/RF3009/] });
    expect((await reflake('history')).stdout).toMatch(/No apply yet/);
  });

  let count = 0;
  /** A PATH whose Nix, called to build, sends reflake a signal and ends, as after Ctrl-C; called to lock, it says so and waits. */
  function signalling(signal: string, what: string): string {
    const tools = toolsDir(machine, `signal-${++count}`, ['git']);
    const interrupt =
      what === 'build' ? `kill -${signal} $PPID; exit 1` : '/bin/sh -c "> /tmp/called"; exec /usr/bin/sleep 60';
    const script = `#!/bin/sh\ncase "$*" in *" ${what} "*) ${interrupt};; esac\nexec /usr/bin/nix "$@"\n`;
    execFileSync('sh', ['-c', 'cat > "$0" && chmod 755 "$0"', `${machine.dir}${tools}/nix`], { input: script });
    execFileSync('sed', [
      '-i',
      // All of it root's, so that root's own process starts Nix and is the parent that it signals.
      '/owner: srid/d; s|~/nixos-config|/root/nixos-config|',
      `${machine.dir}/home/srid/reflake.yaml`,
    ]);
    execFileSync('cp', [`${machine.dir}/home/srid/reflake.yaml`, `${machine.dir}/root/reflake.yaml`]);
    return tools;
  }
});

describe('saved plans', () => {
  beforeAll(async () => {
    await make();
    expectCode(await reflake('plan', '--out', 'plan.json'), 0);
    keep();
  });
  afterAll(remove);
  afterEach(putBack);

  test.each([
    ['altered', `sed -i 's/nixos-config/nixos-confik/' plan.json`, 3, /altered.*reflake plan --out.*RF3002/],
    ['cut off', 'head -c 1000 plan.json > x; mv x plan.json', 3, /RF3002/],
    ['missing', 'rm plan.json', 3, /RF3002/],
    ['stale', 'echo "# more" >> /etc/nixos/configuration.nix', 3, /configuration\.nix.*reflake plan.*RF3001/],
    ['of another machine', 'echo elsewhere > /etc/hostname', 3, /"nixos".*RF3003/],
    [
      'of another spec',
      'echo "# more" >> reflake.yaml; sed -i "s/^git: track/git: off/" reflake.yaml',
      3,
      /spec.*RF3003/,
    ],
  ])('%s', async (_what, by, exit, said) => {
    await root(`cd /home/srid; ${by}`);
    await isRefused(() => reflake('apply', 'plan.json', '--yes'), { exit, says: [said] });
  });

  test('another plan than the one that was approved', async () => {
    await isRefused(() => reflake('apply', 'plan.json', '--expect', '00000000'), {
      exit: 3,
      says: [/00000000.*RF3002/],
    });
    await isRefused(() => reflake('apply', '--yes', '--expect', '00000000'), { exit: 3, says: [/00000000.*RF3001/] });
  });

  test('a reader that goes away does not end an apply half way', async () => {
    await root(`cd /home/srid; export SUDO_USER=srid SUDO_UID=1000 SUDO_GID=100
      { reflake apply --yes -v 2>&1; echo $? > /var/code; } | head -1 > /dev/null; test "$(cat /var/code)" = 0`);
    expectCode(await reflake('check'), 0);
  });
});
