// Compares reflake with the Nixes on this machine (the installed one, and those of scripts/nix-versions.sh), area by area,
// and prints how often they agree. Fails where they do not, unless the difference is a known one (docs/nix.md).
//   node scripts/agreement.mjs [--all] [--write-docs] [--only WORD]
// It compares a sample (tests/nix/sample.ts); --all compares everything, and so does --write-docs.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { bundleTests, root } from './bundle.mjs';

const page = join(root, 'docs/nix.md');
const args = process.argv.slice(2);
const only = args.includes('--only') ? args[args.indexOf('--only') + 1] : '';
const extent = ['--all', '--write-docs'].some((flag) => args.includes(flag)) ? 'all' : 'sample';
const cache = process.env.XDG_CACHE_HOME || join(process.env.HOME ?? '', '.cache');
const versions = process.env.REFLAKE_NIX_VERSIONS || join(cache, 'reflake-nix');

const work = mkdtempSync(join(tmpdir(), 'agreement-'));
process.on('exit', () => rmSync(work, { recursive: true, force: true }));
const program = join(work, 'main.mjs');
await bundleTests('tests/nix/main.ts', program);
const [areas] = await run('', []);
const nixes = ['', ...['2.26', '2.34'].map((name) => join(versions, name, 'bin'))].filter(isThere);
const jobs = areas.filter((area) => area.includes(only)).flatMap((area) => nixes.map((nix) => ({ area, nix })));
const results = await all(jobs);
report();

function isThere(bin) {
  if (bin === '' || existsSync(join(bin, 'nix'))) return true;
  console.log(`no Nix in ${bin}: run scripts/nix-versions.sh to compare with it too`);
  return false;
}

/** As many at once as there are processors, in order. */
async function all(list) {
  const answers = [];
  let next = 0;
  const worker = async () => {
    while (next < list.length) {
      const at = next++;
      const started = Date.now();
      const [answer] = await run(list[at].nix, [list[at].area, extent]);
      const seconds = ((Date.now() - started) / 1000).toFixed(0);
      answers[at] = { ...list[at], ...answer };
      console.log(`${answer.release}  ${list[at].area}: ${summary(answer)} (${seconds} s)`);
      for (const one of answer.disagreements.slice(0, 20)) console.log(`  ${one}`);
    }
  };
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), list.length) }, worker));
  return answers;
}

/** The lines of JSON that the program prints. */
function run(bin, words) {
  const env = { ...process.env, PATH: [bin, process.env.PATH].filter(Boolean).join(delimiter) };
  const child = spawn(process.execPath, [program, ...words], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (piece) => (out += piece));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0)
        resolve(
          out
            .trim()
            .split('\n')
            .map((line) => JSON.parse(line)),
        );
      else reject(new Error(`${words[0]} ended with ${code}`));
    });
  });
}

function total(counts) {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

function summary({ agree, differences, left, disagreements }) {
  const known = Object.entries(differences).map(([why, count]) => `, ${count} known: ${why}`);
  const undecided = Object.entries(left).map(([why, count]) => `, ${count} left to Nix: ${why}`);
  return `${agree} agree${[...known, ...undecided].join('')}, ${disagreements.length} disagree`;
}

function report() {
  const releases = [...new Set(results.map(({ release }) => release))];
  const wrong = results.reduce((sum, { disagreements }) => sum + disagreements.length, 0);
  const right = results.reduce((sum, { agree }) => sum + agree, 0);
  console.log(`Nix ${releases.join(', ')}: ${right} agreements, ${wrong} disagreements`);
  if (wrong > 0) process.exitCode = 1;
  else if (args.includes('--write-docs')) writeDocs(releases);
}

function writeDocs(releases) {
  if (only !== '' || nixes.length < 3) throw new Error('the table is written from all areas and all three versions');
  const rows = areas.map((area) => {
    const cells = releases.map((release) => {
      const found = results.find((one) => one.area === area && one.release === release);
      const { agree, differences, left } = found;
      const known = total(differences) > 0 ? `, ${total(differences)} known` : '';
      return agree + total(differences) + total(left) === 0
        ? '–'
        : `${agree}${known}${total(left) > 0 ? `, ${total(left)} left` : ''}`;
    });
    return `| ${[area, ...cells].join(' | ')} |`;
  });
  const why = (key) =>
    [...new Set(results.flatMap((one) => Object.keys(one[key]).map((reason) => `${one.area}\n${reason}`)))].map(
      (both) => {
        const [area, reason] = both.split('\n');
        const where = results.filter((one) => one.area === area && one[key][reason] !== undefined);
        return `- ${area}: ${reason} (${where.map((one) => `${one[key][reason]} in ${one.release}`).join(', ')})`;
      },
    );
  const table = [
    `| compared with the real Nix | ${releases.join(' | ')} |`,
    `|---|${releases.map(() => '---:|').join('')}`,
    ...rows,
    '',
    'Known differences between versions, where reflake says so or goes by 2.34:',
    '',
    ...why('differences'),
    '',
    'Left to Nix, and said to be:',
    '',
    ...why('left'),
  ];
  const text = readFileSync(page, 'utf8');
  const written = text.replace(
    /(?<=<!-- agreement -->\n)[\s\S]*(?=<!-- \/agreement -->)/,
    () => `\n${table.join('\n')}\n\n`,
  );
  writeFileSync(page, written);
  console.log(`wrote the table of docs/nix.md`);
}
