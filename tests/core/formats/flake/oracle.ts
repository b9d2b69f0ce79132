// Real Nix as the judge of flake.nix files: what it evaluates them to, with inputs that stand for real ones.
// The only place of these tests that runs nix-instantiate; it writes below a scratch directory.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { FlakeWish } from '../../../../core/formats/flake/wish.ts';
import { plainModule } from '../../../../core/formats/flake-hosts/module-item.ts';

/** A new directory; the caller removes it. */
export function newScratch(): string {
  return mkdtempSync(join(tmpdir(), 'flake-'));
}

/** Writes each text to `<scratch>/<folder>/<index>/flake.nix`; gives the directories. */
export function writeFlakes(scratch: string, folder: string, texts: readonly string[]): string[] {
  return texts.map((text, i) => {
    const dir = join(scratch, folder, String(i));
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, 'flake.nix'), text);
    return dir;
  });
}

/** The value of a Nix expression. */
export function evaluate(scratch: string, expression: string): unknown {
  const file = join(scratch, 'expression.nix');
  writeFileSync(file, expression);
  const args = ['--eval', '--strict', '--json', file];
  return JSON.parse(execFileSync('nix-instantiate', args, { encoding: 'utf8', stdio: 'pipe' }));
}

/** An input as Nix evaluates it. */
export interface Got {
  readonly url?: string;
  readonly flake?: boolean;
  readonly follows?: string;
  readonly inputs?: Record<string, Got>;
}

/** A flake's inputs and hosts. Modules are absolute paths, or `other`. */
export interface Observed {
  readonly inputs: Record<string, Got>;
  readonly implicit: readonly string[];
  readonly hosts: Record<string, { readonly system: string | null; readonly modules: readonly string[] }>;
}

/** Calls the outputs of each flake as Nix would. */
export function observe(scratch: string, dirs: readonly string[]): Observed[] {
  return evaluate(
    scratch,
    `
    let
      input = name: {
        outPath = "/input/" + name;
        lib = {
          nixosSystem = args: args;
          eachDefaultSystem = f: f "x86_64-linux";
        };
        nixosModules = { default = { }; lenovo-thinkpad-t480 = { }; };
      };
      show = module: if builtins.isPath module then toString module else "other";
      inline = builtins.foldl' (found: module: if found != null then found else module.nixpkgs.hostPlatform or null) null;
      host = args: {
        system = args.system or (inline (builtins.filter builtins.isAttrs (args.modules or [ ])));
        modules = map show (args.modules or [ ]);
      };
      plain = value: if builtins.isPath value then toString value else if builtins.isAttrs value then builtins.mapAttrs (_: plain) value else value;
      observe = file:
        let
          flake = import file;
          formals = builtins.filter (name: name != "self") (builtins.attrNames (builtins.functionArgs flake.outputs));
          names = builtins.attrNames (flake.inputs or { }) ++ formals;
          inputs = builtins.listToAttrs (map (name: { inherit name; value = input name; }) names);
          outputs = flake.outputs (inputs // { self = input "self"; });
        in {
          inputs = plain (flake.inputs or { });
          implicit = formals;
          hosts = builtins.mapAttrs (_: host) (outputs.nixosConfigurations or { });
        };
    in map observe [ ${dirs.map((dir) => `${dir}/flake.nix`).join('\n')} ]`,
  ) as Observed[];
}

/** The parts of a wish that do not hold in a flake as Nix sees it. */
export function notGranted(wish: FlakeWish, { inputs, implicit, hosts }: Observed, dir: string): string[] {
  const missing: string[] = [];
  for (const { name, url, target, flake, follows = {}, overrides = {} } of wish.inputs) {
    const got = inputs[name] ?? (implicit.includes(name) ? {} : undefined);
    if (url !== undefined && !urls(name, url, dir).includes(got?.url))
      missing.push(`${name}: ${got?.url} instead of ${url}`);
    if (target === undefined && got?.follows !== undefined) missing.push(`${name} follows ${got.follows}`);
    if (target !== undefined && (got?.follows !== target || got.url !== undefined))
      missing.push(`${name}: ${got?.url ?? got?.follows} instead of following ${target}`);
    for (const [key, wished] of Object.entries(overrides)) {
      const at = key.split('/').reduce<Got | undefined>((input, part) => input?.inputs?.[part], got);
      if (wished.url !== undefined && (at?.url !== wished.url || at.follows !== undefined))
        missing.push(`${name}: ${key} is ${at?.url ?? at?.follows} instead of ${wished.url}`);
      if (wished.flake !== undefined && (at?.flake ?? true) !== wished.flake)
        missing.push(`${name}: ${key}: flake is not ${wished.flake}`);
    }
    if (flake !== undefined && (got?.flake ?? true) !== flake) missing.push(`${name}: flake is not ${flake}`);
    for (const [key, target] of Object.entries(follows)) {
      const at = key.split('/').reduce<Got | undefined>((input, part) => input?.inputs?.[part], got);
      const right = at?.follows?.replace(/^\/|\/$/g, '') === target.replace(/^\/|\/$/g, '') && at.url === undefined;
      if (!right) missing.push(`${name}: ${key} does not follow ${target}`);
    }
  }
  for (const { name, system, modules = [] } of wish.hosts ?? []) {
    const host = hosts[name];
    if (!host) {
      missing.push(`no host ${name}`);
      continue;
    }
    if (system !== undefined && host.system !== null && host.system !== system)
      missing.push(`system of ${name} is ${host.system}`);
    for (const module of modules) {
      if (!host.modules.some((path) => plainModule(path) === plainModule(resolve(dir, module))))
        missing.push(`no module ${module} in ${name}`);
    }
  }
  return [...missing, ...(wish.gone ?? []).filter((name) => hosts[name]).map((name) => `${name} is not gone`)];
}

/** The values of `url` that mean a wished one: a path literal is an absolute path, no url at all is `flake:NAME`. */
function urls(name: string, url: string, dir: string): (string | undefined)[] {
  return [
    url,
    ...(url === name || url === `flake:${name}` ? [undefined] : []),
    ...(url.startsWith('./') ? [resolve(dir, url)] : []),
  ];
}
