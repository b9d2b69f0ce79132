// Builds dist/reflake.cjs: one file without dependencies, in parts that are read on demand; the import() calls of the sources
// decide the parts. And dist/reflake.cache: the parts as compiled by this Node. It only makes the program start faster.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Script } from 'node:vm';
import { deflateRawSync } from 'node:zlib';
import { build as bundle } from 'esbuild';
import { makeMachine } from '../bench/machine.mjs';

const root = new URL('..', import.meta.url).pathname;

/**
 * The modules imported on demand, by the time of the import. Files that one time alone needs are a part; files that several
 * times need are a part for just these; a module in no list is needed seldom.
 */
const TIMES = {
  always: ['cmd/bin.ts'],
  first: ['cmd/first-thread.ts', 'cmd/writing.ts'],
  reading: ['cmd/session/run.ts', 'cmd/commands/plan.ts', 'cmd/commands/check.ts'],
  writing: ['cmd/writing-thread.ts'],
  root: ['bordered', 'user-files', 'territory']
    .map((name) => `core/host/border/${name}.ts`)
    .concat('cmd/session/looker.ts'),
  look: ['core/host/border/look-server.ts'],
  job: ['core/host/border/job-server.ts'],
  programs: ['node_modules/execa/index.js'],
  yaml: ['node_modules/yaml/dist/index.js'],
};

/** Settings of esbuild for everything. */
const SETTINGS = {
  absWorkingDir: root,
  write: false,
  minify: true,
  platform: 'node',
  target: 'node20.19',
  charset: 'ascii',
  legalComments: 'none',
};

/** Bytes, as in scripts/start.cjs. */
const HEAD = 4096;
const { parts, partOf, times } = await split();
const build = digest(parts.join(''));
const text = withStart();

mkdirSync(`${root}dist`, { recursive: true });
// scripts/start.cjs takes no cache from a directory that its group can write.
chmodSync(`${root}dist`, 0o755);
put('reflake.cjs', text, 0o755);
pages();
const cache = compiled();
if (cache === undefined) rmSync(`${root}dist/reflake.cache`, { force: true });
else put('reflake.cache', cache, 0o644);
if (process.argv.includes('--sizes')) {
  console.log(`dist/reflake.cjs ${kib(text)} KiB; dist/reflake.cache ${cache ? kib(cache) : 0} KiB; parts:`);
  for (const [part, { length }] of parts.entries())
    console.log(`${(length / 1024).toFixed(1).padStart(8)} KiB  ${times[part]}`);
}

/**
 * esbuild makes a module of the files that the same import() calls reach. Here each becomes a function with a number, 0 for
 * cmd/bin.ts; a part is an object of such functions.
 */
async function split() {
  const { outputFiles, metafile } = await bundle({
    ...SETTINGS,
    bundle: true,
    splitting: true,
    metafile: true,
    format: 'esm',
    entryPoints: ['cmd/bin.ts'],
    outdir: '/',
    define: { 'import.meta': '__meta' },
    plugins: [plugin(lazyBuiltins), plugin(replaceHeavy)],
  });
  const outputs = new Map(Object.entries(metafile.outputs).map(([name, output]) => [basename(name), output]));
  const files = outputFiles.map(({ path, text }) => ({ name: basename(path), text }));
  files.sort((a, b) => Number(b.name === 'bin.js') - Number(a.name === 'bin.js'));
  const number = new Map(files.map(({ name }, index) => [name, index]));

  const reached = new Map(files.map(({ name }) => [name, new Set()]));
  const reach = (name, time) => {
    if (reached.get(name).has(time)) return;
    reached.get(name).add(time);
    for (const { path, kind, external } of outputs.get(name).imports)
      if (kind === 'import-statement' && !external) reach(basename(path), time);
  };
  for (const [name, { entryPoint }] of outputs) if (entryPoint !== undefined) reach(name, timeOf(entryPoint));

  const groups = new Map();
  const partOf = [];
  for (const [index, { name, text }] of files.entries()) {
    const times = reached.get(name);
    // A module needed seldom may load more than it needs.
    if (times.size > 1) times.delete('seldom');
    const when = times.has('always') ? 'always' : [...times].sort().join(' ');
    const all = groups.get(when) ?? [];
    groups.set(when, all);
    all.push(`${index}(require,exports){${asFunction(text, number)}}`);
    partOf[index] = [...groups.keys()].indexOf(when);
  }
  const made = [...groups.values()].map((all) => `(function(__meta){"use strict";return{${all.join(',\n')}}})`);
  for (const [part, text] of made.entries()) {
    // scripts/start.cjs reads bytes, so parts are ASCII; esbuild does not escape regular expressions.
    const at = text.search(/[^\0-\x7f]/);
    if (at >= 0) throw new Error(`write it as \\u…: ${text.slice(Math.max(0, at - 80), at + 80)}`);
    // A syntax error would else be seen only when the part is loaded.
    new Script(text, { filename: `part-${part}.cjs` });
  }
  return { parts: made, partOf, times: [...groups.keys()] };
}

/**
 * Turns a module as esbuild writes it (imports first, one export last) into the body of a function. Imports become variables:
 * no two modules of esbuild's import each other, and its own CommonJS would call a getter at each use. They are `var`, since V8
 * checks at each use of a `const` whether it is initialised.
 */
function asFunction(text, number) {
  const required = (from) => `require(${number.get(from.replace('./', '')) ?? JSON.stringify(from)})`;
  const names = (list, from, to) =>
    list.replace(/([\w$]+)(?: as ([\w$]+))?/g, (_, one, two = one) => `${[one, two][from]}:${[one, two][to]}`);
  let head = '';
  const body = text
    .replace(
      /(?<![\w$.])import(?:(?:\* ?as ([\w$]+)|(?: ([\w$]+),?)?(?:\{([^}]*)\})?) ?from)?"([\w@./:-]+)";?/g,
      (_, all, whole, some, from) => {
        const made = [all ?? whole, some && `{${names(some, 0, 1)}}`].filter((name) => name);
        head +=
          made.length === 0 ? `${required(from)};` : made.map((name) => `var ${name}=${required(from)};`).join('');
        return '';
      },
    )
    .replace(
      /export\{([^}]*?)(?:,[\w$]+ as"module\.exports")?\};\s*$/,
      (_, list) => `Object.assign(exports,{${names(list, 1, 0)}});`,
    )
    .replace(/export default ([\w$]+\(\));\s*$/, (_, made) => `Object.assign(exports,${made},{default:${made}});`)
    .replace(/\bimport\(("\.\/[^"]+")\)/g, (_, from) => `Promise.resolve().then(()=>${required(JSON.parse(from))})`);
  const unknown = /(?:^|[;}])(?:import|export)\b[^=:(]|(?<![\w$.])import\(["'`]/m.exec(body);
  if (unknown !== null)
    throw new Error(
      `scripts/build.mjs does not know: ${body.slice(Math.max(0, unknown.index - 80), unknown.index + 80)}`,
    );
  return head + body;
}

function timeOf(entry) {
  return Object.keys(TIMES).find((time) => TIMES[time].some((end) => entry.endsWith(end))) ?? 'seldom';
}

function plugin(setup) {
  return { name: setup.name, setup };
}

/** The parts in the comments of scripts/start.cjs. */
function withStart() {
  const start = readFileSync(`${root}scripts/start.cjs`, 'utf8');
  const bodies = parts.map((part) => deflateRawSync(part, { level: 9 }).toString('base64'));
  let at = 0;
  const places = bodies.map((body) => {
    // Starts behind the two slashes and ends with the line.
    const place = [at + 2, body.length];
    at += body.length + 3;
    return place;
  });
  const filled = start
    .replace('@build@', build)
    .replace('@parts@', JSON.stringify(places))
    .replace('@modules@', JSON.stringify(partOf));
  const begin = (length) => filled.replace('@begin@', String(length));
  const length = begin(begin(filled.length).length).length;
  return begin(length) + bodies.map((body) => `//${body}\n`).join('');
}

/** Writes a temporary file and renames it: tests and a demo may be running the old one. */
function put(name, content, mode) {
  const temporary = `${root}dist/${name}.${process.pid}.tmp`;
  writeFileSync(temporary, content);
  chmodSync(temporary, mode);
  renameSync(temporary, `${root}dist/${name}`);
}

/** dist/man/man1: the manual pages, as the program itself prints them, for who makes a package of it. */
function pages() {
  const print = (...words) => {
    const argv = [`${root}dist/reflake.cjs`, ...words];
    const { status, stdout, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`${words.join(' ')}: ${stderr}`);
    return stdout;
  };
  mkdirSync(`${root}dist/man/man1`, { recursive: true });
  const text = print('man');
  put('man/man1/reflake.1', text, 0o644);
  for (const [, command] of text.matchAll(/^\.It Cm (\w+)$/gm))
    put(`man/man1/reflake-${command}.1`, print('man', command), 0o644);
}

/**
 * The cache as scripts/start.cjs reads it: the parts, and V8's code of the functions that run in an in-sync plan (the command
 * that must be fast), an apply with its second thread, the help, and root's child for looks. Undefined if it can't be made
 * here.
 */
function compiled() {
  const dir = mkdtempSync(join(tmpdir(), 'reflake-build-'));
  try {
    const { yaml } = makeMachine(dir, 3);
    const there = ['--root', dir, '--state', join(dir, 'state')];
    const best = [];
    const take = (args) => {
      for (const [part, bytes] of compiledBy(args, dir)) best[part] ??= bytes;
    };
    take(['plan', '--spec', yaml, ...there]);
    take(['--help']);
    // The child reads root's questions from a file here.
    const looks = [
      ['stat', '/etc'],
      ['read', '/etc/passwd'],
      ['entries', '/etc'],
      ['waypoint', yaml],
      ['readFile', yaml],
    ];
    writeFileSync(join(dir, 'asked'), looks.map((one) => `${JSON.stringify(one)}\n`).join(''));
    take(['__look']);
    writeFileSync(join(dir, 'etc/nix/nix.conf'), '');
    take(['apply', '--yes', '--spec', yaml, ...there]);
    const heads = [];
    const bodies = [];
    let at = HEAD;
    for (const [part, source] of parts.entries()) {
      const compiled = best[part] ?? Buffer.alloc(0);
      const body = Buffer.concat([compiled, Buffer.from(source)]);
      heads.push([at, compiled.length, source.length, checksum(body)]);
      bodies.push(body);
      at += body.length;
    }
    return Buffer.concat([Buffer.from(JSON.stringify({ build, parts: heads }).padEnd(HEAD)), ...bodies]);
  } catch (thrown) {
    // No git here, for one.
    console.error(`build: no dist/reflake.cache: ${thrown.message}`);
    return undefined;
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** The same sum as in scripts/start.cjs. */
function checksum(bytes) {
  let sum = bytes.length;
  for (let at = 0; at + 4 <= bytes.length; at += 256)
    sum = Math.imul(sum ^ bytes.readInt32LE(at), 0x01000193) + (sum >>> 15);
  return sum >>> 0;
}

/** V8's code of each part at the end of a run of reflake in `dir` with these arguments: part to bytes. */
function compiledBy(args, dir) {
  const observer = join(dir, 'observer.cjs');
  const out = mkdtempSync(join(dir, 'compiled-'));
  writeFileSync(
    observer,
    `const vm = require('node:vm');
    const { createHash } = require('node:crypto');
    const { writeFileSync } = require('node:fs');
    const scripts = [];
    vm.Script = class extends vm.Script {
      constructor(source, { filename }) {
        super(source, { filename });
        scripts.push([createHash('sha256').update(source).digest('hex'), this]);
      }
    };
    // A cache made under other flags than the program starts with would be refused.
    require('node:v8').setFlagsFromString = () => {};
    // What an ordinary user's plan needs, also where root builds; who applies may be root.
    if (${args[0] !== 'apply'}) process.geteuid = () => 1000;
    const save = () => {
      for (const [name, script] of scripts) writeFileSync(${JSON.stringify(`${out}/`)} + name, script.createCachedData());
    };
    process.on('exit', save);
    // The second thread is ended where it stands, once it has said its exit code.
    const { isMainThread, parentPort } = require('node:worker_threads');
    if (!isMainThread) {
      const { postMessage } = parentPort;
      parentPort.postMessage = (said) => {
        if ('exit' in said) save();
        postMessage.call(parentPort, said);
      };
    }`,
  );
  const env = { PATH: process.env.PATH, HOME: dir };
  const argv = ['--require', observer, `${root}dist/reflake.cjs`, ...args];
  const asked = openSync(join(dir, args[0] === '__look' ? 'asked' : 'reflake.yaml'), 'r');
  const answered = openSync('/dev/null', 'w');
  const stdio = ['ignore', 'ignore', 'pipe', asked, answered];
  const { status, stderr } = spawnSync(process.execPath, argv, { cwd: dir, env, stdio, encoding: 'utf8' });
  for (const fd of [asked, answered]) closeSync(fd);
  // An apply may lack a tool here; then its code is compiled when it runs.
  if (status !== 0 && args[0] !== 'apply') throw new Error(`${args[0]} ended with ${status}: ${stderr}`);
  return parts.flatMap((source, part) => {
    const file = join(out, digest(source));
    return existsSync(file) ? [[part, readFileSync(file)]] : [];
  });
}

/** Loads modules of Node that not every run needs at the first call of one of their functions. */
function lazyBuiltins(esbuild) {
  const LAZY = {
    'node:child_process': ['spawn', 'spawnSync'],
    'node:crypto': ['createHash', 'randomBytes'],
    'node:zlib': ['inflateSync'],
  };
  esbuild.onResolve({ filter: /^node:(child_process|crypto|zlib)$/ }, ({ path, importer }) =>
    importer.includes('node_modules/') ? { path, external: true } : { path, namespace: 'lazy' },
  );
  esbuild.onLoad({ filter: /.*/, namespace: 'lazy' }, ({ path }) => ({
    contents: LAZY[path]
      .map(
        (name) =>
          `export const ${name} = (...args) => process.getBuiltinModule(${JSON.stringify(path)}).${name}(...args);`,
      )
      .join('\n'),
  }));
}

// Replaces parts of yargs: its string-width takes a third of its start-up for a regular expression of all emoji, and ours
// measures the same; it uses two functions of node:assert, which loads Node's streams.
function replaceHeavy(esbuild) {
  const ours = {
    'string-width': "export { stringWidth as default } from './cmd/report/width.ts';",
    assert: ['notStrictEqual', 'strictEqual'].map(assertion).join(''),
  };
  // yargs renders the help of every command it runs, for handlers that show it later; ours don't.
  esbuild.onLoad({ filter: /yargs\/build\/lib\/command\.js$/ }, ({ path }) => {
    const text = readFileSync(path, 'utf8');
    const call = 'yargs.getInternalMethods().getUsageInstance().cacheHelpMessage();';
    if (!text.includes(call)) throw new Error(`${path}: another yargs than scripts/build.mjs knows`);
    return { contents: text.replace(call, '') };
  });
  esbuild.onResolve({ filter: /^(string-width|assert)$/ }, ({ path }) => ({ path, namespace: 'ours' }));
  esbuild.onLoad({ filter: /.*/, namespace: 'ours' }, ({ path }) => ({
    contents: ours[path],
    resolveDir: root,
    loader: 'ts',
  }));
}

function assertion(name) {
  const same = name === 'strictEqual';
  return `export const ${name} = (a: unknown, b: unknown, message?: string | Error): void => {
    if (Object.is(a, b) === ${same}) return;
    throw message instanceof Error ? message : new Error(message);
  };`;
}

function digest(content) {
  return createHash('sha256').update(content).digest('hex');
}

function kib(content) {
  return (content.length / 1024).toFixed(0);
}
