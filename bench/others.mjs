// The programs that reflake is compared with: each with a command that looks at as much and changes nothing, or with the reason
// why it can't be measured here.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** A command of Nix with the same `env`, offline in every version. */
export function nix(env, args, name, program = 'nix') {
  const argv = [program, '--offline', '--extra-experimental-features', 'nix-command flakes', ...args];
  return tried(name, { argv, env });
}

/** As `nix`, of the Nix in PATH and of those that scripts/nix-versions.sh has unpacked; each says its version. */
export function nixes(env, args, name) {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  const unpacked = process.env.REFLAKE_NIX_VERSIONS ?? join(cache, 'reflake-nix');
  const programs = [
    'nix',
    ...VERSIONS.map((version) => join(unpacked, version, 'bin/nix')).filter((file) => existsSync(file)),
  ];
  return programs.map((program) => {
    const { stdout } = spawnSync(program, ['--version'], { env, encoding: 'utf8' });
    const [version = ''] = / [0-9][0-9.]*/.exec(stdout ?? '') ?? [];
    return nix(env, args, `nix${version} ${name}`, program);
  });
}

const VERSIONS = ['2.26', '2.34'];

/** `count` resources of the kind that is built in, applied, so that a plan finds nothing to do. */
export function terraform(env, dir, count) {
  const name = `terraform plan, ${count} resources`;
  const quiet = {
    ...env,
    CHECKPOINT_DISABLE: '1',
    TF_IN_AUTOMATION: '1',
    TF_CLI_CONFIG_FILE: join(dir, 'terraformrc'),
  };
  writeFileSync(join(dir, 'terraformrc'), '');
  writeFileSync(
    join(dir, 'main.tf'),
    `resource "terraform_data" "one" {\n  count = ${count}\n  input = "value \${count.index}"\n}\n`,
  );
  const at = { env: quiet, cwd: dir };
  for (const args of [['init'], ['apply', '-auto-approve']]) {
    const ready = tried(name, { argv: ['terraform', ...args, '-input=false'], ...at });
    if (ready.why) return ready;
  }
  return tried(name, { argv: ['terraform', 'plan', '-input=false', '-detailed-exitcode'], ...at });
}

/** `count` files that are already as wished. */
export function ansible(env, dir, count) {
  const name = `ansible-playbook --check, ${count} files`;
  mkdirSync(join(dir, 'files'));
  const files = Array.from({ length: count }, (_, index) => join(dir, 'files', `file-${index}`));
  for (const file of files) writeFileSync(file, `content of ${file}`);
  const tasks = files.map((dest) => ({ 'ansible.builtin.copy': { dest, content: `content of ${dest}` } }));
  // YAML reads JSON.
  writeFileSync(
    join(dir, 'play.yml'),
    JSON.stringify([{ hosts: 'localhost', connection: 'local', gather_facts: false, tasks }]),
  );
  const argv = ['ansible-playbook', '--check', '--inventory', 'localhost,', 'play.yml'];
  return tried(name, { argv, env, cwd: dir });
}

/** The command with its name if it runs; else the reason it does not. */
function tried(name, command) {
  const [program, ...args] = command.argv;
  const { error, status, stdout, stderr } = spawnSync(program, args, { ...command, encoding: 'utf8' });
  if (error) return { name, why: error.code === 'ENOENT' ? 'not installed' : `not usable: ${error.message}` };
  if (status !== 0) return { name, why: `not usable here: ${`${stderr}${stdout}`.trim().split('\n')[0]}` };
  return { name, command };
}
