// Bundles tests/crash/run.ts, which runs the crash tests, and runs it:
//   node scripts/crash.mjs [--all] [--only WORDS] [--write-docs]
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleTests, root } from './bundle.mjs';

const work = mkdtempSync(join(tmpdir(), 'reflake-crash-'));
process.on('exit', () => rmSync(work, { recursive: true, force: true }));
const program = join(work, 'run.mjs');
await bundleTests('tests/crash/run.ts', program);
const { status } = spawnSync(process.execPath, [program, ...process.argv.slice(2)], { stdio: 'inherit', cwd: root });
process.exitCode = status ?? 1;
