// Checks a single answer by the spec's own rules, when it is given.

import { isError } from '../diagnostic.ts';
import type { People } from '../machine/people.ts';
import type { Spec } from '../spec/hosts-over-defaults.ts';
import { loadSpec } from '../spec/load.ts';
import { nixpkgsNamed } from './nixpkgs.ts';

export type Answered = 'name' | 'system' | 'release' | 'user' | 'path';

/** The reason an answer can't stand in a spec; undefined: it can. */
export async function problemWith(what: Answered, answer: string, people: People): Promise<string | undefined> {
  if (what === 'release' && nixpkgsNamed(answer, '') === undefined)
    return `${JSON.stringify(answer)} is no release and no flake reference; such as 24.05, unstable, github:NixOS/nixpkgs/nixos-24.05`;
  const wrong = await loadSpec('answer.json', JSON.stringify(specWith(what, answer)));
  const problem = wrong.diagnostics.find(isError);
  if (problem !== undefined)
    return [problem.summary, problem.expected, problem.hint].filter((words) => words).join('; ');
  return what === 'user' ? userProblem(answer, people) : undefined;
}

/** A spec in which only the answer can be wrong. */
function specWith(what: Answered, answer: string): Spec {
  return {
    version: 1,
    host: { name: what === 'name' ? answer : 'x', system: what === 'system' ? answer : 'x86_64-linux' },
    ...(what === 'path' && { config: { path: answer } }),
    ...(what === 'user' && { config: { owner: answer } }),
    inputs: what === 'release' ? { nixpkgs: nixpkgsNamed(answer, '')?.url ?? '' } : {},
  };
}

function userProblem(answer: string, { user, groupId, users }: People): string | undefined {
  const [name = '', group] = answer.split(':', 2);
  const ordinary = users.filter(({ uid }) => uid >= 1000 && uid < 60_000).map((one) => one.name);
  const others = ordinary.length > 0 ? `; there are ${ordinary.join(', ')}` : '';
  if (user(name) === undefined && !(/^\d+$/.test(name) && group !== undefined))
    return `there is no user "${name}" on this machine${others}`;
  return group === undefined || groupId(group) !== undefined
    ? undefined
    : `there is no group "${group}" on this machine`;
}
