// Tells from Nix's words what made an evaluation fail: the configuration, or only its surroundings.

/**
 * `configuration`: it evaluates nowhere. `surroundings`: it could not be evaluated here and now, which says nothing about the
 * configuration.
 */
export interface Failure {
  readonly of: 'configuration' | 'surroundings';
  /** The first error, in one line. */
  readonly summary: string;
  /** The last lines that Nix printed. */
  readonly log: string;
}

export function failureIn(stderr: string): Failure {
  const lines = stderr.trimEnd().split('\n');
  const log = lines.slice(-12).join('\n');
  const errors = [...stderr.matchAll(/error: ?(.*(?:\n(?!\s*(?:at |\u2026|error:)|\s*\n).*)*)/g)].map(([, text = '']) =>
    text.replace(/\s+/g, ' ').trim(),
  );
  // Nix prints the outermost context first and the error last.
  const summary = errors.findLast((text) => text !== '' && !/^in: |^while /.test(text)) ?? lines.at(-1) ?? '';
  return { of: SURROUNDINGS.test(stderr) ? 'surroundings' : 'configuration', summary, log };
}

/**
 * Errors that are not the configuration's: network, store, daemon, a lock that has to be made first, a build that evaluation
 * would need, and values that only a git repository has (`self.rev`).
 */
const SURROUNDINGS = new RegExp(
  [
    'unable to download|resolve host|could not connect|failed to connect|network is unreachable|connection (refused|reset|timed out)',
    'cannot fetch|failed to fetch|unable to fetch|has no (known )?substituter|is not valid and .*substitut',
    'cannot connect to (socket|daemon)|opening lock file|No space left|disk quota|creating directory|permission denied|Permission denied',
    'requires lock file changes|cannot (update|write) (un)?locked? ?(lock file|flake)|lock file .*(changes|modified)|--no-update-lock-file',
    'allow-import-from-derivation|import-from-derivation',
    "attribute '(rev|shortRev|dirtyRev|dirtyShortRev|revCount|lastModified|lastModifiedDate|submodules)' missing",
    "experimental (Nix )?feature '",
    'it was stopped|stopped by SIG|out of memory|cannot allocate',
  ].join('|'),
);
