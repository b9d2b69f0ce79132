// Which settings and experimental features each Nix knows, and how it reads their values.
// The lists were asked of the three binaries (2.8.0, 2.26.3, 2.34.8), not copied from a manual.

import type { NixVersion } from '../nix-version.ts';

/**
 * `list` keeps order and duplicates, `set` neither; `u`/`i` are integers with their width; a `path` is absolute, unless
 * it is `anyPath`; `mounts` is a list with one item for each target; the rest are words.
 */
export type SettingKind =
  | 'bool'
  | 'u32'
  | 'u64'
  | 'i64'
  | 'jobs'
  | 'sandbox'
  | 'lint'
  | 'profiler'
  | 'anyPath'
  | 'path'
  | 'pathOrNone'
  | 'mounts'
  | 'store'
  | 'stores'
  | 'storeSet'
  | 'builders'
  | 'text'
  | 'list'
  | 'set'
  | 'map'
  | 'features';

/** How one Nix reads one setting. `gate`: the experimental feature without which it ignores the setting. */
export interface Setting {
  readonly name: string;
  readonly kind: SettingKind;
  readonly appendable: boolean;
  readonly gate: string | undefined;
}

/** The experimental features a Nix has, sorted. Every other name is dropped with a warning (NIX.md section 6.4). */
export const knownFeatures = (nix: NixVersion): readonly string[] => FEATURES[nix];

/** Those of any Nix, so far: of the versions in between, which are gone since, and of Lix. */
export const featuresOfAny = (): readonly string[] => [
  ...new Set([...Object.values(FEATURES).flat(), ...OTHER_FEATURES]),
];

/** The setting behind `name` or one of its aliases, case-sensitive; undefined when that Nix has none. */
export function lookupSetting(name: string, nix: NixVersion): Setting | undefined {
  return tableOf(nix).get(name);
}

const ORDER: readonly NixVersion[] = ['2.8', '2.26', '2.34'];

const F28 = 'ca-derivations fetch-closure flakes impure-derivations nix-command no-url-literals recursive-nix';
const F226 = `${F28} auto-allocate-uids cgroups configurable-impure-env daemon-trust-override dynamic-derivations
  fetch-tree git-hashing local-overlay-store mounted-ssh-store parse-toml-timestamps pipe-operators
  read-only-local-store verified-fetches`;
const F234 = `${F226} blake3-hashes external-builders`;

const words = (text: string): readonly string[] => text.trim().split(/\s+/);

const OTHER_FEATURES = words(
  'acl discard-references repl-flake coerce-integers flake-self-attrs lix-custom-sub-commands pipe-operator repl-automation',
);

const FEATURES: Readonly<Record<NixVersion, readonly string[]>> = {
  '2.8': words(F28).toSorted(),
  '2.26': words(F226).toSorted(),
  '2.34': words(F234).toSorted(),
};

interface Group {
  readonly kind: SettingKind;
  readonly since?: NixVersion;
  readonly until?: NixVersion;
  readonly appendable?: boolean;
  readonly names: string;
}

const GROUPS: readonly Group[] = [
  {
    kind: 'bool',
    names: `accept-flake-config allow-dirty allow-import-from-derivation allow-new-privileges allow-symlinked-store
      allow-unsafe-native-code-during-evaluation auto-optimise-store builders-use-substitutes compress-build-log
      eval-cache fallback filter-syscalls fsync-metadata http2 impersonate-linux-26 keep-build-log keep-derivations
      keep-env-derivations keep-failed keep-going keep-outputs preallocate-contents print-missing pure-eval require-sigs
      restrict-eval run-diff-hook sandbox-fallback show-trace substitute sync-before-registering trace-function-calls
      use-case-hack use-registries use-sqlite-wal warn-dirty`,
  },
  { kind: 'bool', until: '2.8', names: 'enforce-determinism' },
  {
    kind: 'bool',
    since: '2.26',
    names: `abort-on-warn allow-dirty-locks always-allow-substitutes auto-allocate-uids debugger-on-trace debugger-on-warn
      fsync-store-paths ignore-try nix-shell-always-looks-for-shell-nix
      nix-shell-shebang-arguments-relative-to-script require-drop-supplementary-groups trace-verbose
      trust-tarballs-from-git-forges use-cgroups use-xdg-base-directories`,
  },
  { kind: 'bool', since: '2.34', names: 'trace-import-from-derivation warn-short-path-literals' },
  { kind: 'sandbox', names: 'sandbox' },
  { kind: 'jobs', names: 'max-jobs' },
  {
    kind: 'u32',
    names:
      'build-poll-interval cores download-attempts narinfo-cache-negative-ttl narinfo-cache-positive-ttl tarball-ttl',
  },
  { kind: 'u32', since: '2.26', names: 'download-speed id-count max-call-depth max-substitution-jobs start-id' },
  {
    kind: 'u32',
    since: '2.34',
    names: 'eval-attrset-update-layer-rhs-threshold eval-profiler-frequency narinfo-cache-meta-ttl',
  },
  {
    kind: 'u64',
    names: `connect-timeout http-connections log-lines max-build-log-size max-free min-free min-free-check-interval
      nar-buffer-size stalled-download-timeout`,
  },
  { kind: 'u64', until: '2.8', names: 'repeat' },
  { kind: 'u64', since: '2.26', names: 'download-buffer-size warn-large-path-threshold' },
  { kind: 'i64', names: 'gc-reserved-space max-silent-time timeout' },
  {
    kind: 'text',
    names: `bash-prompt bash-prompt-suffix build-users-group builders flake-registry post-build-hook pre-build-hook
      sandbox-dev-shm-size system user-agent-suffix`,
  },
  { kind: 'text', until: '2.8', names: 'commit-lockfile-summary' },
  { kind: 'text', until: '2.26', names: 'netrc-file sandbox-build-dir store' },
  {
    kind: 'text',
    since: '2.26',
    names: 'bash-prompt-prefix commit-lock-file-summary eval-system upgrade-nix-store-path-url',
  },
  { kind: 'text', since: '2.26', until: '2.26', names: 'build-dir ssl-cert-file' },
  { kind: 'profiler', since: '2.34', names: 'eval-profiler' },
  { kind: 'builders', since: '2.34', names: 'external-builders' },
  { kind: 'store', since: '2.34', names: 'store' },
  { kind: 'anyPath', since: '2.34', names: 'eval-profile-file' },
  { kind: 'path', since: '2.34', names: 'netrc-file sandbox-build-dir' },
  { kind: 'pathOrNone', names: 'diff-hook' },
  { kind: 'pathOrNone', until: '2.8', names: 'build-hook' },
  { kind: 'pathOrNone', since: '2.34', names: 'build-dir json-log-path ssl-cert-file' },
  { kind: 'mounts', appendable: true, since: '2.34', names: 'sandbox-paths' },
  { kind: 'lint', since: '2.34', names: 'lint-absolute-path-literals lint-short-path-literals lint-url-literals' },
  {
    kind: 'list',
    appendable: true,
    names: `allowed-uris allowed-users hashed-mirrors nix-path secret-key-files trusted-public-keys
      trusted-users`,
  },
  { kind: 'list', appendable: true, since: '2.26', names: 'build-hook' },
  { kind: 'list', appendable: true, until: '2.26', names: 'plugin-files' },
  { kind: 'list', since: '2.34', names: 'plugin-files allowed-impure-host-deps' },
  { kind: 'list', appendable: true, until: '2.26', names: 'substituters' },
  { kind: 'stores', appendable: true, since: '2.34', names: 'substituters' },
  { kind: 'storeSet', appendable: true, since: '2.34', names: 'trusted-substituters' },
  { kind: 'set', appendable: true, names: 'extra-platforms ignored-acls system-features' },
  {
    kind: 'set',
    appendable: true,
    until: '2.26',
    names: 'allowed-impure-host-deps sandbox-paths trusted-substituters',
  },
  { kind: 'map', appendable: true, names: 'access-tokens' },
  { kind: 'map', appendable: true, since: '2.26', names: 'impure-env' },
  { kind: 'features', appendable: true, names: 'experimental-features' },
];

/** setting → older names for it. */
const ALIASES: Readonly<Record<string, string>> = {
  'commit-lock-file-summary': 'commit-lockfile-summary',
  'compress-build-log': 'build-compress-log',
  cores: 'build-cores',
  fallback: 'build-fallback',
  'http-connections': 'binary-caches-parallel-connections',
  'impersonate-linux-26': 'build-impersonate-linux-26',
  'keep-build-log': 'build-keep-log',
  'keep-derivations': 'gc-keep-derivations',
  'keep-env-derivations': 'env-keep-derivations',
  'keep-outputs': 'gc-keep-outputs',
  'max-build-log-size': 'build-max-log-size',
  'max-jobs': 'build-max-jobs',
  'max-silent-time': 'build-max-silent-time',
  'max-substitution-jobs': 'substitution-max-jobs',
  repeat: 'build-repeat',
  sandbox: 'build-use-chroot build-use-sandbox',
  'sandbox-paths': 'build-chroot-dirs build-sandbox-paths',
  substitute: 'build-use-substitutes',
  substituters: 'binary-caches',
  timeout: 'build-timeout',
  'trusted-public-keys': 'binary-cache-public-keys',
  'trusted-substituters': 'trusted-binary-caches',
};

/** Since 2.16 a setting of a feature that is off is ignored. */
const GATES: Readonly<Record<string, string>> = {
  'accept-flake-config': 'flakes',
  'allow-dirty-locks': 'flakes',
  'auto-allocate-uids': 'auto-allocate-uids',
  'commit-lock-file-summary': 'flakes',
  'flake-registry': 'flakes',
  'impure-env': 'configurable-impure-env',
  'use-registries': 'flakes',
};

const tables = new Map<NixVersion, ReadonlyMap<string, Setting>>();

function tableOf(nix: NixVersion): ReadonlyMap<string, Setting> {
  const known = tables.get(nix);
  if (known) return known;
  const table = new Map<string, Setting>();
  const now = ORDER.indexOf(nix);
  for (const group of GROUPS) {
    if (group.since && ORDER.indexOf(group.since) > now) continue;
    if (group.until && ORDER.indexOf(group.until) < now) continue;
    for (const name of words(group.names)) {
      const gate = nix === '2.8' ? undefined : GATES[name];
      const setting = { name, kind: group.kind, appendable: group.appendable === true, gate };
      table.set(name, setting);
      for (const alias of words(ALIASES[name] ?? '')) if (alias) table.set(alias, setting);
    }
  }
  tables.set(nix, table);
  return table;
}
