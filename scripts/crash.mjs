// Bundles tests/crash/run.ts, which runs the crash tests, and runs it:
//   node scripts/crash.mjs [--all] [--only WORDS] [--write-docs]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const work = mkdtempSync(join(tmpdir(), 'reflake-crash-'));
process.on('exit', () => rmSync(work, { recursive: true, force: true }));
// One file of the sources; each keeps its own place, beside which it looks for its fixtures.
const place = {
  name: 'place',
  setup: ({ onLoad }) =>
    onLoad({ filter: /\.m?ts$|nar-build\.mjs$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href)),
      loader: 'ts',
    })),
};
const program = join(work, 'run.mjs');
await build({
  entryPoints: [join(root, 'tests/crash/run.ts')],
  outfile: program,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.19',
  plugins: [place],
  banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  logLevel: 'warning',
});
const { status } = spawnSync(process.execPath, [program, ...process.argv.slice(2)], { stdio: 'inherit', cwd: root });
process.exitCode = status ?? 1;
