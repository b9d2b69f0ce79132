// Unusual file systems, real ones: of another program (FUSE), without owners, folding case, with a quota. The
// configuration goes there and comes back, or it is refused with words and the machine is as before.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { BASES, specOf } from './support/plan-cases.ts';
import { layOut, type Rows, rowsOfDisk } from './support/trees.ts';

const PROGRAM = fileURLToPath(new URL('../dist/reflake.cjs', import.meta.url));

let base: string;
let root: string;

const shell = (script: string): string =>
  execFileSync('bash', ['-euc', script, 'sh', base, `${root}/home/srid`], { encoding: 'utf8', stdio: 'pipe' });

function reflake(...words: string[]): { readonly code: number | null; readonly out: string } {
  const argv = [
    PROGRAM,
    ...words,
    '--root',
    root,
    '--state',
    `${base}/state`,
    '--spec',
    `${base}/spec.json`,
    '--offline',
  ];
  const env = { PATH: process.env.PATH, HOME: base, TMPDIR: base };
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8', env });
  return { code: status, out: stdout + stderr };
}

beforeEach(() => {
  base = mkdtempSync(`${tmpdir()}/reflake-fs-`);
  root = `${base}/machine`;
  mkdirSync(root);
  layOut(root, BASES.machines.fresh);
  mkdirSync(`${root}/home/srid`, { recursive: true });
  writeFileSync(`${base}/spec.json`, specOf({ spec: {} }));
});
afterEach(() => {
  spawnSync('umount', [`${root}/home/srid`]);
  // FUSE frees its device a moment after umount(8), and a loop device that `mount` attached detaches by itself, perhaps
  // just now.
  shell(`for _ in $(seq 100); do loops=$(losetup -nO NAME -j "$1/image"); [ -n "$loops" ] || exit 0
    losetup -d $loops || true; sleep 0.05; done; echo "still attached: $loops" >&2; exit 1`);
  rmSync(base, { recursive: true, force: true });
});

/** Scripts that mount on $2, the owner's home; they keep what they need below $1. */
const MOUNT = {
  'another program': 'mkdir "$1/behind"; bindfs "$1/behind" "$2"',
  'without owners': `truncate -s 64M "$1/image"; mkfs.exfat "$1/image"
    mount.exfat-fuse "$(losetup -f --show "$1/image")" "$2"`,
  'that folds case': `truncate -s 64M "$1/image"; mkfs.ntfs -F -q "$1/image"
    lowntfs-3g -o permissions,ignore_case "$(losetup -f --show "$1/image")" "$2"`,
  'with a quota': `truncate -s 256M "$1/image"; mkfs.btrfs -q "$1/image"; mount -o loop "$1/image" "$2"
    btrfs quota enable "$2"; btrfs subvolume create "$2/in" > "$1/log"`,
} as const;

const give = 'chown 1000:100 "$2"; chmod 700 "$2"';

/** Writes a spec with this `config`, of the home's owner. */
const wish = (config: { readonly path: string; readonly from?: string }): void =>
  writeFileSync(`${base}/spec.json`, specOf({ spec: { config: { from: '/etc/nixos', owner: 'srid', ...config } } }));

/** Applies, checks that the machine is in sync, and rolls back. */
function goesAndComesBack(): string {
  const old = rows();
  const { code, out } = reflake('apply', '--yes');
  expect({ code, out }).toEqual({ code: 0, out });
  expect(reflake('check').code).toBe(0);
  expect(reflake('rollback', '--yes').code).toBe(0);
  expect(rows()).toEqual(old);
  return out;
}

const rows = (): Rows => rowsOfDisk(root);

function isRefused(says: RegExp): void {
  const old = rows();
  const { code, out } = reflake('apply', '--yes');
  expect({ code, out }).toEqual({ code: 1, out: expect.stringMatching(says) });
  expect(out).not.toMatch(/internal error|with sudo/);
  expect(rows()).toEqual(old);
}

describe('the home of the owner is on a file system', () => {
  test('of another program: it goes there, is warned of, and comes back', () => {
    shell(`${MOUNT['another program']}; ${give}`);
    expect(goesAndComesBack()).toMatch(/\(FUSE\).*RF3016/);
  });

  test('without owners: it is refused', () => {
    shell(MOUNT['without owners']);
    isRefused(/keeps no owners or modes/);
  });

  test('that keeps no attributes: what has some, as an SELinux label, is refused', () => {
    shell(`${MOUNT['another program'].replace('bindfs', 'bindfs --xattr-none')}; ${give}`);
    shell(`setfattr -n security.selinux -v system_u:object_r:etc_t:s0 '${root}/etc/nixos/configuration.nix'`);
    isRefused(/attributes cannot be kept/);
  });

  test('that folds case: it is refused', () => {
    shell(`${MOUNT['that folds case']}; ${give}`);
    isRefused(/does not tell capitals from small letters/);
  });

  test('with a quota that is used up: it is refused, and goes when there is room again', () => {
    shell(`${MOUNT['with a quota']}; ${give}`);
    // The configuration's own directory lies in a subvolume that has the limit.
    wish({ path: '~/in/nixos-config' });
    shell('chown 1000:100 "$2/in"; btrfs qgroup limit 1M "$2/in"; head -c 5M /dev/zero > "$2/in/full" || sync -f "$2"');
    shell(`for n in 1 2 3 4 5; do head -c 300K /dev/urandom > '${root}/etc/nixos/'$n; done`);
    isRefused(/quota|disk is full/);
    shell('btrfs qgroup limit none "$2/in"');
    expect(reflake('apply', '--yes')).toEqual({ code: 0, out: expect.any(String) });
  });

  /** Lays the configuration into `out`, a subvolume. */
  const volumes = (tree: string): void => {
    shell(`${MOUNT['with a quota']}; ${give}; btrfs quota disable "$2"; btrfs subvolume create "$2/out" > "$1/log"
      mkdir -p "$2/${tree}"; mv '${root}/etc/nixos/'* "$2/${tree}"; rmdir '${root}/etc/nixos'; chown -R 1000:100 "$2"`);
  };

  // It is one mount, but rename(2) does not work between two subvolumes.
  test('with several volumes: it goes from one to the other, and comes back', () => {
    volumes('out/nixos');
    wish({ from: '~/out/nixos', path: '~/in/nixos-config' });
    goesAndComesBack();
  });

  test('with several volumes, of which it is one itself: it is edited there', () => {
    volumes('out');
    wish({ from: '~/out', path: '~/out' });
    goesAndComesBack();
  });

  test('with several volumes, of which it is one itself: it is not moved', () => {
    volumes('out');
    wish({ from: '~/out', path: '~/moved' });
    isRefused(/a volume of its own/);
  });
});
