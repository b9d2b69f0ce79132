// Repository mode (check --repo): the checkout that the spec lies in is the configuration, and there is no machine. Decides which
// directory and which hosts that is, and gives a host that has no facts and runs no program.

import type { Host } from '../../core/machine/host.ts';
import type { Reader } from '../../core/machine/reader.ts';
import { type AbsPath, join, parent, ROOT } from '../../core/path.ts';
import type { EvaluatePolicy } from '../../core/plan/deciding.ts';
import type { Hosts, HostView, Spec } from '../../core/spec/hosts-over-defaults.ts';
import { hostsNamed } from '../../core/spec/which-host.ts';
import type { GlobalOptions, Usage } from './io.ts';

/** What a run about a checkout looks at. */
export interface Checkout {
  readonly dir: AbsPath;
  /** All of the spec, or the one that --host names. */
  readonly hosts: Hosts;
  readonly view: HostView;
  readonly evaluate: EvaluatePolicy;
}

/**
 * `specDir`: where the spec lies. Nix is asked only with `--evaluate always`, so that every machine gives the same answer. Throws
 * usage for a host that the spec does not have.
 */
export function checkoutOf(
  { host, evaluate, root }: GlobalOptions & { readonly evaluate?: EvaluatePolicy },
  hosts: Hosts,
  specDir: AbsPath,
  reader: Pick<Reader, 'stat'>,
): Checkout {
  if (root !== ROOT) throw { usage: '--repo looks at no machine; leave --root out' } satisfies Usage;
  const named = hostsNamed(hosts, host);
  if (!named.ok) throw { usage: named.why } satisfies Usage;
  const { views } = named.hosts;
  return {
    dir: flakeAbove(specDir, reader),
    hosts: named.hosts,
    view: views[0],
    evaluate: evaluate === 'always' ? 'always' : 'never',
  };
}

/** The nearest directory with a flake.nix, from the spec's up to the top of its git repository; else the spec's own. */
function flakeAbove(specDir: AbsPath, { stat }: Pick<Reader, 'stat'>): AbsPath {
  const isThere = (dir: AbsPath, name: string): boolean => stat(join(dir, name)).type !== 'absent';
  const dirs: AbsPath[] = [];
  for (let dir = specDir; ; dir = parent(dir)) {
    dirs.push(dir);
    if (isThere(dir, '.git')) return dirs.find((one) => isThere(one, 'flake.nix')) ?? specDir;
    if (dir === ROOT) return specDir;
  }
}

/** The spec of a host as the checkout has it: the configuration lies here, is nobody's in particular, and has no machine. */
export const atCheckout = (
  { config, features: _features, channels: _channels, activate: _activate, ...spec }: Spec,
  { dir }: Pick<Checkout, 'dir'>,
): Spec => ({ ...spec, config: { path: dir, ...(config?.modules && { modules: config.modules }) } });

/** The disk without the machine around it: named as what is looked at, and with no program unless Nix is asked for. */
export const withoutMachine = <H extends Host>(host: H, { hosts: { views }, view, evaluate }: Checkout): H => ({
  ...host,
  facts:
    views.length === 1
      ? { name: view.key ?? view.spec.host.name, system: view.spec.host.system, machineId: '' }
      : { name: 'repository', system: '', machineId: '' },
  ...(evaluate === 'never' && { compute: async ({ argv: [tool] }) => ({ status: 'missing', tool }) }),
});
