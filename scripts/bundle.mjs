// Bundles a test program that runs outside jest into one file; `import.meta` of each source keeps its path, for its fixtures.
import { readFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

export const root = fileURLToPath(new URL('..', import.meta.url));

/** `entry`: a path from the top of the project; `outfile`: the path of the program. */
export async function bundleTests(entry, outfile) {
  const place = {
    name: 'place',
    setup: ({ onLoad }) =>
      onLoad({ filter: /\.m?ts$|nar-build\.mjs$/ }, ({ path }) => ({
        contents: readFileSync(path, 'utf8').replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href)),
        loader: 'ts',
      })),
  };
  await build({
    entryPoints: [`${root}${entry}`],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    plugins: [place],
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    logLevel: 'warning',
  });
}
