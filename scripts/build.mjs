// Builds dist/reflake.cjs: one file without dependencies, of two programs. What a plan in sync needs is in the one; what the
// sources import() on demand is in the other, which is read only then. And dist/reflake.cache, both as this Node compiled
// them: the program starts faster beside it, and as well without it.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { build } from 'esbuild';
import { makeMachine } from '../bench/machine.mjs';

const root = new URL('..', import.meta.url).pathname;
// The parser of the spec is needed each time, if the spec is YAML.
const AT_ONCE = ['yaml'];

// What yargs takes for its own place.
const HERE = 'const __here=require("node:url").pathToFileURL(__filename).href;';

/** What all of it is built with. */
const SETTINGS = {
  absWorkingDir: root,
  write: false,
  bundle: true,
  minify: true,
  metafile: true,
  platform: 'node',
  target: 'node20.19',
  format: 'cjs',
  charset: 'ascii',
  legalComments: 'none',
  // It does so by import.meta.url, which CommonJS has not.
  define: { 'import.meta.url': '__here' },
  // The program is no file of its own, and so can't import at run time.
  supported: { 'dynamic-import': false },
};

const programs = await split();
const text = withStart(programs);

mkdirSync(`${root}dist`, { recursive: true });
// Where its group can write the directory, scripts/start.cjs takes no cache from it.
chmodSync(`${root}dist`, 0o755);
put('reflake.cjs', text, 0o755);
const cache = compiled();
if (cache === undefined) rmSync(`${root}dist/reflake.cache`, { force: true });
else put('reflake.cache', cache, 0o644);
if (process.argv.includes('--sizes'))
  console.log(
    `dist/reflake.cjs ${kib(text)} KiB, of which ${kib(programs[0])} at once; dist/reflake.cache ${cache ? kib(cache) : 0} KiB`,
  );

/**
 * The program of what is imported from the start, and that of what is imported on demand: by `later:NAME` from the first,
 * while modules of ours in the first that the second needs too are `shared:FILE`, for none must be there twice.
 */
async function split() {
  const onDemand = new Map();
  const collect = (esbuild) =>
    esbuild.onResolve({ filter: /.*/ }, async ({ path, kind, resolveDir }) => {
      if (kind !== 'dynamic-import' || AT_ONCE.includes(path)) return undefined;
      const { path: file } = await esbuild.resolve(path, { kind: 'import-statement', resolveDir });
      onDemand.set(relative(root, file), file);
      return { path: `later:${relative(root, file)}`, external: true };
    });
  const firstOf = (contents) =>
    build({
      ...SETTINGS,
      stdin: { contents, resolveDir: root },
      plugins: [plugin(collect), plugin(lazyBuiltins), plugin(replaceHeavy)],
    });
  const atOnce = new Set(Object.keys((await firstOf("import './cmd/bin.ts';")).metafile.inputs));

  const shared = new Set();
  const share = (esbuild) =>
    esbuild.onResolve({ filter: /.*/ }, async ({ path, kind, resolveDir, pluginData }) => {
      if (kind === 'entry-point' || pluginData === 'resolving') return undefined;
      const { path: file } = await esbuild.resolve(path, { kind, resolveDir, pluginData: 'resolving' });
      const name = relative(root, file);
      if (!atOnce.has(name) || name.includes('node_modules/')) return undefined;
      shared.add(name);
      return { path: `shared:${name}`, external: true };
    });
  // esbuild sees no further modules on demand in a second look at the same: what these import on demand is among them.
  const entries = [...onDemand].map(
    ([name, file]) => `${JSON.stringify(name)}: () => require(${JSON.stringify(file)})`,
  );
  const later = await build({
    ...SETTINGS,
    stdin: { contents: `module.exports = {${entries.join(',\n')}};`, resolveDir: root },
    plugins: [plugin(share), plugin(replaceHeavy)],
  });
  const names = [...shared].sort();
  const imports = names.map((name, index) => `import * as shared${index} from ${JSON.stringify(`./${name}`)};`);
  const list = names.map((name, index) => `${JSON.stringify(name)}: shared${index}`);
  const first = await firstOf(
    `${imports.join('\n')}\nimport './cmd/bin.ts';\nexport const shared = {${list.join(', ')}};`,
  );
  // esbuild takes what is not in its bundle for CommonJS, whose default export would be all of it.
  const asModule = (text) => text.replace(/[\w$]+\((require\("later:[^"]+"\)), ?1\)/g, '$1');
  return [asModule(first.outputFiles[0].text), HERE + later.outputFiles[0].text].map(
    (text) => `(function(require,module,exports,__filename){"use strict";${text}\n})`,
  );
}

function plugin(setup) {
  return { name: setup.name, setup };
}

/** The programs in the comments of scripts/start.cjs. */
function withStart(programs) {
  let start = readFileSync(`${root}scripts/start.cjs`, 'utf8');
  const bodies = programs.map((program) => `//${deflateRawSync(program, { level: 9 }).toString('base64')}\n`);
  programs.forEach((program, index) => {
    start = start.replace(`@digest${index}@`, digest(program));
  });
  let at = start.length;
  bodies.forEach((body, index) => {
    // Without the slashes before it and the end of its line; and no digit more than there is place for.
    start = start
      .replace(`@begin${index}@`, String(at + 2).padStart(`@begin${index}@`.length))
      .replace(`@length${index}@`, String(body.length - 3).padStart(`@length${index}@`.length));
    at += body.length;
  });
  return start + bodies.join('');
}

/** Under a name of its own first: tests and a demo may be running the old one. */
function put(name, content, mode) {
  const temporary = `${root}dist/${name}.${process.pid}.tmp`;
  writeFileSync(temporary, content);
  chmodSync(temporary, mode);
  renameSync(temporary, `${root}dist/${name}`);
}

/**
 * The programs and what V8 has compiled of them: of what is needed at once after a plan in sync, the command that is to be
 * fast, of what is imported on demand after the help. As scripts/start.cjs reads it; undefined where none can be made here.
 */
function compiled() {
  const dir = mkdtempSync(join(tmpdir(), 'reflake-build-'));
  try {
    const { yaml } = makeMachine(dir, 3);
    const runs = [['plan', '--root', dir, '--spec', yaml], ['--help']];
    const parts = runs.map((args, index) => [compiledBy(args, index, dir), Buffer.from(programs[index])]);
    const sections = parts.map((two) => Buffer.concat(two));
    let at = sections.length * (64 + 64 + 8 + 8 + 8);
    const heads = sections.map((section, index) => {
      const numbers = [at, ...parts[index].map(({ length }) => length)].map((number) => String(number).padStart(8));
      const head = digest(programs[index]) + digest(section) + numbers.join('');
      at += section.length;
      return head;
    });
    return Buffer.concat([Buffer.from(heads.join('')), ...sections]);
  } catch (thrown) {
    // No git here, for one.
    console.error(`build: no dist/reflake.cache: ${thrown.message}`);
    return undefined;
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** What is compiled of a program when reflake, run in `dir` with these arguments, is at its end. */
function compiledBy(args, index, dir) {
  const observer = join(dir, 'observer.cjs');
  const file = join(dir, `compiled-${index}`);
  writeFileSync(
    observer,
    `const vm = require('node:vm');
    const scripts = [];
    vm.Script = class extends vm.Script {
      constructor(source, { filename }) {
        super(source, { filename });
        scripts.push(this);
      }
    };
    // A cache made under other flags than the program starts with would be refused.
    require('node:v8').setFlagsFromString = () => {};
    // What an ordinary user's plan needs, also where root builds.
    process.geteuid = () => 1000;
    process.on('exit', () => require('node:fs').writeFileSync(${JSON.stringify(file)}, scripts[${index}].createCachedData()));`,
  );
  const env = { PATH: process.env.PATH, HOME: dir };
  const argv = ['--require', observer, `${root}dist/reflake.cjs`, ...args];
  const { status, stderr } = spawnSync(process.execPath, argv, { cwd: dir, env, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return readFileSync(file);
}

/** Modules of Node that a plan in sync may do without are loaded when something of them is asked for. */
function lazyBuiltins(esbuild) {
  const LAZY = {
    'node:child_process': ['spawn', 'spawnSync'],
    'node:zlib': ['inflateSync'],
  };
  esbuild.onResolve({ filter: /^node:(child_process|zlib)$/ }, ({ path, namespace }) =>
    namespace === 'lazy' ? { path, external: true } : { path, namespace: 'lazy' },
  );
  esbuild.onLoad({ filter: /.*/, namespace: 'lazy' }, ({ path }) => ({
    contents: LAZY[path]
      .map((name) => `export const ${name} = (...args) => require(${JSON.stringify(path)}).${name}(...args);`)
      .join('\n'),
  }));
}

// yargs in our bundle: its string-width costs a third of its start-up for a regular expression of all emoji, ours measures
// the same; node:assert, of which it wants two functions, brings the streams of Node with it.
function replaceHeavy(esbuild) {
  const ours = {
    'string-width': "export { stringWidth as default } from './cmd/report/width.ts';",
    assert: ['notStrictEqual', 'strictEqual'].map(assertion).join(''),
  };
  // It renders the help of every command it runs, for handlers that show it later; ours don't.
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
