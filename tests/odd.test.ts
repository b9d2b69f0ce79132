// Odd but real trees and machines, through the real program: names of all bytes, depth, holes, attributes, immutable
// files, mounts, clocks. Each ends as planned and can be undone, or is refused with words and the machine is as before.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { BASES, specOf } from './support/plan-cases.ts';
import { layOut, type Rows, rowsOfDisk } from './support/trees.ts';

const PROGRAM = fileURLToPath(new URL('../dist/reflake.cjs', import.meta.url));
const ALL = process.env.CRASH === 'all';
/** Milliseconds, for commands that take an instant. */
const PATIENCE = 20_000;

/** On a real disk, because some of what is tried does not exist on a file system in memory. */
const home = mkdtempSync(`${tmpdir()}/reflake-odd-`);
const root = `${home}/machine`;
const state = `${home}/state`;
const spec = `${home}/spec.json`;
const OLD = `${root}/etc/nixos`;
const NEW = `${root}/home/srid/nixos-config`;
const CONF = `${root}/etc/nix/nix.conf`;

interface Ran {
  readonly code: number | null;
  readonly out: string;
}

const shell = (script: string): string => execFileSync('bash', ['-euc', script], { encoding: 'latin1', stdio: 'pipe' });

/** `before`: words before the program, such as `faketime 2001-01-01`. */
function reflake(words: string, before: readonly string[] = [], patience = PATIENCE, env = {}): Ran {
  const argv = [...before, process.execPath, PROGRAM, ...words.split(' '), '--root', root, '--state', state];
  const { status, stdout, stderr } = spawnSync(argv[0]!, [...argv.slice(1), '--spec', spec, '--offline'], {
    encoding: 'latin1',
    timeout: patience,
    killSignal: 'SIGKILL',
    env: { PATH: process.env.PATH, HOME: home, TMPDIR: home, ...env },
  });
  return { code: status, out: stdout + stderr };
}

/** Everything on the machine that the tests compare. */
const rows = (): Rows => rowsOfDisk(root);

/** Applies, checks that the machine is in sync, and rolls back; compares every byte. */
function goesAndComesBack(before: readonly string[] = []): void {
  const old = rows();
  succeeds(reflake('apply --yes', before));
  expect(existsSync(OLD)).toBe(false);
  succeeds(reflake('check', before));
  succeeds(reflake('rollback --yes', before));
  expect(rows()).toEqual(old);
}

function succeeds({ code, out }: Ran): void {
  expect({ code, out }).toEqual({ code: 0, out });
}

/** Checks that it was refused before or undone after, for a reason that is said, and that the machine is as before. */
function isRefused(says: RegExp, before: readonly string[] = []): void {
  const old = rows();
  const { code, out } = reflake('apply --yes', before);
  expect({ code: code === 1 || code === 4 ? 'refused' : code, out }).toEqual({ code: 'refused', out });
  expect(out).toMatch(says);
  expect(out).not.toMatch(/internal error|^\s+at .*:\d+:\d+/m);
  expect(rows()).toEqual(old);
}

/** As isRefused; or it was copied, and the output names what could not be removed of the original. */
function isRefusedOrLeavesOver(): void {
  const old = rows();
  const { code, out } = reflake('apply --yes');
  expect(out).not.toMatch(/internal error|^\s+at .*:\d+:\d+/m);
  if (code === 0) {
    expect(out).toMatch(/left over/);
    expect(existsSync(`${NEW}/configuration.nix`)).toBe(true);
  } else {
    expect({ code: code === 1 || code === 4 ? 'refused' : code, out }).toEqual({ code: 'refused', out });
    expect(out).toMatch(/permission denied|not permitted|is immutable/i);
    expect(rows()).toEqual(old);
  }
}

const clean = (): void => {
  // Unmounts first, the inner mounts before the outer; then removes the attributes that keep files from removal.
  const mounts = shell(`awk '{ print $2 }' /proc/self/mounts`).split('\n');
  for (const at of mounts.filter((one) => one.startsWith(`${home}/`)).reverse()) spawnSync('umount', ['-l', at]);
  spawnSync('chattr', ['-R', '-f', '-i', '-a', root]);
  // Node's rm fails at paths that are longer than the kernel takes.
  spawnSync('rm', ['-rf', '--one-file-system', root, state]);
};

beforeAll(() => {
  if (!existsSync(PROGRAM)) throw new Error('dist/reflake.cjs is not built: npm run build');
  writeFileSync(spec, specOf({ spec: {} }));
});
beforeEach(() => {
  mkdirSync(root);
  layOut(root, BASES.machines.fresh);
});
afterEach(clean);
afterAll(() => void spawnSync('rm', ['-rf', '--one-file-system', home]));

/** Mounts another file system at the home, so that the tree moves across. */
function across(): void {
  shell(`mount -t tmpfs -o mode=755 none ${root}/home; mkdir -p ${root}/home/srid
    chown 1000:100 ${root}/home/srid; chmod 700 ${root}/home/srid`);
}

const WAYS: readonly (readonly [string, () => void])[] = [
  ['on one file system', () => {}],
  ['across file systems', across],
];

describe.each(WAYS)('%s', (_way, prepare) => {
  beforeEach(prepare);

  test('names of all bytes, and links with such targets', () => {
    const names = [
      'two words',
      'new\nline',
      '-rf',
      '--help',
      '$(touch x)',
      '*',
      '\\',
      '"',
      "'",
      '%s',
      '.hidden',
      '…',
      'e\u0301',
      '\u00e9',
      'a'.repeat(255),
      'é'.repeat(127),
    ];
    for (const name of names) writeFileSync(`${OLD}/${name}`, name);
    const bytes = [
      Buffer.from([0xff]),
      Buffer.from([0xc3, 0x28]),
      Buffer.from([0x1b, 0x5b, 0x41]),
      Buffer.from([0xed, 0xa0, 0x80]),
      Buffer.alloc(255, 0xfe),
    ];
    for (const name of bytes) {
      mkdirSync(Buffer.concat([Buffer.from(`${OLD}/dir-`), name.subarray(0, 250)]));
      writeFileSync(Buffer.concat([Buffer.from(`${OLD}/`), name]), name);
    }
    shell(`cd ${OLD}; ln -s $'\\xff\\n' link-of-bytes; ln -s "$(printf 'x%.0s' $(seq 4000))" link-of-length`);
    goesAndComesBack();
  });

  test('a depth of 200', () => {
    const deep = `${OLD}${'/d'.repeat(200)}`;
    mkdirSync(deep, { recursive: true });
    writeFileSync(`${deep}/end`, 'deep\n');
    goesAndComesBack();
  });

  test('a depth of 200 with few open files', () => {
    const deep = `${OLD}${'/d'.repeat(200)}`;
    mkdirSync(deep, { recursive: true });
    writeFileSync(`${deep}/end`, 'deep\n');
    const few = ['prlimit', '--nofile=64:64', '--'];
    const { code } = reflake('apply --yes', few);
    if (code !== 0) isRefused(/too many open files/i, few);
    else succeeds(reflake('rollback --yes', few));
  });

  test('paths longer than the kernel takes', () => {
    const name = 'd'.repeat(200);
    shell(`cd ${OLD}; for n in $(seq 30); do mkdir ${name}; cd ${name}; done; echo deep > end`);
    const { code, out } = reflake('apply --yes');
    const [at, ok] = code === 0 ? [NEW, true] : [OLD, code === 1 || code === 4];
    expect({ ok, out }).toEqual({ ok: true, out });
    expect(out).not.toMatch(/internal error/);
    expect(shell(`cd ${at}; for n in $(seq 30); do cd ${name}; done; cat end`)).toBe('deep\n');
  });

  test('attributes and access lists of a tree', () => {
    shell(`cd ${OLD}; mkdir sub; echo x > sub/file
      setfattr -n user.note -v kept configuration.nix; setfattr -n user.note -v kept sub
      setfattr -n security.selinux -v system_u:object_r:etc_t:s0 configuration.nix; setfattr -n trusted.note -v kept sub
      setfacl -m u:1234:rw sub/file; setfacl -d -m u:1234:rx sub`);
    const look = (dir: string): string =>
      shell(`cd ${dir}; getfattr -R -d -m - -e hex . | grep -v '^$'; getfacl -R -n . | grep -v '^# owner\\|^# group'`);
    const old = look(OLD);
    expect(old).toMatch(/security\.selinux[\s\S]*user\.note[\s\S]*1234/);
    succeeds(reflake('apply --yes'));
    // The files that git and the flake added have no attributes.
    const kept = look(NEW);
    for (const line of old.match(/(?:user\.note|security\.selinux|trusted\.note)=.*|user:1234:.*|default:.*/g)!)
      expect(kept).toContain(line);
    succeeds(reflake('rollback --yes'));
    // Files that root takes back have no ACL, because their owner may have set it.
    const isOfAnAcl = (line: string): boolean => /posix_acl|^(default:|mask::|user:1234)/.test(line);
    const expected = old.split('\n').filter((line) => !isOfAnAcl(line));
    expect(
      look(OLD)
        .split('\n')
        .filter((line) => /=0x/.test(line)),
    ).toEqual(expected.filter((line) => /=0x/.test(line)));
    expect(look(OLD)).not.toContain('1234');
  });

  test('attributes and access lists of a file that is edited', () => {
    shell(`setfattr -n user.note -v kept ${CONF}; setfacl -m u:1234:rw ${CONF}
      setfattr -n security.selinux -v system_u:object_r:etc_t:s0 ${CONF}`);
    const look = (): string => shell(`getfattr -d -m - -e hex --absolute-names ${CONF}; getfacl -n -p ${CONF}`);
    const old = look();
    succeeds(reflake('apply --yes'));
    expect(shell(`cat ${CONF}`)).toContain('flakes');
    expect(look()).toBe(old);
    succeeds(reflake('rollback --yes'));
    expect(look()).toBe(old);
  });

  test('an immutable tree', () => {
    shell(`chattr +i ${OLD}`);
    isRefused(/is immutable.*RF2043/);
  });

  test.each(['+i', '+a'])('a file in the tree that is %s', (how) => {
    shell(`chattr ${how} ${OLD}/configuration.nix`);
    isRefusedOrLeavesOver();
  });

  test('an immutable nix.conf, and one in an append-only directory', () => {
    shell(`chattr +i ${CONF}`);
    isRefused(/is immutable.*RF2043/);
    shell(`chattr -i ${CONF}; chattr +a ${root}/etc/nix`);
    isRefused(/permission denied|not permitted/i);
  });

  test('an append-only directory in the tree', () => {
    mkdirSync(`${OLD}/log`);
    writeFileSync(`${OLD}/log/file`, 'x');
    shell(`chattr +a ${OLD}/log`);
    isRefusedOrLeavesOver();
  });

  test('a file system mounted in the tree: its files are neither lost nor touched', () => {
    mkdirSync(`${OLD}/mnt`);
    shell(`mount -t tmpfs none ${OLD}/mnt; echo mine > ${OLD}/mnt/file; chown 7:7 ${OLD}/mnt/file`);
    const { code, out } = reflake('apply --yes');
    const at = code === 0 ? NEW : OLD;
    expect({ ok: code === 0 || code === 1 || code === 4, out }).toEqual({ ok: true, out });
    expect(out).not.toMatch(/internal error/);
    expect(shell(`cat ${at}/mnt/file`)).toBe('mine\n');
  });

  test('a tree that is a mount point itself', () => {
    shell(
      `mkdir ${home}/keep; cp -a ${OLD}/. ${home}/keep/; mount -t tmpfs none ${OLD}; cp -a ${home}/keep/. ${OLD}/; rm -r ${home}/keep`,
    );
    isRefused(/mount|busy/i);
  });

  test('a nix.conf that is a mount of its own', () => {
    shell(`cp ${CONF} ${home}/conf; mount --bind ${home}/conf ${CONF}`);
    isRefused(/mount|busy|cross-device|file system/i);
    rmSync(`${home}/conf`);
  });

  test.each(['/etc/nix', '/etc/nixos', '/home'])('%s is read-only', (dir) => {
    shell(`mount --bind ${root}${dir} ${root}${dir}; mount -o remount,bind,ro ${root}${dir}`);
    isRefused(/read-only|mount/i);
  });

  (ALL ? test : test.skip)(
    'a hundred thousand entries',
    () => {
      shell(`cd ${OLD}; for d in $(seq 100); do mkdir d$d; (cd d$d; seq 1000 | xargs touch); done`);
      const old = rows();
      succeeds(reflake('apply --yes', [], 300_000));
      succeeds(reflake('check', [], 300_000));
      succeeds(reflake('rollback --yes', [], 300_000));
      expect(rows()).toEqual(old);
    },
    900_000,
  );

  (ALL ? test : test.skip)(
    'a file of 4 GiB',
    () => {
      shell(`head -c 4294967297 /dev/zero > ${OLD}/big; echo end >> ${OLD}/big`);
      const sum = shell(`md5sum < ${OLD}/big`);
      succeeds(reflake('apply --yes', [], 300_000));
      expect(shell(`md5sum < ${NEW}/big`)).toBe(sum);
      succeeds(reflake('rollback --yes', [], 300_000));
      expect(shell(`md5sum < ${OLD}/big`)).toBe(sum);
    },
    900_000,
  );
});

describe('a file of 8 TiB, all of it holes', () => {
  beforeEach(() => {
    shell(`truncate -s 8T ${OLD}/holes`);
  });

  test.each([
    ['on one file system', () => {}],
    ['across file systems', across],
  ])('is not copied, so the move is refused %s', (_where, lay) => {
    lay();
    const { code, out } = reflake('apply --yes');
    expect({ code: code === 1 || code === 4 ? 'refused' : code, out }).toEqual({ code: 'refused', out });
    expect(out).toMatch(/holes/);
    expect(shell(`stat -c %s ${OLD}/holes`)).toBe(`${2 ** 43}\n`);
    expect(readdirSync(`${root}/home/srid`)).toEqual([]);
  });

  test('a sparse file that can be copied stays sparse', () => {
    shell(`truncate -s 200M ${OLD}/holes; printf x | dd of=${OLD}/holes bs=1 seek=100000000 conv=notrunc status=none`);
    across();
    succeeds(reflake('apply --yes'));
    const [size, blocks] = shell(`stat -c '%s %b' ${NEW}/holes`).split(' ').map(Number);
    expect(size).toBe(200 * 2 ** 20);
    expect(blocks! * 512).toBeLessThan(8 * 2 ** 20);
    expect(shell(`dd if=${NEW}/holes bs=1 skip=100000000 count=1 status=none`)).toBe('x');
  });
});

test('a tree of thousands, with find and without', () => {
  shell(`cd ${OLD}; mkdir -p $(seq -f files/%g 100 119); for d in files/*; do (cd $d; touch $(seq 100)); done`);
  succeeds(reflake('apply --yes'));
  const without = { PATH: '/nowhere' };
  for (const env of [{}, without]) expect(reflake('plan', [], PATIENCE, env).out).toMatch(/^No changes/);
  // A saved plan asked about the whole tree at once, which is asked again before it is applied.
  shell(`sed -i /experimental/d ${CONF}`);
  succeeds(reflake(`plan --out ${home}/plan.json`));
  shell(`chown 0:0 ${NEW}/files/119/77`);
  expect(reflake(`apply --yes ${home}/plan.json`)).toMatchObject({
    code: 3,
    out: expect.stringContaining('does not all'),
  });
  const [found, looked] = [{}, without].map((env) => reflake('plan', [], PATIENCE, env));
  expect(found!.out).toMatch(/"files\/119\/77" belongs to/);
  expect(found).toEqual(looked);
}, 60_000);

describe('surroundings', () => {
  test('clocks that go backwards and forwards', () => {
    const old = rows();
    succeeds(reflake('apply --yes', ['faketime', '2037-01-01']));
    succeeds(reflake('check', ['faketime', '1971-01-01']));
    succeeds(reflake('rollback --yes', ['faketime', '1971-01-01']));
    expect(rows()).toEqual(old);
    succeeds(reflake('apply --yes', ['faketime', '2001-01-01']));
    succeeds(reflake('rollback --yes', ['faketime', '2037-01-01']));
    expect(rows()).toEqual(old);
  });

  test('a clock that jumps back while it works', () => {
    // Only the wall clock: CLOCK_MONOTONIC never jumps, and Node ends where it does.
    goesAndComesBack(['env', 'FAKETIME_DONT_FAKE_MONOTONIC=1', 'faketime', '-f', '@2030-01-01 00:00:00 x-1000']);
  });

  test('no /proc: nothing is written', () => {
    isRefused(/\/proc/, [
      'unshare',
      '--mount',
      '--propagation',
      'private',
      'sh',
      '-c',
      'mount -t tmpfs none /proc && exec "$@"',
      'sh',
    ]);
  });

  test('a working directory that is gone', () => {
    const gone = ['sh', '-c', `mkdir ${home}/gone; cd ${home}/gone; rmdir ${home}/gone; exec "$@"`, 'sh'];
    const { code, out } = reflake('apply --yes', gone);
    expect(out).not.toMatch(/internal error|^\s+at .*:\d+:\d+/m);
    expect([0, 1]).toContain(code);
  });

  test.each(['C', 'tr_TR.UTF-8', 'nonsense'])('the locale %s', (locale) => {
    goesAndComesBack(['env', `LC_ALL=${locale}`, `LANG=${locale}`]);
  });
});
