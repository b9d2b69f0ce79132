// Measures the NAR hash of 10,000 files beside `nix hash path` of every Nix at hand, and its share of `reflake check`.
import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeMachine } from './machine.mjs';
import { nixes } from './others.mjs';

/**
 * Tables of [title, rows] about the modules of a machine, which lie in directories of one level. Each program is also measured
 * with nothing to hash, since starting Node with its cryptography costs another sum than starting Nix.
 */
export async function narTables({ root, dir, env }, { reflake, bundled, measured, fresh }) {
  const tree = join(dir, 'modules');
  const empty = fresh('empty');
  const at = { env, cwd: root };
  // Built and started as dist/reflake.cjs is: bundled and minified, V8 with the same flags.
  const [, flags] = /setFlagsFromString\('([^']+)'\)/.exec(
    readFileSync(new URL('../cmd/first-thread.ts', import.meta.url), 'utf8'),
  );
  const program = await bundled(
    'hash',
    `import { writeSync } from 'node:fs';
    import { setFlagsFromString } from 'node:v8';
    import { hashTree } from './core/host/disk/nar-walk.ts';
    if (process.versions.node.startsWith('20.')) setFlagsFromString('${flags}');
    writeSync(1, hashTree(process.argv[2]) + '\\n');`,
  );
  const calls = join(fresh('calls'), 'calls.cjs');
  writeFileSync(calls, callsAlone(flags));
  const ours = (path) => ({ argv: [process.execPath, program, path], ...at });
  const hashOf = (path) => execFileSync(process.execPath, [program, path], { encoding: 'utf8' }).trim();
  const check = (name, path) => {
    const { root, env, yaml } = withPathInput(fresh(name), path, hashOf(path));
    return { argv: [process.execPath, reflake, 'check', '--root', root, '--spec', yaml], env, cwd: root };
  };
  const onEmpty = nixes(env, ['hash', 'path', empty], 'hash path');
  const theirs = nixes(env, ['hash', 'path', tree], 'hash path');
  const usable = theirs.filter(({ command }) => command !== undefined);
  const cost = measured({
    hashTree: ours(tree),
    'hashTree, empty': ours(empty),
    calls: { argv: [process.execPath, calls, tree], ...at },
    check: check('input', tree),
    'check, empty': check('no-input', empty),
    ...Object.fromEntries(usable.map(({ name, command }) => [name, command])),
    ...Object.fromEntries(
      onEmpty.filter(({ command }) => command).map(({ name, command }) => [`${name}, empty`, command]),
    ),
  });
  const added = (name, value) => cost[name][value] - cost[`${name}, empty`][value];
  const both = (title, name) => [
    [title, cost[name], cost[name].rss / cost[`${name}, empty`].rss],
    [`${title}, an empty one`, cost[`${name}, empty`], 1],
  ];
  return [
    [
      'The NAR hash of 10,000 files, hashTree in a program of its own; peak memory as a multiple of that without files',
      [
        ...both('hashTree', 'hashTree'),
        ['the calls of Node alone', cost.calls, cost.calls.rss / cost['hashTree, empty'].rss],
        ...both('check, as a path: input', 'check'),
        ...theirs.flatMap(({ name, why }) => (why ? [[name, why]] : both(name, name))),
      ],
    ],
    ...usable.map(({ name }) => [
      `As a multiple of ${name}`,
      [
        ['CPU time, whole processes', undefined, cost.hashTree.cpu / cost[name].cpu, 1],
        ['time by the clock, whole processes', undefined, cost.hashTree.wall / cost[name].wall, 1],
        ['CPU time, what 10,000 files add', undefined, added('hashTree', 'cpu') / added(name, 'cpu'), 1],
        ['by the clock, what 10,000 files add', undefined, added('hashTree', 'wall') / added(name, 'wall'), 1],
        ['CPU time, the calls of Node alone', undefined, cost.calls.cpu / cost[name].cpu],
        ['CPU time, what they add to check', undefined, added('check', 'cpu') / added(name, 'cpu')],
      ],
    ]),
  ];
}

/** The least that a program in Node can do to hash as many files: it makes no NAR, and knows this tree only. */
function callsAlone(flags) {
  return `const { closeSync, constants, fstatSync, openSync, readdirSync, readSync } = require('node:fs');
  const { createHash } = require('node:crypto');
  if (process.versions.node.startsWith('20.')) require('node:v8').setFlagsFromString('${flags}');
  const buffer = Buffer.allocUnsafeSlow(1 << 18);
  const hash = createHash('sha256');
  const tree = process.argv[2];
  let used = 0;
  for (const dir of readdirSync(tree)) {
    for (const name of readdirSync(tree + '/' + dir)) {
      const fd = openSync(tree + '/' + dir + '/' + name, constants.O_RDONLY | constants.O_NOFOLLOW, 0);
      const { size } = fstatSync(fd);
      if (used + size > buffer.length) {
        hash.update(buffer.subarray(0, used));
        used = 0;
      }
      used += readSync(fd, buffer, used, size, -1);
      closeSync(fd);
    }
  }
  hash.update(buffer.subarray(0, used)).digest('base64');`;
}

/** A machine of 60 modules whose flake has a copy of `tree` as an input, locked by its hash. */
function withPathInput(root, tree, narHash) {
  const machine = makeMachine(root, 60);
  const path = '/srv/tree';
  cpSync(tree, `${root}${path}`, { recursive: true });
  const edit = (name, change) => {
    const file = join(machine.dir, name);
    writeFileSync(file, change(readFileSync(file, 'utf8')));
  };
  edit('flake.nix', (text) => text.replace('{\n', `{\n  inputs.tree = { url = "path:${path}"; flake = false; };\n`));
  edit('flake.lock', (text) => {
    const lock = JSON.parse(text);
    lock.nodes.root.inputs.tree = 'tree';
    lock.nodes.tree = {
      flake: false,
      locked: { lastModified: 1700000000, narHash, path, type: 'path' },
      original: { path, type: 'path' },
    };
    return `${JSON.stringify(lock, null, 2)}\n`;
  });
  return machine;
}
