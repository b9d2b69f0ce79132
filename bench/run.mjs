// npm run bench: prints the cost of reflake as ratios to other programs of the same run. bench/README.md says how to read them.
// It fails if a measured program fails, and never for being slow.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { applyRows } from './apply.mjs';
import { evaluatedCommands } from './evaluated.mjs';
import { makeMachine, moduleText } from './machine.mjs';
import { compare, median, runOnce } from './measure.mjs';
import { narTables } from './nar.mjs';
import { onEachNode } from './nodes.mjs';
import { ansible, nix, terraform } from './others.mjs';
import { comparisons, PROOF } from './proof.mjs';

const args = process.argv.slice(2);
const ONLY = ['nar', 'nodes', 'evaluated', 'proof'].find((one) => one === args[0]);
const [of = '15', ofApply = ONLY ? '0' : '5'] = ONLY ? args.slice(1) : args;
// 0: none of the others.
const ROUNDS = Number(of);
const project = new URL('..', import.meta.url).pathname;
const reflake = `${project}dist/reflake.cjs`;

// Node 20 reads these certificates at every start, which would raise the base and make reflake look better than it is.
delete process.env.NODE_EXTRA_CA_CERTS;
delete process.env.NODE_OPTIONS;

const temporary = mkdtempSync(join(tmpdir(), 'reflake-bench-'));
// With a handler SIGINT ends the measured program, which is an error here; then the temporary files are removed.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));
process.on('exit', () => rmSync(temporary, { recursive: true, force: true }));

console.log(
  `reflake bench: Node ${process.versions.node}, ${process.arch}, medians of ${ROUNDS} rounds, of apply ${ofApply}\n`,
);
if (ONLY === 'nodes') nodes();
else if (ONLY === 'evaluated') evaluated();
else if (ONLY === 'proof') await proof();
else if (ONLY === 'nar') {
  await narHashes(makeMachine(fresh('large'), 10_000));
} else if (ROUNDS > 0) {
  await small();
  nodes();
  evaluated();
  await large();
  sizes();
  await parser();
  await proof();
}
if (Number(ofApply) > 0) for (const [title, rows] of applyRows(temporary, Number(ofApply))) print(title, rows);

/** The plan of an ordinary configuration, beside Node alone and beside other planners. */
async function small() {
  const { root, dir, env, yaml, json } = makeMachine(fresh('small'), 60);
  const at = { env, cwd: root };
  const alone = join(fresh('alone'), 'reflake.cjs');
  writeFileSync(alone, readFileSync(reflake));
  const plan = (program, ...options) => ({
    argv: [process.execPath, program, 'plan', '--root', root, ...options],
    ...at,
  });
  const others = [
    // On a copy: git rewrites its index, which this bench's user would then own.
    nix(env, ['flake', 'metadata', makeMachine(fresh('for-nix'), 60).dir], 'nix flake metadata, the same flake'),
    terraform(env, fresh('terraform'), 60),
    ansible(env, fresh('ansible'), 60),
  ];
  const usable = others.filter(({ command }) => command !== undefined);
  const cost = measured({
    'node -e 0': { argv: [process.execPath, '-e', '0'], ...at },
    '--version': { argv: [process.execPath, reflake, '--version'], ...at },
    'plan, in sync': plan(reflake, '--spec', yaml),
    'plan, spec in JSON': plan(reflake, '--spec', json),
    'plan, without dist/reflake.cache': plan(alone, '--spec', yaml),
    check: { argv: [process.execPath, reflake, 'check', '--root', root, '--spec', yaml], ...at },
    ...Object.fromEntries(usable.map(({ name, command }) => [name, command])),
  });
  const node = cost['node -e 0'];
  const own = cost['plan, in sync'];
  const ratio = (name, target, value = 'cpu') => [name, cost[name], cost[name][value] / node[value], target];
  print(`A configuration of 60 modules in ${dir.slice(root.length)}, in sync; CPU time as a multiple of node -e 0`, [
    ratio('node -e 0'),
    ratio('--version'),
    ratio('plan, in sync', 2.5),
    ratio('plan, spec in JSON', 2.5),
    ratio('plan, without dist/reflake.cache'),
    ratio('check', 2.5),
  ]);
  print('Peak memory of plan, as a multiple of that of node -e 0', [ratio('plan, in sync', 1.4, 'rss')]);
  print(
    'CPU time of plan, as a multiple of that of another program',
    others.map(({ name, why }) => (why ? [name, why] : [name, cost[name], own.cpu / cost[name].cpu])),
  );
}

/** The target of the plan in sync, on each Node. */
function nodes() {
  const machine = makeMachine(fresh('for-nodes'), 60);
  const { commands, rows, missing } = onEachNode(machine, fresh('nodes'));
  print(
    'The same as an ordinary user, on each Node, with the cache that its own build made; CPU time as a multiple of node -e 0',
    [...rows(measured(commands)), ...missing],
  );
}

/** The cost of a kept answer of Nix in a check. */
function evaluated() {
  for (const files of [60, 5000]) {
    const commands = evaluatedCommands(files, reflake, fresh);
    if (commands === undefined) return print('A check that evaluation decides', [['nix', 'is not here']]);
    const cost = measured(commands);
    const [literal, kept] = ['literal', 'evaluated'].map((form) => cost[`${files} files, ${form}`]);
    print(
      `A check of ${files} files that a kept evaluation decides, as a multiple of the same in literal form (CPU, clock)`,
      [
        ['literal', literal, 1],
        ['evaluated, CPU', kept, kept.cpu / literal.cpu, 1.2],
        ['evaluated, clock', kept, kept.wall / literal.wall, 1.2],
      ],
    );
  }
}

/** The costs that grow with the files: the plan of a large tree, and its NAR hash. */
async function large() {
  const machine = makeMachine(fresh('large'), 10_000);
  const { root, env, yaml } = machine;
  const at = { env, cwd: root };
  const cost = measured({
    'node -e 0': { argv: [process.execPath, '-e', '0'], ...at },
    'plan, in sync': { argv: [process.execPath, reflake, 'plan', '--root', root, '--spec', yaml], ...at },
  });
  print('A configuration of 10,000 modules, in sync; CPU time as a multiple of node -e 0', [
    ['plan, in sync', cost['plan, in sync'], cost['plan, in sync'].cpu / cost['node -e 0'].cpu],
  ]);
  await narHashes(machine);
}

/** `machine`: of 10,000 modules. */
async function narHashes(machine) {
  for (const [title, rows] of await narTables(machine, { reflake, bundled, measured, fresh })) print(title, rows);
}

function sizes() {
  const kib = (path) => (statSync(path, { throwIfNoEntry: false })?.size ?? 0) / 1024;
  print('Size in KiB', [
    ['dist/reflake.cjs', undefined, kib(reflake)],
    ['dist/reflake.cache', undefined, kib(reflake.replace(/cjs$/, 'cache'))],
  ]);
}

/** The parser alone, warm, in this process: three passes unmeasured. */
async function parser() {
  const file = await bundled('parse', "export { parseNix } from './core/formats/nix/parse.ts';");
  const { parseNix } = await import(file);
  const texts = Array.from({ length: 1500 }, (_, index) => moduleText(index));
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  const rates = [];
  for (let round = -3; round < ROUNDS; round++) {
    // New texts for each pass: the parser's cache is not to be measured.
    const fresh = texts.map((text) => `${text}# ${round}\n`);
    const began = performance.now();
    for (const text of fresh) if (!parseNix(text).ok) throw new Error(`does not parse:\n${text}`);
    if (round >= 0) rates.push(bytes / 1e6 / ((performance.now() - began) / 1000));
  }
  print(`The parser of Nix expressions, warm, over ${(bytes / 1e6).toFixed(1)} MB of modules; MB/s`, [
    ['parseNix', undefined, median(rates)],
  ]);
}

/** The comparison of two systems, in this process. */
async function proof() {
  const times = comparisons(await import(await bundled('proof', PROOF)), ROUNDS);
  print('Two systems of 2,000 derivations of which 50 differ, compared; ms', [
    ['the first', undefined, times[0], 100],
    ['median', undefined, median(times), 100],
  ]);
}

/** Like `compare`, but throws if a program ends with a wrong code. */
function measured(commands) {
  for (const [name, command] of Object.entries(commands)) {
    const { code } = runOnce(command);
    if (code !== 0) throw new Error(`${name}: exit code ${code}: ${command.argv.join(' ')}`);
  }
  return compare(commands, ROUNDS);
}

async function bundled(name, contents) {
  const outfile = join(temporary, `${name}.cjs`);
  await build({
    stdin: { contents, resolveDir: project, loader: 'ts' },
    outfile,
    bundle: true,
    minify: true,
    platform: 'node',
    target: 'node20.19',
    format: 'cjs',
  });
  return outfile;
}

function fresh(name) {
  const dir = join(temporary, name);
  mkdirSync(dir);
  return dir;
}

/** Rows of [name, cost or undefined, value, target], or [name, why not]. */
function print(title, rows) {
  console.log(title);
  for (const [name, cost, value, target] of rows) {
    if (typeof cost === 'string') {
      console.log(`  ${name.padEnd(38)} ${cost}`);
      continue;
    }
    const number = value.toFixed(value < 100 ? 2 : 0).padStart(8);
    const spent = cost
      ? `${cost.cpu.toFixed(0).padStart(6)} ms CPU ${cost.wall.toFixed(0).padStart(6)} ms ${(cost.rss / 1024).toFixed(0).padStart(5)} MiB`
      : ''.padEnd(31);
    const wanted = target === undefined ? '' : `   at most ${target}: ${value <= target ? 'holds' : 'MISSED'}`;
    console.log(`  ${name.padEnd(38)} ${number}   ${spent}${wanted}`.trimEnd());
  }
  console.log('');
}
