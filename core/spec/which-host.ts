// Chooses the host of a spec that a command is about: the one that this machine is, by its name and system, or the one that
// --host names. Pure. The guard judges the choice: a host that is named need not be this machine.

import type { HostFacts } from '../model.ts';
import type { Hosts, HostView } from './hosts-over-defaults.ts';
import { closest } from './suggest.ts';

/** `isMachine: false`: only wishes of the repository are meant, and `view` says where it is. */
export type Choice =
  | { readonly kind: 'chosen'; readonly view: HostView; readonly isMachine: boolean }
  /** The reason for no choice, for the user. */
  | { readonly kind: 'open'; readonly why: string };

/** The word for every host. */
const ALL = 'all';

/** `wanted`: of --host. `isRunning`: the machine's processor is ours, and so a fact. */
export function chooseHost(hosts: Hosts, facts: HostFacts, isRunning: boolean, wanted?: string): Choice {
  const { views } = hosts;
  const [only, ...others] = views;
  const isSeveral = only.key !== undefined;
  if (wanted !== undefined && wanted !== ALL) {
    const named = views.find((view) => nameOf(view) === wanted);
    return named === undefined
      ? { kind: 'open', why: unknownWords(wanted, hosts) }
      : { kind: 'chosen', view: named, isMachine: true };
  }
  if (!isSeveral) return { kind: 'chosen', view: only, isMachine: wanted === undefined };
  const matching = matches(views, facts, isRunning);
  const [match] = matching;
  if (wanted === ALL) {
    const view = match ?? (others.every((other) => isSamePlace(other, only)) ? only : undefined);
    if (view !== undefined) return { kind: 'chosen', view, isMachine: false };
    return {
      kind: 'open',
      why: `--host all: the hosts keep the configuration in different places, and this machine, ${machineWords(facts)}, is none of them`,
    };
  }
  if (match !== undefined && matching.length === 1) return { kind: 'chosen', view: match, isMachine: true };
  return {
    kind: 'open',
    why:
      matching.length === 0
        ? `this machine, ${machineWords(facts)}, is none of the hosts of the spec: ${listed(views)}; say which it is to be: --host NAME, or look only at the repository: --host all`
        : `this machine, ${machineWords(facts)}, may be any of ${listed(matching)}; say which: --host NAME`,
  };
}

/** Without a machine: the host that --host names, or all of them. Those that are gone belong to all. */
export function hostsNamed(
  hosts: Hosts,
  wanted = ALL,
): { readonly ok: true; readonly hosts: Hosts } | { readonly ok: false; readonly why: string } {
  if (wanted === ALL) return { ok: true, hosts };
  const named = hosts.views.find((view) => nameOf(view) === wanted);
  return named === undefined
    ? { ok: false, why: unknownWords(wanted, hosts) }
    : { ok: true, hosts: { views: [named], gone: [] } };
}

/** The hosts of the machine's name; where several are, those of its system. */
function matches(views: readonly HostView[], { name, system }: HostFacts, isRunning: boolean): readonly HostView[] {
  const named = views.filter(({ spec }) => name !== '' && shortName(spec.host.name) === shortName(name));
  const fitting = named.filter(({ spec }) => spec.host.system === system);
  return isRunning && named.length > 1 && fitting.length > 0 ? fitting : named;
}

/** `nixos.example.org` and `nixos` are the same machine. */
export const shortName = (name: string): string => name.split('.')[0]!.toLowerCase();

const nameOf = ({ key, spec }: HostView): string => key ?? spec.host.name;

const isSamePlace = ({ spec: a }: HostView, { spec: b }: HostView): boolean =>
  a.config?.path === b.config?.path && a.config?.from === b.config?.from && a.config?.owner === b.config?.owner;

const machineWords = ({ name, system }: HostFacts): string =>
  `${name === '' ? 'which has no name' : JSON.stringify(name)}${system === '' ? '' : ` (${system})`}`;

const MOST_NAMES = 20;

function listed(views: readonly HostView[]): string {
  const some = views.slice(0, MOST_NAMES).map(nameOf).join(', ');
  return views.length > MOST_NAMES ? `${some}, …` : some;
}

function unknownWords(wanted: string, { views, gone }: Hosts): string {
  const near = closest(wanted, views.map(nameOf));
  const what = gone.includes(wanted) ? 'the spec says that it is gone' : 'the spec has no such host';
  const hint = near === undefined ? `its hosts are ${listed(views)}` : `did you mean ${JSON.stringify(near)}?`;
  return `--host ${JSON.stringify(wanted)}: ${what}; ${hint}`;
}
