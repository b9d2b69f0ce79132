// Bundles tests/boundary/main.ts, the oracle, and runs it:
//   node scripts/boundary.mjs [--runs N] [--seed N] [--scene WORDS] [--root] [--verbose]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleTests, root } from './bundle.mjs';

const work = mkdtempSync(join(tmpdir(), 'reflake-boundary-'));
process.on('exit', () => rmSync(work, { recursive: true, force: true }));
const program = join(work, 'main.mjs');
await bundleTests('tests/boundary/main.ts', program);
const { status } = spawnSync(process.execPath, [program, ...process.argv.slice(2)], { stdio: 'inherit', cwd: root });
process.exitCode = status ?? 1;
