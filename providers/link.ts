// Keeps /etc/nixos/flake.nix as a link to the flake that lives elsewhere: nixos-rebuild finds the configuration by it.

import { follow } from '../core/machine/follow-links.ts';
import { ABSENT, type Edit, type Entry, type Finding, type Put, sameOwner } from '../core/model.ts';
import { type AbsPath, absolute, join, parent } from '../core/path.ts';
import { type Ground, puts, ROOTS } from '../core/plan/places.ts';
import { IN_SYNC, provider } from '../core/plan/provider.ts';

/** Where nixos-rebuild looks. */
const LINK = absolute('/etc/nixos/flake.nix');

interface Observed {
  readonly above: Entry;
  readonly entry: Entry;
  /** The file that the link leads to. */
  readonly end: AbsPath;
}

export const link = provider<{ readonly flake: AbsPath }, Observed>({
  name: 'link',
  answers: ['/config/link'],
  ofMachine: true,
  codes: ['RF2112', 'RF2084'],
  mayWrite: puts((put, ground) => isLink(put, ground)),
  desire: ({ keepsLink, dir }) => (keepsLink ? { flake: join(dir, './flake.nix') } : undefined),
  async observe(_desired, reader) {
    return { above: reader.stat(parent(LINK)), entry: reader.stat(LINK), end: follow(reader, LINK).path };
  },
  reconcile({ flake }, { above, entry, end }) {
    if (flake === LINK || end === flake || (entry.type === 'link' && join(parent(LINK), entry.target) === flake))
      return IN_SYNC;
    if (entry.type !== 'absent' || (above.type !== 'absent' && above.type !== 'dir'))
      return { findings: [taken(flake)], edits: [] };
    const made: readonly Edit[] =
      above.type === 'absent' ? [make(parent(LINK), { type: 'dir', mode: 0o755, owner: ROOTS })] : [];
    return { findings: [missing(flake)], edits: [...made, make(LINK, { type: 'link', target: flake, owner: ROOTS })] };
  },
});

const make = (path: AbsPath, after: Put['after']): Put => ({ op: 'put', path, before: ABSENT, after });

/** True for the link, and for the directory that the plan itself moves away. */
function isLink({ path, before, after }: Put, { wishes, reader, moves }: Ground): boolean {
  if (!wishes.keepsLink || before.type !== 'absent') return false;
  if (path === LINK)
    return after.type === 'link' && after.target === join(wishes.dir, './flake.nix') && sameOwner(after.owner, ROOTS);
  const isFree = reader.stat(path).type === 'absent' || moves.some(({ from }) => from === path);
  return (
    path === parent(LINK) && after.type === 'dir' && after.mode === 0o755 && sameOwner(after.owner, ROOTS) && isFree
  );
}

const missing = (flake: AbsPath): Finding => ({
  code: 'RF2112',
  wish: '/config/link',
  subject: 'config.link',
  path: LINK,
  to: flake,
  because: `"${LINK}" does not lead to the flake`,
  remedy: { by: 'plan', action: 'add' },
});

const taken = (flake: AbsPath): Finding => ({
  code: 'RF2084',
  wish: '/config/link',
  subject: 'config.link',
  path: LINK,
  because: `"${LINK}" is to be a link to "${flake}", and something else is there`,
  remedy: { by: 'you', hint: 'move it away, or leave config.link out' },
});
