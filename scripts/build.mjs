// Builds dist/reflake.cjs: one file without dependencies, execa, diff and yaml lazy inside it. And dist/reflake.cache,
// the same compiled by this Node: the program starts faster beside it, and as well without it.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { makeMachine } from '../bench/machine.mjs';

const root = new URL('..', import.meta.url).pathname;
const { outputFiles } = await build({
  entryPoints: [`${root}cmd/bin.ts`],
  outfile: `${root}dist/reflake.cjs`,
  write: false,
  bundle: true,
  minify: true,
  platform: 'node',
  target: 'node20.19',
  format: 'cjs',
  charset: 'ascii',
  legalComments: 'none',
  plugins: [{ name: 'lighter', setup: replaceHeavy }],
  // yargs looks for itself by import.meta.url, which CommonJS has not.
  define: { 'import.meta.url': '__here' },
  // The program is no file of its own, and so can't import at run time.
  supported: { 'dynamic-import': false },
});
const source = `(function(require,module,exports,__filename){"use strict";const __here=require('node:url').pathToFileURL(__filename).href;${outputFiles[0].text}\n})`;
const program = digest(source);

// Runs the program as scripts/start.cjs does, and at the end keeps what V8 has compiled of it.
const COMPILE = `
const { readFileSync, writeFileSync } = require('node:fs');
const { Script } = require('node:vm');
const filename = process.argv[1];
// A cache made under other flags than the program starts with would be refused.
require('node:v8').setFlagsFromString = () => {};
const script = new Script(readFileSync('source.cjs', 'latin1'), { filename });
script.runInThisContext()(require, module, exports, filename);
process.on('exit', () => writeFileSync('cache', script.createCachedData()));
`;

mkdirSync(`${root}dist`, { recursive: true });
const started = withStart(source);
put('reflake.cjs', started, 0o755);
const cache = compiled();
if (cache === undefined) rmSync(`${root}dist/reflake.cache`, { force: true });
else put('reflake.cache', Buffer.concat([Buffer.from(program + digest(cache)), cache]), 0o644);
if (process.argv.includes('--sizes'))
  console.log(`dist/reflake.cjs ${kib(started)} KiB, dist/reflake.cache ${cache ? kib(cache) : 0} KiB`);

/** The program in the comments of scripts/start.cjs. All of it is ASCII: a character is a byte. */
function withStart(text) {
  const start = readFileSync(`${root}scripts/start.cjs`, 'utf8').replace('@program@', program);
  const begin = String(start.length + '//'.length).padStart('@begin@'.length);
  return `${start.replace('@begin@', begin)}//${text.replaceAll('\n', '\n//')}`;
}

/** Under a name of its own first: tests and a demo may be running the old one. */
function put(name, content, mode) {
  const temporary = `${root}dist/${name}.${process.pid}.tmp`;
  writeFileSync(temporary, content);
  chmodSync(temporary, mode);
  renameSync(temporary, `${root}dist/${name}`);
}

/** What V8 has compiled after a plan in sync, the command that is to be fast; undefined where none can be made here. */
function compiled() {
  const dir = mkdtempSync(join(tmpdir(), 'reflake-build-'));
  try {
    const { yaml } = makeMachine(dir, 3);
    writeFileSync(join(dir, 'source.cjs'), source);
    const env = { PATH: process.env.PATH, HOME: dir };
    const argv = ['-e', COMPILE, `${root}dist/reflake.cjs`, 'plan', '--root', dir, '--spec', yaml];
    const { status, stderr } = spawnSync(process.execPath, argv, { cwd: dir, env, encoding: 'utf8' });
    if (status === 0) return readFileSync(join(dir, 'cache'));
    console.error(`build: no dist/reflake.cache: ${stderr}`);
  } catch (thrown) {
    // No git here, for one.
    console.error(`build: no dist/reflake.cache: ${thrown.message}`);
  } finally {
    rmSync(dir, { recursive: true });
  }
  return undefined;
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
