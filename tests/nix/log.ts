// Nix's log as data: its messages are what it prints otherwise, and a download is told with its name and its bytes.
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Doing } from '../../core/event.ts';
import { LOG_OPTIONS, nixLog } from '../../core/formats/nix-log.ts';
import type { RealNix } from './real-nix.ts';
import type { Tally } from './tally.ts';

const EXPRESSIONS = [
  '1',
  'builtins.trace "traced" 1',
  'builtins.trace "two\\nlines" (throw "thrown")',
  'throw "a \\"quoted\\" and a \\\\ backslash"',
  'throw "ümläut → arrow"',
  '{ a = 1; }.b',
  '1 + "x"',
  '1 +',
  'import ./none.nix',
  'let f = n: if n == 0 then throw "deep" else f (n - 1); in f 20',
  'builtins.addErrorContext "while doing this" (throw "with context")',
  'builtins.fetchurl "file:///none"',
];

const SIZE = 3_000_000;

export function compareLog(tally: Tally, real: RealNix): void {
  for (const expression of EXPRESSIONS) {
    const args = ['eval', '--impure', '--expr', expression];
    const plain = real.run(args);
    const logged = real.run([...LOG_OPTIONS, ...args]);
    tally.same(expression, [logged.ok, wordsIn(logged.said)], [plain.ok, plain.said.trimEnd()]);
  }
  tally.same('an argument that it does not know', ...unknownArgument(real));
  const { name, told, size } = download(real);
  tally.same(
    'a download has its name',
    told.some(({ what }) => what.includes(name)),
    true,
  );
  tally.same(
    'a download has its bytes',
    told.map(({ bytes }) => bytes?.done ?? 0).reduce((a, b) => Math.max(a, b), 0),
    size,
  );
}

const wordsIn = (said: string): string =>
  linesOf(said)
    .flatMap((line) => nixLog().read(line) ?? [])
    .join('\n')
    .trimEnd();

const linesOf = (text: string): readonly string[] => text.trimEnd().split('\n');

function unknownArgument(real: RealNix): readonly [ours: string, theirs: string] {
  const args = ['eval', '--no-such-flag'];
  return [wordsIn(real.run([...LOG_OPTIONS, ...args]).said), real.run(args).said.trimEnd()];
}

/** Locks a tarball of random bytes, which do not compress. */
function download(real: RealNix): { readonly name: string; readonly told: readonly Doing[]; readonly size: number } {
  const place = join(real.scratch, 'download');
  mkdirSync(join(place, 'source'), { recursive: true });
  writeFileSync(join(place, 'source/flake.nix'), '{ outputs = _: { }; }');
  writeFileSync(join(place, 'source/bytes'), randomBytes(SIZE));
  const tarball = join(place, 'source.tar.gz');
  execFileSync('tar', ['czf', tarball, '-C', place, 'source']);
  mkdirSync(join(place, 'flake'));
  writeFileSync(join(place, 'flake/flake.nix'), `{ inputs.x.url = "file://${tarball}"; outputs = _: { }; }`);
  const { said } = real.run([...LOG_OPTIONS, 'flake', 'lock', `path:${place}/flake`]);
  const log = nixLog();
  const told = linesOf(said).flatMap((line) => {
    log.read(line);
    return log.doing() ?? [];
  });
  return { name: tarball, told, size: statSync(tarball).size };
}
