// reflake init: looks at the machine and writes the spec that describes it as a flake.

import { relative, resolve } from 'node:path';
import type { Code } from '../../core/codes.ts';
import { isError } from '../../core/diagnostic.ts';
import type { SurveyedFact } from '../../core/event.ts';
import { callerOf } from '../../core/host/process/caller.ts';
import { type Fact, PLACE, type Survey, survey } from '../../core/machine/survey.ts';
import { loadSpec } from '../../core/spec/load.ts';
import { impureNotes } from '../../providers/purity.ts';
import { escapeLine, jsonLine } from '../report/escape.ts';
import { type End, EXIT, exitOfProblems } from '../session/exit.ts';
import type { GlobalOptions, Io } from '../session/io.ts';
import type { Reporting } from '../session/run.ts';
import { aboutSpec, filesFor, placeOf } from '../session/session.ts';

export interface InitOptions extends GlobalOptions {
  readonly name?: string | undefined;
  readonly system?: string | undefined;
  readonly release?: string | undefined;
  readonly user?: string | undefined;
  readonly path?: string | undefined;
  readonly nixpkgs?: string | undefined;
  readonly activate: 'none' | 'build' | 'test' | 'boot' | 'switch';
  readonly yes: boolean;
}

/** The questions, in their order: what is asked, the flag that answers it, and what was found. */
interface Answers {
  readonly name: string;
  readonly system: string;
  readonly release: string;
  readonly user: string;
  readonly path: string;
}

export async function initCommand(options: InitOptions, io: Io, { report, learn }: Reporting): Promise<End> {
  const file = options.spec ?? 'reflake.yaml';
  const { host } = await placeOf(options, io);
  const caller = callerOf(io.env);
  if ('lookAs' in host) {
    host.grant([PLACE]);
    host.lookAs(caller);
  }
  const found = survey(host, caller.name);
  const fail = (code: Code, summary: string, hint: string): End => {
    report({ type: 'diagnostic', diagnostic: { severity: 'error', code, summary, hint } });
    return { exit: EXIT.error };
  };
  const asks = !options.yes && options.input && io.tty.in && io.tty.err;
  report({
    type: 'surveyed',
    facts: factsOf(found),
    notes: [...found.notes, ...impureNotes(found.from, caller.home, host)],
  });
  const answers: Partial<Record<keyof Answers, string>> = {};
  for (const { key, question, flag, guess } of questions(options, found)) {
    const reply =
      flag ?? (asks ? await io.ask(`${question}${guess ? ` [${escapeLine(guess.value)}]` : ''}: `) : undefined);
    const value = reply?.trim() || guess?.value;
    if (!value && key !== 'user' && !(key === 'release' && options.nixpkgs))
      return fail('RF3024', `${question.toLowerCase()} could not be found on this machine`, `say it: --${key} …`);
    answers[key] = value ?? '';
  }
  if (!options.yes && !asks)
    return fail('RF3008', 'nobody can be asked here', 'add --yes to take what was found, or answer with flags');
  const text = specText(answers as Answers, options, found);
  const checked = await loadSpec(file, text);
  learn(aboutSpec({ file, text, ...(checked.ok && { locate: checked.locate }) }));
  report({ type: 'diagnostics', diagnostics: checked.diagnostics });
  if (!checked.ok) return { exit: exitOfProblems(checked.diagnostics.filter(isError)) };
  const files = await filesFor(caller);
  const written = files.write(resolve(io.cwd, file), text, { mode: 0o644, fresh: true, owner: caller });
  if (!written.ok)
    return fail(
      'RF3025',
      `"${file}" cannot be written: ${written.why}`,
      'name another file with --spec, or remove it first',
    );
  const name = relative(io.cwd, resolve(io.cwd, file)) || file;
  report({ type: 'initialised', file: name, spec: checked.spec });
  return { exit: EXIT.ok };
}

function questions(
  options: InitOptions,
  found: Survey,
): readonly { key: keyof Answers; question: string; flag: string | undefined; guess: Fact | undefined }[] {
  const path: Fact = {
    value: found.user === undefined && options.user === undefined ? '/etc/nixos' : '~/nixos-config',
    source: '',
  };
  return [
    { key: 'name', question: 'Host name', flag: options.name, guess: found.name },
    { key: 'system', question: 'System', flag: options.system, guess: found.system },
    { key: 'release', question: 'NixOS release', flag: options.release, guess: found.release },
    { key: 'user', question: 'Owner of the configuration', flag: options.user, guess: found.user },
    { key: 'path', question: 'Where it is to live', flag: options.path, guess: path },
  ];
}

function factsOf({ name, system, release, user, from }: Survey): readonly SurveyedFact[] {
  const rows: readonly [string, Fact | undefined][] = [
    ['name', name],
    ['system', system],
    ['release', release],
    ['user', user],
    ['configuration', from && { value: from, source: 'found' }],
  ];
  return rows.map(([what, fact]) => ({ what, ...fact }));
}

/** Written as text, so that it comes with the comments that a person needs to change it. */
function specText(
  { name, system, release, user, path }: Answers,
  { nixpkgs, activate }: InitOptions,
  { from }: Survey,
): string {
  const place =
    from !== undefined && from !== path
      ? `\n  from: ${scalar(from)}                 # moved from here while it is still there`
      : '';
  const owner = user ? `\n  owner: ${scalar(user)}                     # the whole tree, .git included` : '';
  return `# What this machine shall be. reflake plan shows the difference, reflake apply makes it so.
version: 1

host:
  name: ${scalar(name)}                      # nixosConfigurations.<name>
  system: ${scalar(system)}

config:
  path: ${scalar(path)}           # where the configuration lives${place}${owner}
  modules: [./configuration.nix]

inputs:
  nixpkgs: ${scalar(nixpkgs ?? `github:NixOS/nixpkgs/nixos-${release}`)}

features: [nix-command, flakes]    # enabled permanently

git: track                         # the flake's files are visible to Nix; never a commit
activate: ${activate}                     # none | build | test | boot | switch
`.replace(/ {2,}#/g, '  #');
}

/** A YAML scalar: plain where that is safe, else in JSON's quotes, which YAML reads too. */
const scalar = (text: string): string =>
  /^[a-zA-Z0-9/~_.][a-zA-Z0-9/~_.:+-]*$/.test(text) &&
  !/^[\d.]+$|^(true|false|yes|no|on|off|null|~)$/i.test(text) &&
  !/:$/.test(text)
    ? text
    : jsonLine(text);
