// Measures an apply beside the same work by hand, on one file system and across two, and the plan of a large tree in sync.
// For two file systems this file runs again in a mount namespace of its own, so that no mount outlives it.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeMachine } from './machine.mjs';
import { median, runOnce } from './measure.mjs';

const reflake = fileURLToPath(new URL('../dist/reflake.cjs', import.meta.url));
const here = fileURLToPath(import.meta.url);

/** Mounts an empty file system on $1; $2 names a file that may hold it. */
const MOUNTS = {
  'a tmpfs': 'mount -t tmpfs -o mode=755 none "$1"',
  'ext4 on a loop device':
    'truncate -s 1G "$2"; mkfs.ext4 -q "$2"; mount -o loop "$2" "$1"; rmdir "$1/lost+found"; chmod 755 "$1"',
};

/** Sections of [title, rows], as the bench prints them. All files are made below `temporary`. */
export function* applyRows(temporary, rounds) {
  if (process.getuid() !== 0) {
    yield ['apply and plan beside chown -R', [['both', 'not root: nothing can be given to somebody else']]];
    return;
  }
  const small = appliedOn(makeTree(fresh(temporary, 'apply-1000'), 1000), rounds, { mayHand: false });
  const large = appliedOn(makeTree(fresh(temporary, 'apply-10000'), 10_000), rounds);
  yield besideHand('on one file system; mv, an edit, chown -R, sync by hand', large, 1.5);
  yield [
    'Peak memory of that apply, as a multiple of that of 1,000 files',
    [
      ['apply, 1,000 files', small.apply, 1],
      ['apply, 10,000 files', large.apply, large.apply.rss / small.apply.rss, 1.1],
    ],
  ];
  for (const mount of Object.keys(MOUNTS)) {
    const title = `from one file system to another, ${mount}; cp -a, rm -r, an edit, chown -R, sync by hand`;
    const cost = across(temporary, mount, rounds);
    yield cost.why === undefined
      ? besideHand(title, cost, 2)
      : [`An apply that moves 10,000 files ${title}`, [['apply', cost.why]]];
  }
  yield planned(makeTree(fresh(temporary, 'plan-100000'), 100_000, 1), rounds);
}

function besideHand(title, { apply, hand, calls }, target) {
  return [
    `An apply that moves, edits and owns 10,000 files ${title}`,
    [
      ['by hand', hand, 1],
      ['apply, by the clock', apply, apply.wall / hand.wall, target],
      ['apply, CPU time', undefined, apply.cpu / hand.cpu],
      ...(calls ? [['the calls of Node alone, by the clock', calls, calls.wall / hand.wall]] : []),
    ],
  ];
}

function planned(machine, rounds) {
  const { dir, env, root } = machine;
  const calls = { argv: [process.execPath, '-e', `${WALK} walk(process.argv[1], () => {});`, dir], env, cwd: root };
  const cost = measured({ chown: owned(machine), plan: reflakeOn(machine, 'plan'), calls }, rounds);
  return [
    'A plan of a tree of 100,000 entries, in sync, beside chown -R with nothing to do',
    [
      ['chown -R', cost.chown, 1],
      ['plan, by the clock', cost.plan, cost.plan.wall / cost.chown.wall, 2],
      ['plan, CPU time', undefined, cost.plan.cpu / cost.chown.cpu],
      ['the calls of Node alone, by the clock', cost.calls, cost.calls.wall / cost.chown.wall],
    ],
  ];
}

/** The least that a program can do: one lstat of each entry, paths as text, nothing sorted, nothing kept. */
const WALK = `const { lstatSync, readdirSync } = require('node:fs');
  function walk(dir, visit) {
    for (const name of readdirSync(dir)) {
      const path = dir + '/' + name;
      const stat = lstatSync(path);
      visit(path, stat);
      if (stat.isDirectory()) walk(path, visit);
    }
  }`;

/** The work by hand: no plan, journal, check or second look. No program in Node can do less. */
const APPLY = `${WALK}
  const { appendFileSync, lchownSync, renameSync } = require('node:fs');
  const [from, to, conf, feature] = process.argv.slice(1);
  renameSync(from, to);
  appendFileSync(conf, feature + '\\n');
  lchownSync(to, 1000, 100);
  walk(to, (path) => lchownSync(path, 1000, 100));
  require('node:child_process').spawnSync('sync');`;

function across(temporary, mount, rounds) {
  const argv = ['--mount', '--propagation', 'private', process.execPath, here, temporary, mount, String(rounds)];
  const { status, stdout, stderr, error } = spawnSync('unshare', argv, { encoding: 'utf8' });
  if (status === 0) return JSON.parse(stdout);
  // An error of Node's has a stack of several lines; one of unshare is a single line.
  if (error || stderr.startsWith('unshare:'))
    return { why: `no mount namespace: ${(error?.message ?? stderr).trim()}` };
  throw new Error(stderr);
}

function acrossHere(temporary, mount, rounds) {
  const base = fresh(temporary, 'across-');
  const machine = makeTree(base, 10_000);
  const home = join(base, 'home');
  const aside = join(base, 'aside');
  sh('mv "$1" "$2"; mkdir "$1"', home, aside);
  const mounted = spawnSync('sh', ['-euc', MOUNTS[mount], 'sh', home, join(base, 'image')], { encoding: 'utf8' });
  if (mounted.status !== 0) return { why: `can't be mounted here: ${mounted.stderr.trim().split('\n')[0]}` };
  try {
    sh('cp -a "$1/." "$2"; rm -r "$1"', aside, home);
    return appliedOn(machine, rounds, { isAcross: true });
  } finally {
    sh('umount "$1"', home);
    rmSync(base, { recursive: true });
  }
}

/** Before each run the configuration goes back to /etc/nixos and to root, and the disk has all of it. */
function appliedOn(machine, rounds, { isAcross = false, mayHand = true } = {}) {
  const { root, dir, env } = machine;
  const move = isAcross ? 'cp -a "$1" "$2"; rm -r "$1"' : 'mv "$1" "$2"';
  const etc = join(root, 'etc');
  const disturb = () =>
    sh(
      `rm -rf "$2" "$4"; ${move}; chown -R 0:0 "$2"; sed -i /experimental/d "$3/nix/nix.conf"; sync`,
      dir,
      join(etc, 'nixos'),
      etc,
      join(root, 'var'),
    );
  const feature = 'experimental-features = nix-command flakes';
  const hand = `${move}; echo "${feature}" >> "$3"; chown -R 1000:100 "$2"; sync`;
  const named = [join(etc, 'nixos'), dir, join(etc, 'nix/nix.conf')];
  return measured(
    {
      apply: reflakeOn(machine, 'apply', '--yes'),
      ...(mayHand && {
        hand: { argv: ['sh', '-euc', hand, 'sh', ...named], env, cwd: root },
        ...(!isAcross && { calls: { argv: [process.execPath, '-e', APPLY, ...named, feature], env, cwd: root } }),
      }),
    },
    rounds,
    disturb,
  );
}

/** Like `compare` of measure.mjs, with `before` called before each run; throws with the output of a program that fails. */
function measured(commands, rounds, before = () => {}) {
  const names = Object.keys(commands);
  const runs = Object.fromEntries(names.map((name) => [name, []]));
  // The first round does not count, and each round begins with another command.
  for (let round = -1; round < rounds; round++) {
    for (const name of round % 2 ? names : names.toReversed()) {
      before();
      const one = runOnce(commands[name]);
      if (one.code !== 0) throw new Error(`${name}: exit code ${one.code}: ${commands[name].argv.join(' ')}`);
      if (round >= 0) runs[name].push(one);
    }
  }
  const of = (list, value) => median(list.map((one) => one[value]));
  return Object.fromEntries(
    Object.entries(runs).map(([name, list]) => [
      name,
      { cpu: of(list, 'cpu'), wall: of(list, 'wall'), rss: of(list, 'rss') },
    ]),
  );
}

function reflakeOn({ root, env, json }, command, ...options) {
  const argv = [process.execPath, reflake, command, ...options, '--offline', '--root', root, '--spec', json];
  return { argv, env, cwd: root };
}

function owned({ root, dir, env }) {
  return { argv: ['chown', '-R', '1000:100', dir], env, cwd: root };
}

/** A machine of 60 modules, and `entries` files and directories of data beside them: a hundred files to a directory. */
function makeTree(base, entries, lines = 100) {
  const machine = makeMachine(base, 60);
  const directories = Math.ceil(entries / 101);
  for (let index = 0; index < entries - directories; index++) {
    const directory = join(machine.dir, 'files', String(Math.floor(index / 100)));
    if (index % 100 === 0) mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, `f${index}.txt`), `file ${index}\n`.repeat(lines));
  }
  // For files above the threshold git writes one pack at once, and not an object for each file.
  const git =
    'cd "$1"; git -c core.bigFileThreshold=1 add .; git commit --quiet --message=files; git gc --quiet; chown -R 1000:100 .';
  sh(git, machine.dir, machine.env);
  return machine;
}

/** A script with its arguments; a last one that is an object is its environment. */
function sh(script, ...args) {
  const env = typeof args.at(-1) === 'object' ? args.pop() : process.env;
  const { status, stderr } = spawnSync('sh', ['-euc', script, 'sh', ...args], { env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${script}: ${stderr}`);
}

function fresh(temporary, name) {
  return mkdtempSync(join(temporary, name));
}

// Second run: takes `temporary` and the name of the mount; the result, or the reason for none, goes to stdout as JSON.
if (process.argv[1] === here) {
  const [temporary, mount, rounds] = process.argv.slice(2);
  process.stdout.write(JSON.stringify(acrossHere(temporary, mount, Number(rounds))));
}
