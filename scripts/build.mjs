// Builds dist/reflake.cjs: one file without dependencies. execa, diff and yaml stay lazy inside it.
import { chmodSync, mkdirSync, renameSync } from 'node:fs';
import { build } from 'esbuild';

const root = new URL('..', import.meta.url).pathname;
mkdirSync(`${root}dist`, { recursive: true });
// To a name of its own first: tests and a demo may be running the old one.
const out = `${root}dist/reflake.${process.pid}.tmp.cjs`;
const { metafile } = await build({
  entryPoints: [`${root}cmd/bin.ts`],
  outfile: out,
  bundle: true,
  minify: true,
  metafile: true,
  platform: 'node',
  target: 'node20.19',
  format: 'cjs',
  legalComments: 'none',
  plugins: [{ name: 'string-width', setup: replaceStringWidth }],
  // yargs looks for itself by import.meta.url, which CommonJS has not.
  define: { 'import.meta.url': '__here' },
  banner: { js: "#!/usr/bin/env node\nconst __here=require('node:url').pathToFileURL(__filename).href;" },
});
chmodSync(out, 0o755);
renameSync(out, `${root}dist/reflake.cjs`);
const [{ bytes }] = Object.values(metafile.outputs);
if (process.argv.includes('--sizes')) console.log(`dist/reflake.cjs ${(bytes / 1024).toFixed(0)} KiB`);

// string-width costs a third of the start-up of yargs, for a regular expression of all emoji; ours measures the same.
function replaceStringWidth(esbuild) {
  esbuild.onResolve({ filter: /^string-width$/ }, () => ({ path: 'width', namespace: 'ours' }));
  esbuild.onLoad({ filter: /.*/, namespace: 'ours' }, () => ({
    contents: "export { stringWidth as default } from './cmd/report/width.ts';",
    resolveDir: root,
    loader: 'ts',
  }));
}
