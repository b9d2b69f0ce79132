// flake.lock: whether Nix would leave it alone, and the bytes that it writes.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { readFlake } from '../../core/formats/flake/flake.ts';
import type { Attrs } from '../../core/formats/flake-ref/model.ts';
import { type LockInput, lockInputsOf } from '../../core/formats/lock/inputs.ts';
import type { InputPath } from '../../core/formats/lock/model.ts';
import { parseLock } from '../../core/formats/lock/parse-lock.ts';
import { printLock } from '../../core/formats/lock/print-lock.ts';
import { lockVerdict } from '../../core/formats/lock/verdict.ts';
import type { NixVersion } from '../../core/formats/nix-version.ts';
import { hashTree } from '../../core/host/disk/nar-walk.ts';
import { realHost } from '../../core/host/real-host.ts';
import { ROOT } from '../../core/path.ts';
import { handLocks, type LockJudgement, plannedVerdict } from '../support/hand-locks.ts';
import { lastError, type RealNix, writeTree } from './real-nix.ts';
import { RECORDED, type Some } from './sample.ts';
import type { Tally } from './tally.ts';

interface Vector {
  readonly name: string;
  readonly files: Readonly<Record<string, string>>;
}

/** The flakes of the vectors, judged from the texts, and by this Nix. */
export async function compareLockVectors(tally: Tally, real: RealNix, some: Some): Promise<void> {
  const file = new URL('../vectors/locks.json', import.meta.url);
  const { vectors } = JSON.parse(readFileSync(file, 'utf8')) as { readonly vectors: readonly Vector[] };
  for (const { name, files } of some(vectors, RECORDED)) {
    const root = join(real.scratch, name);
    const here = (text: string): string => text.replaceAll(`/vectors/${name}`, root);
    const texts = Object.fromEntries(Object.entries(files).map(([path, text]) => [path, here(text)]));
    writeTree(root, texts);
    texts['flake/flake.lock'] &&= rehash(texts['flake/flake.lock'], files, root);
    writeTree(root, texts);
    // When those locks were made.
    execFileSync('find', [root, '-exec', 'touch', '-d', '@1700000000', '{}', '+']);
    const ours = judge(texts['flake/flake.nix'] ?? '', texts['flake/flake.lock'], real.nix, (place) => {
      return texts[`${place.replace(/^(?:file:\/\/)?/, '').replace(`${root}/`, '')}/flake.nix`];
    });
    const theirs = ask(join(root, 'flake'), real);
    settle(tally, name, ours, theirs, real);
    const { verdict, isDouble } = await plannedVerdict(realHost(ROOT), join(root, 'flake'), real.release);
    if (isDouble && real.nix !== '2.34') tally.differs('`url` beside `follows`, which Nix refuses since 2.30');
    else settle(tally, `${name}, as planned`, verdict, theirs, real);
  }
}

/** Locks that somebody edited by hand, as planned. */
export async function compareHandLocks(tally: Tally, real: RealNix, some: Some): Promise<void> {
  for (const { name, flake, lock } of some(handLocks, RECORDED)) {
    const dir = join(real.scratch, `hand-${name}`);
    writeTree(dir, { 'flake.nix': flake, 'flake.lock': lock });
    const { verdict } = await plannedVerdict(realHost(ROOT), dir, real.release);
    settle(tally, `${name}, by hand`, verdict, ask(dir, real), real);
  }
}

/** The lock with the hashes of the dependencies as they are here: a text that names its place is another one now. */
function rehash(lock: string, files: Vector['files'], root: string): string {
  const moved = Object.keys(files).filter((path) => path.startsWith('deps/') && files[path]!.includes('/vectors/'));
  return moved.reduce((text, path) => {
    const place = join(root, dirname(path));
    const hash = new RegExp(`"narHash": "([^"]*)",\\s*"path": "${place}"`).exec(text)?.[1];
    return hash === undefined ? text : text.replaceAll(hash, hashTree(place));
  }, lock);
}

/** The verdict from the texts alone; 'error' where flake.nix or flake.lock can't be read. */
function judge(
  flakeText: string,
  lockText: string | undefined,
  nix: NixVersion,
  sourceAt: (path: string) => string | undefined,
): LockJudgement {
  const inputs = inputsOf(flakeText, nix);
  const lock = lockText === undefined ? undefined : parseLock(lockText, { nix });
  if (inputs === undefined || lock?.ok === false) return 'error';
  const dependency = (_: InputPath, locked: Attrs): readonly LockInput[] | undefined => {
    const source = sourceAt(String(locked.path ?? locked.url ?? ''));
    return source === undefined ? undefined : inputsOf(source, nix);
  };
  return lockVerdict(inputs, lock?.lock, { nix, dependency }).verdict;
}

function inputsOf(text: string, nix: NixVersion): readonly LockInput[] | undefined {
  const flake = readFlake(text);
  const inputs = flake.ok ? lockInputsOf(flake, nix) : undefined;
  return inputs?.ok ? inputs.inputs : undefined;
}

interface Judgement {
  /** `fetches`: it went to look at an input, which is not there. */
  readonly verdict: LockJudgement | 'fetches';
  readonly said: string;
}

function ask(dir: string, real: RealNix): Judgement {
  const { ok, said } = real.run(['flake', 'metadata', '--no-update-lock-file', `path:${dir}`]);
  const complaint = lastError(said);
  if (ok) return { verdict: 'fresh', said };
  if (/requires lock file changes/.test(said)) return { verdict: 'stale', said: complaint };
  const fetches =
    /unable to download|while fetching the input|cannot find flake|unable to access|Git repository|does not exist|No such file|program 'git' failed/;
  return { verdict: fetches.test(said) ? 'fetches' : 'error', said: complaint };
}

/** A stale lock that Nix starts to lock anew ends in a fetch where the input is out of reach. */
function settle(tally: Tally, name: string, ours: LockJudgement, { verdict, said }: Judgement, real: RealNix): void {
  if (ours === 'refetch') tally.leaves('an input that Nix fetches to see what it declares');
  else if (verdict === 'fetches' && ours === 'error' && real.nix === '2.8' && said.includes('-source/'))
    tally.leaves('a relative path, which 2.8 resolves in the store');
  else if (verdict === 'fetches' && ours === 'error')
    tally.leaves('an error that Nix would meet after it fetched an input');
  else if (verdict === 'fetches') tally.same(`${name} in ${real.release}: ${said}`, ours, 'stale');
  else tally.same(`${name} in ${real.release}: ${said}`, ours, verdict);
}

/** Leaves, flakes with inputs, one with a follows of its own, and one of flakes. */
const dependencies: Readonly<Record<string, string>> = {
  a: '',
  b: '',
  x: 'inputs.a.url = "path:@/a";',
  y: 'inputs.a.url = "path:@/a"; inputs.b.url = "path:@/b";',
  v: 'inputs.a.url = "path:@/a"; inputs.x.url = "path:@/x"; inputs.x.inputs.a.follows = "a";',
  z: 'inputs.x.url = "path:@/x"; inputs.y.url = "path:@/y";',
};

const name = fc.constantFrom('a', 'b', 'x', 'y', 'ä.1');
const override = fc.record({
  of: fc.constantFrom('a', 'b', 'x'),
  how: fc.constantFrom(
    'follows = "a"',
    'follows = "b"',
    'follows = "x/a"',
    'url = "path:@/b"',
    'inputs.a.follows = "a"',
  ),
});
const statement = fc.oneof(
  {
    weight: 1,
    arbitrary: fc.tuple(name, name).map(([from, to]) => `"${from}".follows = "${to === 'ä.1' ? 'a' : to}";`),
  },
  {
    weight: 5,
    arbitrary: fc
      .record({
        name,
        source: fc.constantFrom(...Object.keys(dependencies)),
        flake: fc.constantFrom('', '', '', 'flake = false;'),
        overrides: fc.uniqueArray(override, { selector: ({ of }) => of, maxLength: 2 }),
      })
      .map((input) => {
        const overrides = input.overrides.map(({ of, how }) => `inputs.${of}.${how};`).join(' ');
        return `"${input.name}" = { url = "path:@/${input.source}"; ${input.flake} ${overrides} };`;
      }),
  },
);
const inputsText = fc
  .uniqueArray(statement, { selector: (text) => text.split('"')[1], minLength: 1, maxLength: 4 })
  .map((list) => list.join(' '));

/** A random flake locked by Nix, then changed: the lock printed again is what Nix wrote, and the verdict its own. */
export function compareRandomLocks(tally: Tally, real: RealNix, some: Some): void {
  const root = join(real.scratch, 'locks');
  const flakeText = (inputs: string): string => `{ inputs = { ${inputs} }; outputs = _: { }; }`.replaceAll('@', root);
  for (const [dir, inputs] of Object.entries(dependencies))
    writeTree(root, { [`${dir}/flake.nix`]: `{ ${inputs.replaceAll('@', root)} outputs = _: { }; }` });
  mkdirSync(join(root, 'f'));
  const pairs = some(fc.sample(fc.tuple(inputsText, inputsText, fc.nat(3)), { numRuns: 300, seed: 31 }));
  for (const [before, after, pick] of pairs) {
    rmSync(join(root, 'f/flake.lock'), { force: true });
    writeFileSync(join(root, 'f/flake.nix'), flakeText(before));
    if (!real.run(['flake', 'lock', `path:${root}/f`]).ok) continue;
    const text = readFileSync(join(root, 'f/flake.lock'), 'utf8');
    const parsed = parseLock(text, { nix: real.nix });
    tally.same(`${before}: written`, parsed.ok ? printLock(parsed.lock) : parsed.problem.message, text);
    // Another flake, one binding more or less, or the same.
    const changed = [after, `${before} new.url = "path:@/b";`, before.replace(/ inputs\.\w.*?;/, ''), before][pick]!;
    const flake = flakeText(changed);
    writeFileSync(join(root, 'f/flake.nix'), flake);
    const ours = judge(flake, text, real.nix, (path) => readFileSync(join(path, 'flake.nix'), 'utf8'));
    const theirs = ask(join(root, 'f'), real);
    // Without a fetch nobody knows whether an input has the inputs that are overridden in it.
    if (ours === 'stale' && theirs.verdict === 'error' && /non-existent|follow/.test(theirs.said))
      tally.leaves('a `follows` through an input that is not locked yet');
    else settle(tally, `${before} -> ${changed}`, ours, theirs, real);
  }
}
