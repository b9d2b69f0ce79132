// The settings whose value can stop a Nix, by version, and how it reads the value; those that take any text are left out.
// The lists were asked of the three binaries (2.8.0, 2.26.3, 2.34.8), not copied from a manual.

import { NIX_VERSIONS, type NixVersion } from '../nix-version.ts';

/**
 * `u`/`i` are integers with their width; a `path` is absolute, unless it is `anyPath`; `plugins` are files that must be there;
 * the rest are words.
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
  | 'store'
  | 'stores'
  | 'builders'
  | 'plugins';

/** How one Nix reads one setting. `gate`: the experimental feature without which it ignores the setting. */
export interface Setting {
  readonly name: string;
  readonly kind: SettingKind;
  readonly appendable: boolean;
  readonly gate: string | undefined;
}

/** The setting behind `name` or one of its aliases, case-sensitive; undefined where no value of it stops that Nix. */
export function lookupSetting(name: string, nix: NixVersion): Setting | undefined {
  return tableOf(nix).get(name);
}

const words = (text: string): readonly string[] => text.trim().split(/\s+/);

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
  { kind: 'profiler', since: '2.34', names: 'eval-profiler' },
  { kind: 'builders', since: '2.34', names: 'external-builders' },
  { kind: 'store', since: '2.34', names: 'store' },
  { kind: 'anyPath', since: '2.34', names: 'eval-profile-file' },
  { kind: 'path', since: '2.34', names: 'netrc-file sandbox-build-dir' },
  { kind: 'pathOrNone', names: 'diff-hook' },
  { kind: 'pathOrNone', until: '2.8', names: 'build-hook' },
  { kind: 'pathOrNone', since: '2.34', names: 'build-dir json-log-path ssl-cert-file' },
  { kind: 'lint', since: '2.34', names: 'lint-absolute-path-literals lint-short-path-literals lint-url-literals' },
  { kind: 'stores', appendable: true, since: '2.34', names: 'substituters trusted-substituters' },
  { kind: 'plugins', appendable: true, until: '2.26', names: 'plugin-files' },
  { kind: 'plugins', since: '2.34', names: 'plugin-files' },
];

/** setting → older names for it. */
const ALIASES: Readonly<Record<string, string>> = {
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
  substitute: 'build-use-substitutes',
  substituters: 'binary-caches',
  timeout: 'build-timeout',
  'trusted-substituters': 'trusted-binary-caches',
};

/** The feature of a setting: since 2.16 Nix ignores the setting while the feature is off. */
const GATES: Readonly<Record<string, string>> = {
  'accept-flake-config': 'flakes',
  'allow-dirty-locks': 'flakes',
  'auto-allocate-uids': 'auto-allocate-uids',
  'use-registries': 'flakes',
};

const tables = new Map<NixVersion, ReadonlyMap<string, Setting>>();

function tableOf(nix: NixVersion): ReadonlyMap<string, Setting> {
  const known = tables.get(nix);
  if (known) return known;
  const table = new Map<string, Setting>();
  const now = NIX_VERSIONS.indexOf(nix);
  for (const group of GROUPS) {
    if (group.since && NIX_VERSIONS.indexOf(group.since) > now) continue;
    if (group.until && NIX_VERSIONS.indexOf(group.until) < now) continue;
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
