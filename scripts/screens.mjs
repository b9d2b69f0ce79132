// Writes docs/screens.md: what the program shows, made by running it on a temporary machine with real Nix, at a terminal of 80
// columns. Blocks in docs/tutorial.md and README.md behind `<!-- screen NAME -->` are filled too. `--check` writes nothing and
// exits 1 where one is stale. What differs from run to run (ids, times, sizes) is written as in the first run ever.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = new URL('..', import.meta.url).pathname;
const NIXPKGS = 'path:/opt/reflake/tests/fixtures/nixpkgs';

/**
 * In the order of a first hour. `run`: what is typed, as srid. `quietly`: done before, by root, and not shown. `answers`: to
 * questions, in their order. `columns`: of the terminal.
 */
const SCREENS = [
  { name: 'short', title: 'The program alone', run: 'reflake' },
  { name: 'doctor', title: 'Is everything there?', run: 'sudo reflake doctor' },
  {
    name: 'no-spec',
    title: 'Without a spec',
    run: 'reflake plan',
    text: 'Every command that needs a spec says how to get one.',
  },
  {
    name: 'init',
    title: 'init asks, and each answer is checked at once',
    run: `sudo reflake init --nixpkgs ${NIXPKGS}`,
    answers: ['', '', '', 'somebody', '', '', '', ''],
  },
  { name: 'validate', title: 'validate', run: 'reflake validate' },
  {
    name: 'wrong',
    title: 'A spec with mistakes',
    quietly:
      'sed "s/^features:.*/feature: [flakes]/; s/x86_64-linux/x86-64_linux/" ~srid/reflake.yaml > /tmp/wrong.yaml; chmod 644 /tmp/wrong.yaml',
    run: 'reflake validate --spec /tmp/wrong.yaml',
  },
  { name: 'plan', title: 'plan', run: 'reflake plan' },
  { name: 'plan-60', title: 'The same at 60 columns', run: 'reflake plan', columns: 60 },
  { name: 'plan-lines', title: 'The same in a pipe', run: 'reflake plan | cat' },
  { name: 'no', title: 'No is no', run: 'sudo reflake apply', answers: ['no'] },
  { name: 'apply', title: 'apply', run: 'sudo reflake apply', answers: ['yes'] },
  { name: 'status', title: 'status', run: 'reflake status' },
  { name: 'check', title: 'check', run: 'reflake check' },
  {
    name: 'drift',
    title: 'Drift',
    quietly: 'sed -i "s/ \\"flakes\\"//" ~srid/nixos-config/configuration.nix; chown root ~srid/nixos-config/flake.nix',
    run: 'reflake check',
  },
  { name: 'why', title: 'One wish whole', run: 'reflake why config.owner' },
  { name: 'diff', title: 'Every byte', run: 'reflake plan --diff --only features' },
  { name: 'repair', title: 'Repaired', run: 'sudo reflake apply', answers: ['yes'] },
  { name: 'history', title: 'history', run: 'reflake history' },
  { name: 'show', title: 'show', run: 'sudo reflake show 1' },
  {
    name: 'rollback',
    title: 'rollback shows what it would do, and asks',
    run: 'sudo reflake rollback',
    answers: ['no'],
  },
  { name: 'rollback-all', title: 'All the way back', run: 'sudo reflake rollback --to 0', answers: ['yes'] },
  { name: 'eject', title: 'What reflake has left', run: 'sudo reflake eject', answers: ['yes'] },
  { name: 'explain', title: 'The page of a code', run: 'reflake explain RF2003' },
  { name: 'typo', title: 'A word that another tool knows', run: 'reflake undo' },
  { name: 'help', title: 'Help', run: 'reflake help rollback' },
];

const machine = mkdtempSync(join(tmpdir(), 'reflake-screens-'));
const stale = [];
try {
  const made = spawnSync(`${root}scripts/machine.sh`, [machine, '--nixos'], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`machine.sh: ${made.stderr}`);
  const screens = new Map();
  for (const screen of SCREENS) screens.set(screen.name, await shown(screen));
  keep('docs/screens.md', page(screens));
  for (const file of ['docs/tutorial.md', 'README.md'])
    keep(file, filled(readFileSync(root + file, 'utf8'), screens, file));
} finally {
  rmSync(machine, { recursive: true, force: true });
}
if (stale.length > 0 && process.argv.includes('--check')) {
  console.error(`stale: ${stale.join(', ')}; run node scripts/screens.mjs`);
  process.exitCode = 1;
} else console.log(stale.length === 0 ? 'the screens are current' : `written: ${stale.join(', ')}`);

function keep(file, text) {
  if (readFileSync(root + file, { encoding: 'utf8', flag: 'a+' }) === text) return;
  stale.push(file);
  if (!process.argv.includes('--check')) writeFileSync(root + file, text);
}

function page(screens) {
  const parts = SCREENS.map(({ name, title, text }) =>
    [`## ${title}`, ...(text === undefined ? [] : ['', text]), '', block(screens.get(name))].join('\n'),
  );
  return `# Screens

What reflake shows in a first hour, at a terminal of 80 columns, on a machine as the graphical installer leaves it. Made by
\`node scripts/screens.mjs\`, which runs the program; do not edit. The machine's nixpkgs is a miniature that lies on its disk; yours
says \`github:NixOS/nixpkgs/…\`. Colours are left out.

${parts.join('\n\n')}
`;
}

function block(text) {
  return ['```', text, '```'].join('\n');
}

/** The text with each block behind its mark. */
function filled(text, screens, file) {
  return text.replace(/<!-- screen ([\w-]+) -->\n```\n(?:[\s\S]*?\n)??```/g, (_, name) => {
    if (!screens.has(name)) throw new Error(`${file} names the screen ${name}, which nobody makes`);
    return `<!-- screen ${name} -->\n${block(screens.get(name))}`;
  });
}

async function shown({ run, quietly, answers = [], columns = 80 }) {
  if (quietly !== undefined) await enter(['--', 'sh', '-euc', quietly]);
  const isRoots = run.startsWith('sudo ');
  const typed = `stty cols ${columns} rows 200; PAGER= NO_COLOR=1; export PAGER NO_COLOR; ${run.replace(/^sudo /, '')}`;
  const who = isRoots ? '--sudo' : '--user';
  const screen = await enter([who, 'srid', '--', 'script', '-qec', typed, '/dev/null'], answers);
  return `$ ${run}\n${plain(screen)}`;
}

/** Runs it on the machine; answers each question that ends what was said. */
function enter(argv, answers = []) {
  const child = spawn(`${root}scripts/enter.sh`, [machine, ...argv]);
  let said = '';
  let from = 0;
  const rest = [...answers];
  child.stdout.on('data', (bytes) => {
    said += bytes.toString('utf8');
    if (rest.length === 0 || !/(\]|\?|\w): (\x1b\[\d*G)?$/.test(said.slice(from))) return;
    from = said.length;
    child.stdin.write(`${rest.shift()}\n`);
  });
  child.stdin.on('error', () => {});
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', () => resolve(said));
  });
}

/** What a reader sees in the end: without the lines that were drawn over, and with what differs between runs as it once was. */
function plain(screen) {
  return screen
    .replaceAll('\r\n', '\n')
    .split('\n')
    .map((line) =>
      line
        .replace(/.*\r?\x1b\[K/g, '')
        .replace(/\x1b\[[0-9;]*[A-Za-z]/g, '')
        .trimEnd(),
    )
    .join('\n')
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, '2026-11-30T10:12:00Z')
    .replace(/\b20\d{6}(?=\.)/g, '20261130')
    .replace(/\(20\d\d-\d\d-\d\d\)/g, '(2026-11-22)')
    .replace(/\b\d+\.\ds\b/g, '0.4s')
    .replace(/\(\d+\.\d\d s\)/g, '(0.04 s)')
    .replace(/\d+(\.\d+)? GiB/g, '72 GiB')
    .replace(/sha256-[\w+/]{8,}/g, 'sha256-57m6Q7jqyQvV')
    .replace(/(plan |Plan )[0-9a-f]{8}\b/g, '$15f48fce2')
    .replace(/\b[0-9a-z]{7}…-/g, 'sf9wrz1…-')
    .replace(/^( *\S+ node +)\d+\.\d+\.\d+$/gm, '$120.19.4')
    .replace(/^( *\S+ git +)\d+\.\d+\.\d+$/gm, '$12.39.5')
    .trimEnd();
}
