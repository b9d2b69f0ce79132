// Measures the in-sync plan of an ordinary user on each Node at hand, with the cache of its own build, beside that Node alone.
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const project = new URL('..', import.meta.url).pathname;
/** The files that a build reads. */
const SOURCES = ['bench', 'cmd', 'core', 'providers', 'schemas', 'scripts', 'package.json', 'tsconfig.json'];

/** The place where scripts/node-24.sh puts Node 24. */
const NODE_24 = join(
  process.env.REFLAKE_NODE_24 ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'reflake-node-24'),
  'package/bin/node',
);

/**
 * `machine`: of bench/machine.mjs; `dir`: an empty directory. The commands that `compare` takes, by name, and what prints them:
 * title and rows by their costs.
 */
export function onEachNode({ root, yaml, env }, dir) {
  for (const at of [dir, join(dir, '..')]) chmodSync(at, 0o755);
  const nodes = [process.execPath, NODE_24].filter((node, at) => at === 0 || existsSync(node));
  const commands = {};
  const pairs = nodes.map((node, index) => {
    const built = buildBy(node, join(dir, String(index)));
    const name = `Node ${spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim().slice(1)}`;
    const at = { env, cwd: root };
    commands[`${name}: node -e 0`] = { argv: asUser([built.node, '-e', '0']), ...at };
    commands[`${name}: plan`] = {
      argv: asUser([built.node, built.program, 'plan', '--root', root, '--spec', yaml]),
      ...at,
    };
    return name;
  });
  const rows = (cost) =>
    pairs.flatMap((name) => {
      const [alone, plan] = [cost[`${name}: node -e 0`], cost[`${name}: plan`]];
      return [
        [`${name}: node -e 0`, alone, 1],
        [`${name}: plan, in sync`, plan, plan.cpu / alone.cpu, 2.5],
      ];
    });
  return { commands, rows, missing: nodes.length > 1 ? [] : [['Node 24', 'is not here: bash scripts/node-24.sh']] };
}

/** The program as this Node builds it, and the Node itself where everybody can run it. */
function buildBy(node, dir) {
  mkdirSync(dir);
  for (const name of SOURCES) cpSync(join(project, name), join(dir, name), { recursive: true });
  symlinkSync(join(project, 'node_modules'), join(dir, 'node_modules'));
  const { status, stderr } = spawnSync(node, [join(dir, 'scripts/build.mjs')], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the build by ${node}: ${stderr}`);
  // A Node in root's home can't be reached by another user.
  const reached = join(dir, 'node');
  copyFileSync(node, reached);
  return { node: reached, program: join(dir, 'dist/reflake.cjs') };
}

/** Root becomes the owner of the machine's tree. */
export const asUser = (argv) =>
  process.getuid() === 0 ? ['setpriv', '--reuid=1000', '--regid=100', '--clear-groups', '--', ...argv] : argv;
