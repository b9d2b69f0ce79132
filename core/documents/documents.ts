// The documents of a configuration as they will be after the steps before: Nix files, module graph, nix.conf, repository. Each
// is read and parsed once, when a provider first asks for it.

import { type OpenedFlake, openFlake } from '../formats/flake/flake.ts';
import type { HostNameRead } from '../formats/flake-hosts/host-name.ts';
import { MOST } from '../limits.ts';
import type { Job, ScratchFile } from '../machine/job.ts';
import type { Reader } from '../machine/reader.ts';
import { ignoredBy, type Repository, repositoryOf } from '../machine/repository.ts';
import { readUtf8, type TextFile } from '../machine/texts.ts';
import { type AbsPath, join, relativeTo } from '../path.ts';
import { flakeFiles } from './flake-files.ts';
import { type Doubt, type ModuleGraph, meantBy, mentioned, moduleGraph, type Roots } from './graph.ts';
import {
  type HostModule,
  type HostRoots,
  hostModulesIn,
  modulesNamedBy,
  type UntoldModules,
  untoldModules,
} from './host-modules.ts';
import { hostNameIn } from './host-name.ts';
import { type NixConfFiles, nixConfOf } from './nix-conf-files.ts';
import { type NixFile, nixFile } from './nix-text.ts';

/** Each throws `unreadable` where rights are missing. A file that is no such document is a kind of the answer. */
export interface Documents {
  readonly flakePath: AbsPath;
  readonly flake: () => NixFile;
  /** flake.nix with what it imports: its hosts by value. Undefined where it is no text. */
  readonly wholeFlake: () => OpenedFlake | undefined;
  /** flake.nix as it will be with this text, with what it imports. */
  readonly flakeAs: (text: string) => OpenedFlake;
  readonly lock: () => TextFile;
  /** Any Nix file of the machine. */
  readonly nix: (path: AbsPath) => NixFile;
  /** The files that the flake refers to, and the doubts: places that may refer to more. */
  readonly modules: () => ModuleGraph;
  /** The modules of the hosts that are files. */
  readonly hostModules: () => readonly HostModule[];
  /** The place that may give the host of this attribute more of them; undefined: there is none. */
  readonly untoldModules: (attribute: string) => UntoldModules | undefined;
  /** The name that the modules of the host give the machine, those of `modules` among them. Undefined: flake.nix is broken. */
  readonly hostName: (host: HostRoots) => HostNameRead | undefined;
  /** The documents of a configuration at another place. */
  readonly at: (dir: AbsPath) => Documents;
  /** A superset of the graph's files and of those that its doubts may mean, found without parsing. */
  readonly mentioned: () => ModuleGraph['files'];
  /** The files that a doubt of the graph may mean. */
  readonly meantBy: (doubt: Doubt) => readonly AbsPath[];
  /** The ignore rule by which git hides the path; undefined: none. Without a repository: as one at `dir` would. */
  readonly ignoredBy: (path: AbsPath) => string | undefined;
  /** The nix.conf files as the person's Nix reads them. */
  readonly nixConf: () => NixConfFiles;
  /** The repository that the configuration belongs to. */
  readonly repository: () => Repository | undefined;
  /** Paths of the configuration, each with all below it, as files of a scratch directory in which `dir` is the top. */
  readonly materialise: (paths: readonly AbsPath[]) => Pick<Job, 'files' | 'from'>;
}

/** Where the documents are. */
export interface Located {
  readonly dir: AbsPath;
  readonly hosts: readonly HostRoots[];
  /** The home of the person whose Nix and git read the configuration. */
  readonly home: string;
}

export function documentsOf({ dir, hosts, home }: Located, reader: Reader): Documents {
  const repository = lazily(() => repositoryOf(dir, reader));
  const flakePath = join(dir, './flake.nix');
  const flake = (): NixFile => nixFile(reader, flakePath);
  const named = lazily(() => {
    const file = flake();
    return hosts.map(({ attribute, modules }) => ({
      attribute,
      named: modules ?? modulesNamedBy(file, wholeFlake(), attribute),
    }));
  });
  const ignored = (path: AbsPath): string | undefined => {
    const found = repository() ?? { top: dir, gitDir: join(dir, './.git') };
    return ignoredBy(found, path, home, reader);
  };
  const within = (): AbsPath => repository()?.top ?? dir;
  const roots = (): Roots => ({
    dir,
    within: within(),
    entries: [...new Set(['flake.nix', 'flake.lock', ...named().flatMap((host) => host.named ?? [])])],
    isHidden: (path) => repository() !== undefined && ignored(path) !== undefined,
  });
  const allMentioned = lazily(() => mentioned(roots(), reader));
  const files = lazily(() => flakeFiles({ dir, within: within() }, reader, () => [...allMentioned().keys()]));
  const wholeFlake = lazily(() => {
    const file = flake();
    return file.kind === 'text' ? openFlake(file.text, file.nix.parsed(), files()) : undefined;
  });
  const untold = (attribute: string): UntoldModules | undefined => untoldModules(flake(), wholeFlake(), attribute);
  const graph = lazily(() => moduleGraph(roots(), reader));
  const documents: Documents = {
    flakePath,
    flake,
    wholeFlake,
    flakeAs: (text) => openFlake(text, undefined, files()),
    lock: () => readUtf8(reader, join(dir, './flake.lock'), MOST.lockBytes),
    nix: (path) => nixFile(reader, path),
    modules: graph,
    hostModules: lazily(() => hostModulesIn(named(), graph, roots(), reader)),
    untoldModules: untold,
    hostName: (host) =>
      flake().kind === 'absent' || wholeFlake()?.ok === true
        ? hostNameIn(wholeFlake(), untold(host.attribute), files(), host)
        : undefined,
    at: (other) => (other === dir ? documents : documentsOf({ dir: other, hosts, home }, reader)),
    mentioned: allMentioned,
    meantBy: (doubt) => [...meantBy(doubt, roots(), reader)],
    ignoredBy: ignored,
    nixConf: lazily(() => nixConfOf(reader, home)),
    repository,
    materialise: (paths) => {
      const files = paths.flatMap((path) => [...scratchFiles(path, dir, reader)]);
      return { files, from: files.flatMap(({ path, type }) => (type === 'file' ? [join(dir, `./${path}`)] : [])) };
    },
  };
  return documents;
}

function* scratchFiles(path: AbsPath, dir: AbsPath, reader: Reader): Generator<ScratchFile> {
  const entry = reader.stat(path);
  const name = relativeTo(path, dir);
  if (entry.type === 'link') yield { path: name, type: 'link', target: entry.target };
  if (entry.type === 'file')
    yield { path: name, type: 'file', content: reader.read(path) ?? new Uint8Array(), mode: entry.mode | 0o600 };
  if (entry.type !== 'dir') return;
  yield { path: name, type: 'dir', mode: entry.mode | 0o700 };
  for (const child of reader.list(path))
    if (child !== '.git') yield* scratchFiles(join(path, `./${child}`), dir, reader);
}

function lazily<Value>(make: () => Value): () => Value {
  let known: { readonly value: Value } | undefined;
  return () => {
    known ??= { value: make() };
    return known.value;
  };
}
