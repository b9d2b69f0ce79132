// Real faults instead of simulated ones: full disks, read-only and busy mounts, immutable files, few descriptors, odd
// umasks and clocks, a working directory that is gone, no /proc. The run must tell the truth, and succeed once the
// cause is removed.

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { told } from './fault.ts';
import type { Group, Options, Outcome } from './group.ts';
import { chosen, mixed, recovered, repeats, tally, type Verdict } from './judge.ts';
import { inWorkshop } from './kill.ts';
import { ACROSS, EDITS, FRESH } from './scenarios.ts';
import type { Around, Place, Scenario, Workshop } from './workshop.ts';

/** One disturbance: what is done before the run, and how it is lifted. */
interface Trouble {
  readonly label: string;
  readonly make: (place: Place) => void;
  /** Ends the disturbance. Mounts are removed in any case. */
  readonly lift?: (place: Place) => void;
  readonly around?: Around;
  /** The run must succeed in spite of it. */
  readonly mustApply?: boolean;
  /** The kernel may kill the run, which must be recoverable like any death. */
  readonly mayDie?: boolean;
}

/** Real faults, by kind. */
export const REAL: readonly Group[] = [
  group('full disk: the state directory', 'A tmpfs of 1 to 40 pages, or as many inodes.', FRESH, () =>
    levels((place) => place.state, 40),
  ),
  group('full disk: the machine', 'A tmpfs with room for 0 to 40 pages, or inodes, more.', FRESH, () =>
    levels((place) => place.machine, 40),
  ),
  group('full disk: where the tree is copied to', 'A tmpfs with room for 0 to 30 pages, or inodes, more.', ACROSS, () =>
    levels((place) => `${place.machine}/home`, 30),
  ),
  group('read-only or busy mounts', 'Bind mounts on what is written, moved or replaced.', FRESH, () => mounts()),
  group('immutable and append-only: first apply', 'chattr +i and +a.', FRESH, (shop) =>
    flags(shop, ['/etc/nixos', '/etc/nixos/configuration.nix', '/etc/nixos/closed', '/etc/nixos/closed/secret']),
  ),
  group('immutable and append-only: small edits', 'chattr +i and +a.', EDITS, (shop) =>
    flags(shop, [
      '/home/srid/a/nixos',
      '/home/srid/a/nixos/flake.nix',
      '/home/srid/a/nixos/.git',
      '/home/srid/a/nixos/.git/index',
    ]),
  ),
  group(
    'odd surroundings',
    '64 descriptors, umask, cwd, locale, clock, no /proc, no temporary directory, no PATH.',
    FRESH,
    surroundings,
  ),
];

function group(
  name: string,
  describe: string,
  scenario: Scenario,
  troubles: (shop: Workshop) => readonly Trouble[] | string,
): Group {
  return {
    name,
    describe: `${describe} The exit code is true of the machine; then the cause goes away, and the run is repeated.`,
    run: (options) => inWorkshop(scenario, (shop) => tried(shop, troubles(shop), options)),
  };
}

async function tried(shop: Workshop, troubles: readonly Trouble[] | string, options: Options): Promise<Outcome> {
  if (typeof troubles === 'string')
    return { tried: 0, old: 0, new: 0, mixed: 0, refused: 0, failures: [], skipped: `  skipped: ${troubles}` };
  const picked = chosen(troubles, options, [3, 5]);
  const verdicts = await shop.each(
    picked,
    async (place, { make, lift, around, mustApply = false, mayDie = false }): Promise<Verdict> => {
      const before = mountsBelow(dirname(place.machine));
      const end = (): void => {
        lift?.(place);
        const own = mountsBelow(dirname(place.machine)).slice(before.length);
        // Unmounting would remove the copy from view, so it stays until the judgement.
        for (const at of own.filter((path) => path !== place.machine && path !== place.state).toReversed()) unmount(at);
      };
      try {
        make(place);
        const ran = await place.run(shop.scenario.words, around);
        const verdict =
          mayDie && ran.code === null && !ran.isHung ? await recovered(shop, place) : await told(shop, place, ran, end);
        if (verdict.end === 'mixed') return verdict;
        if (mustApply && ran.code !== 0) return mixed(`it ends with ${ran.code}: ${ran.out.slice(-300)}`);
        const again = await repeats(shop, place);
        return again.end === 'mixed' ? again : verdict;
      } finally {
        end();
        for (const at of mountsBelow(dirname(place.machine)).slice(before.length).toReversed()) unmount(at);
      }
    },
  );
  return tally(
    picked.map(({ label }, at) => ({ label, verdict: verdicts[at]! })),
    options.log,
  );
}

/** A file system with room for n more pages, or n more inodes, than it holds. */
function levels(at: (place: Place) => string, most: number): readonly Trouble[] {
  const trouble = (label: string, limit: (used: readonly [pages: number, inodes: number]) => string): Trouble => ({
    label,
    make: (place) => {
      const dir = at(place);
      mkdirSync(dir, { recursive: true });
      if (!mountsBelow(dir).includes(dir)) {
        execFileSync('mount', ['-t', 'tmpfs', '-o', ROOM, 'reflake-crash', dir]);
        if (dir === place.machine) place.reset();
      }
      execFileSync('mount', ['-o', `remount,${limit(usedOf(dir))}`, dir]);
    },
    lift: (place) => {
      if (mountsBelow(at(place)).includes(at(place))) execFileSync('mount', ['-o', `remount,${ROOM}`, at(place)]);
    },
  });
  const pages = Array.from({ length: most }, (_, n) =>
    trouble(`${n} pages free`, ([used]) => `size=${Math.max(1, used + n) * PAGE}`),
  );
  const inodes = Array.from({ length: most }, (_, n) =>
    trouble(`${n} inodes free`, ([, used]) => `nr_inodes=${used + n}`),
  );
  return pages.flatMap((one, n) => [one, inodes[n]!]);
}

const ROOM = 'size=64m,nr_inodes=100k,mode=755';
const PAGE = 4096;

function usedOf(dir: string): readonly [number, number] {
  const read = (column: string): number =>
    Number(execFileSync('df', ['-B', `${PAGE}`, `--output=${column}`, dir], { encoding: 'utf8' }).split('\n')[1]);
  return [read('used'), read('iused')];
}

function mounts(): readonly Trouble[] {
  const bind = (path: string, isReadOnly: boolean): Trouble => ({
    label: `${path} ${isReadOnly ? 'read-only' : 'a mount point'}`,
    make: (place) => {
      const at = path === 'the state directory' ? place.state : place.machine + path;
      mkdirSync(place.state, { recursive: true });
      execFileSync('mount', ['--bind', at, at]);
      if (isReadOnly) execFileSync('mount', ['-o', 'remount,ro,bind', at]);
    },
    ...(path === 'the state directory' && { lift: (place) => mountsBelow(place.state).forEach(unmount) }),
  });
  const paths = [
    '/etc',
    '/etc/nix',
    '/etc/nix/nix.conf',
    '/etc/nixos',
    '/etc/nixos/closed',
    '/etc/nixos/configuration.nix',
    '/home',
    '/home/srid',
  ];
  return [...paths, 'the state directory'].flatMap((path) => [bind(path, true), bind(path, false)]);
}

function flags({ place }: Workshop, paths: readonly string[]): readonly Trouble[] | string {
  const probe = dirname(place.machine);
  if (spawnSync('chattr', ['+a', `${probe}/machine`]).status !== 0) return 'no chattr on this file system';
  execFileSync('chattr', ['-a', `${probe}/machine`]);
  return [...paths, '/etc/nix', '/etc/nix/nix.conf', '/etc', '/home/srid'].flatMap((path) =>
    ['+i', '+a'].map(
      (flag): Trouble => ({
        label: `${path} ${flag}`,
        make: ({ machine }) => void execFileSync('chattr', [flag, machine + path]),
        // chattr(1) complains about links, so its exit code is ignored.
        lift: ({ machine }) => void spawnSync('chattr', ['-R', '-f', '-i', '-a', machine]),
      }),
    ),
  );
}

/** A shell that runs the script and then becomes the program. */
const first = (script: string): readonly string[] => ['sh', '-c', `${script}; exec "$@"`, 'sh'];

function surroundings(): readonly Trouble[] {
  const under = (label: string, prefix: readonly string[], mustApply = true, env = {}): Trouble => ({
    label,
    make: () => {},
    around: { prefix, env },
    mustApply,
  });
  const hasFaketime = spawnSync('faketime', ['--version']).status === 0;
  return [
    under('64 descriptors', ['prlimit', '--nofile=64:64']),
    under('umask 0', first('umask 0')),
    under('umask 077', first('umask 077')),
    under('umask 777', first('umask 777'), false),
    under('no current directory', first('mkdir gone && cd gone && rmdir ../gone'), false),
    under('LANG=C', [], true, { LANG: 'C', LC_ALL: 'C' }),
    under('an unknown locale', [], true, { LANG: 'xx_YY.latin1', LC_ALL: 'xx_YY.latin1' }),
    ...(hasFaketime
      ? [under('20 years ago', ['faketime', '-f', '-20y']), under('in 20 years', ['faketime', '-f', '+20y'])]
      : []),
    under('no /proc', ['unshare', '-m', ...first('mount -t tmpfs none /proc')], false),
    under('no temporary directory', [], false, { TMPDIR: '/nonexistent' }),
    under('an empty PATH', [], false, { PATH: '' }),
    under('no HOME', ['env', '-u', 'HOME']),
    // Node restores the default action of SIGXFSZ, which kills.
    { ...under('files of at most 1 KiB', first('ulimit -f 1'), false), mayDie: true },
  ];
}

/** The mount points at or below a directory, in the order in which they were made. */
const mountsBelow = (dir: string): readonly string[] =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((at) => at === dir || at.startsWith(`${dir}/`));

function unmount(at: string): void {
  if (existsSync(at)) spawnSync('umount', ['-l', at]);
}
