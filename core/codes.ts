// The registry of codes, each with its page; the one place that defines a code. Codes are stable: a retired one stays retired.
// `reflake explain` prints these pages; a test provokes each.

import type { Verdict } from './verdict.ts';

/** The kinds of end that a problem can give a command; cmd/session/exit.ts has the numbers. */
export type Ending = 'error' | 'spec' | 'refused' | 'stale' | 'locked' | 'usage' | 'stuck';

/** The meaning of a code and its consequences. A provider that reports a code decides none of these. */
interface Registered {
  readonly title: string;
  readonly page: string;
  /** The verdict of the wish that a finding of this code names. None: advice, which changes no verdict and no exit code. */
  readonly verdict?: Exclude<Verdict, 'holds'>;
  /** The severity of a finding that is no error. Default: a warning if the wish is undecided, a note for advice. */
  readonly severity?: 'warning' | 'note';
  /** True for a guard's code: no further provider looks. */
  readonly endsLook?: true;
  /** Default: error. */
  readonly exit?: Ending;
  /** The step of an apply that this ends; default: a write. */
  readonly during?: 'build' | 'activate' | 'verify' | 'stopped' | 'recover';
}

/** RF1 the spec, RF2 the machine, RF3 execution, RF4 tools. */
export const CODES = {
  RF1001: {
    title: 'the spec cannot be read',
    page: 'The file named with --spec (or found by discovery) is missing or unreadable. Run `reflake init` to write one.',
  },
  RF1002: {
    title: 'the spec is not valid YAML or JSON',
    page: 'The text could not be parsed. The position is where the parser stopped; the mistake is there or just above it.',
    exit: 'spec',
  },
  RF1003: {
    title: 'unknown key',
    page: 'Keys are checked strictly, because a misspelt wish would otherwise be ignored. `reflake schema` prints all of them.',
    exit: 'spec',
  },
  RF1004: {
    title: 'missing key',
    page: '`version`, `host` (`name` and `system`) and `inputs` are required; everything else is optional, and what is not written is not reconciled.',
    exit: 'spec',
  },
  RF1005: {
    title: 'wrong type or value',
    page: 'The value is not of the type or form that the schema asks for.',
    exit: 'spec',
  },
  RF1006: {
    title: 'unknown system',
    page: 'The system is Nix’s word for processor and kernel, such as x86_64-linux or aarch64-linux (`nix eval --impure --expr builtins.currentSystem`).',
    exit: 'spec',
  },
  RF1007: {
    title: 'flake reference does not parse',
    page: 'An input’s url must be a flake reference, such as github:NixOS/nixpkgs/nixos-24.05, git+https://…, path:./dir.',
    exit: 'spec',
  },
  RF1008: {
    title: 'flake reference is suspicious',
    page: 'It parses, but as something else than it looks like: a mistyped URL becomes a relative path, `~` is not expanded, `submodules=true` is false, an indirect name needs a registry.',
    exit: 'spec',
    severity: 'warning',
  },
  RF1009: {
    title: 'follows names no input',
    page: 'A `follows` must name an input of this spec, or a path below one (a/b).',
    exit: 'spec',
  },
  RF1011: {
    title: 'the spec may be somebody else’s word',
    page: 'Root does what a spec says, so a spec that root reads must be root’s or the caller’s (under sudo: who called), and nobody else may be able to write it: neither the file, nor a directory on the way to it, nor a link. Group-writable counts as writable, unless the group is root’s or nixbld. The same holds for a saved plan, unless --expect names its whole id. Copy it to a place of yours, take the rights of others away (chmod go-w), or say whose word it is: --trust-spec-of USER.',
    exit: 'refused',
  },
  RF1012: {
    title: 'more than the spec’s author may wish for',
    page: 'With --trust-spec-of USER a spec of USER’s may wish only for what USER owns, and for /etc/nixos to be given or moved to them: config.owner is USER, config.path lies in a directory of USER’s, config.from is /etc/nixos or USER’s, and there are no features and no activate. --trust-spec-of USER:all lifts these limits: USER then decides what root does.',
    exit: 'refused',
  },
  RF1013: {
    title: 'one wish is written twice',
    page: '`inputs.a.follows.b` and `inputs.a.inputs.b` are two spellings of one wish, and an input has one source: a url, or what it follows. Both places are shown; remove one of them.',
    exit: 'spec',
  },
  RF1016: {
    title: 'an acknowledgement does nothing',
    page: 'An entry of `ack` names a finding that is not there (it was mended, or it changed and is another one now). Remove the entry, or acknowledge what is found now: `reflake ack`.',
  },
  RF1019: {
    title: 'an acknowledgement has ended',
    page: 'The last day of an entry of `ack` is over, and what it is about is still there: it counts as before, and `check` fails, even where the finding alone would not make it fail. Mend it, or give a later day.',
  },
  RF1020: {
    title: 'an expectation does nothing',
    page: 'An entry of `expect` names no wish of the spec, or its time is over: what differs counts as ever. Remove the entry.',
  },
  RF1017: {
    title: 'the acknowledgements could not be written',
    page: 'reflake adds to the list `ack` of the spec, and changes nothing else of its text. Where the text has a form in which that is not safe, it writes nothing and shows the lines to add by hand.',
  },
  RF1018: {
    title: 'the dates of ends of support cannot be used',
    page: 'The file of --eol is a map with `asOf`, the day on which somebody looked, and `releases`, the last day of each: { "asOf": "2026-12-01", "releases": { "26.05": "2026-12-31" } }, in JSON or YAML. A day that there is not, an unknown key or a name that is no release is an error, and nothing is looked at.',
    exit: 'spec',
  },
  RF1015: {
    title: 'unknown experimental feature',
    page: 'No Nix that reflake knows has a feature of this name, and a Nix drops what it does not know with a warning: nothing would be enabled. A name that is nearly a known one is an error, any other a warning, since a newer Nix may have it.',
    exit: 'spec',
    severity: 'warning',
  },
  RF2001: {
    title: 'no such user or group',
    page: 'The user or group is looked up in the machine’s own /etc/passwd and /etc/group (under --root: in that directory). A line counts only if its ids are numbers from 0 to 4294967294 (chown takes the one above as “leave it as it is”), and a home only if it is an absolute path.',
    exit: 'spec',
  },
  RF2002: {
    title: 'another machine',
    page: 'The spec names one machine and this is another one. Host name, system, the machine-id of the history, `networking.hostName` of the configuration (as the text says it, or evaluation) and the attribute in flake.nix must agree; what does not is said with both values, and nothing is changed. `host.attribute` may be another name than `host.name`. A machine is renamed by a plan of its own: the new name in spec and configuration, and --allow-rename.',
    verdict: 'blocked',
    endsLook: true,
    exit: 'refused',
  },
  RF2003: {
    title: 'config.path is not empty',
    page: 'The configuration is to be moved to a directory that already holds something else. reflake never merges two trees.',
    verdict: 'differs',
    endsLook: true,
  },
  RF2004: {
    title: 'no configuration found',
    page: 'There is nothing at config.path, and nothing at config.from to be moved there; or a module or flake.nix that the message names is missing. Every wish that would have to be read there is blocked.',
    verdict: 'blocked',
  },
  RF2005: {
    title: 'cannot be read',
    page: 'A path that the spec concerns could not be read: with the rights of this run (run the command with sudo), because it is larger than a file of its kind may be, or because what it names can be no path. The message says which.',
    verdict: 'blocked',
  },
  RF2006: {
    title: 'flake.nix cannot be parsed',
    page: 'A broken flake.nix is not edited. Mend the syntax at the position shown.',
    verdict: 'blocked',
  },
  RF2007: {
    title: 'flake.nix cannot be edited safely',
    page: 'The layout is one that reflake does not edit by itself (text that several hosts share, hosts in another file, computed attributes). Paste the snippet; from then on reflake only checks. Wishes beside it that could be edited wait for it: flake.nix is edited at once or not at all. A host is not added either if one of its modules says another system, since nixpkgs.hostPlatform in a module goes before what flake.nix says.',
    verdict: 'differs',
  },
  RF2008: {
    title: 'a configuration file cannot be edited safely',
    page: 'The value is computed, or stands where an edit could change more than was asked. Paste the snippet.',
    verdict: 'differs',
  },
  RF2009: {
    title: 'a configuration file cannot be parsed',
    page: 'A broken file is not edited. Mend the syntax at the position shown.',
    verdict: 'blocked',
  },
  RF2010: {
    title: 'nix.conf belongs to another tool',
    page: 'The file is a link into the store or says that it is generated: an edit would be lost. The hint says where the setting belongs.',
    verdict: 'differs',
  },
  RF2011: {
    title: 'nix.conf stops every Nix command',
    page: 'Nix cannot read a line, refuses a value, or does not find a file that it names. Every nix command fails until that is mended.',
    verdict: 'blocked',
  },
  RF2012: {
    title: 'flake.lock is damaged',
    page: 'The file is not a lock that Nix can read. Its inputs will be locked again.',
    severity: 'warning',
  },
  RF2013: {
    title: 'flake.lock has merge conflicts',
    page: 'Conflict markers stand in the file. Inputs that both sides agree on are kept, the others are locked again.',
    severity: 'warning',
  },
  RF2014: {
    title: 'a locked input is too old',
    page: 'lock.maxAge, or that of the first condition that names the input, is exceeded: the date of the locked revision counts. With error (the default) the input is locked again; a condition with `severity: warning` or `note` only tells. An input without a date, or dated in the future, cannot be judged and counts as too old; a release that was taken from the channel of the machine is undecided (RF2078).',
    verdict: 'differs',
  },
  RF2071: {
    title: 'a locked input comes from elsewhere',
    page: 'lock.allow, or that of the first condition that names the input, does not list its source. The locked source counts, without and with its branch (`github:NixOS/nixpkgs/nixos-*`); a tarball is also known by the url that flake.nix asks for (`https://channels.nixos.org/**`). Change the input, or add its source.',
    verdict: 'differs',
  },
  RF2072: {
    title: 'nixpkgs is past its end of support',
    page: 'lock.eol: the release of nixpkgs that is locked gets no updates any more, security fixes among them. The release is told by branch, tag, channel url or FlakeHub’s version; branches without releases (nixos-unstable) have no end. The dates are built in (`--eol FILE` has others) and say of which day they are.',
    verdict: 'differs',
  },
  RF2073: {
    title: 'whether nixpkgs still gets updates is not known',
    page: 'lock.eol: the input is nixpkgs, and only a revision is named, or a release that the dates do not know. Name a branch (`github:NixOS/nixpkgs/nixos-26.05`), or give newer dates: `--eol FILE`.',
    verdict: 'undecided',
  },
  RF2074: {
    title: 'the dates of ends of support are old',
    page: 'A release of NixOS comes every six months, so dates that are older miss one: a release may have ended that they do not know of. Update reflake, or give newer dates: `--eol FILE`, a map with `asOf` and `releases`.',
    severity: 'warning',
  },
  RF2075: {
    title: 'a registry decides an input',
    page: 'lock.indirect: the input is named, and not placed (`nixpkgs`, `flake:nixpkgs`). Each user and machine has a registry of their own, so the next who locks it may get another source. Write where it comes from: `github:NixOS/nixpkgs/nixos-26.05`.',
    verdict: 'differs',
  },
  RF2076: {
    title: 'a locked tree has no hash',
    page: 'lock.narHash: the node of the lock has no narHash, so that nothing says which tree was meant; whoever can answer for the source can change it. Lock the input again with a Nix that writes hashes: `nix flake update INPUT`.',
    verdict: 'differs',
  },
  RF2077: {
    title: 'nixpkgs is locked several times',
    page: 'lock.duplicates: inputs bring a nixpkgs of their own, of whatever branch. Each costs a download and an evaluation, and what is built of one does not get the fixes of another. Let them follow yours: `inputs.home.inputs.nixpkgs.follows = "nixpkgs";`, or `follows` in the spec.',
    verdict: 'differs',
  },
  RF2015: {
    title: 'ignored by git',
    page: 'The flake needs this file, but a .gitignore rule hides it from git, and so from Nix. Change the rule; reflake never forces a file in.',
    verdict: 'differs',
  },
  RF2016: {
    title: 'git repository cannot be edited',
    page: 'The index is of a kind that reflake does not write (split or sparse), or holds another kind of thing at a path that is needed.',
    verdict: 'blocked',
  },
  RF2017: {
    title: 'special file in the tree',
    page: 'Sockets, FIFOs and devices have no place in a configuration; Nix cannot copy them and reflake does not own them.',
    verdict: 'differs',
  },
  RF2018: {
    title: 'file with several hard links',
    page: 'The file has other names, which may be outside the tree. A new owner or mode would be theirs too; a new content would come as a file of its own, and the other names would keep the old bytes.',
    verdict: 'differs',
  },
  RF2019: {
    title: 'lock cannot be decided offline',
    page: 'Nix itself would fetch an input to decide whether the lock is complete. It is taken as fresh.',
    verdict: 'undecided',
  },
  RF2020: {
    title: 'activation needs the machine itself',
    page: 'Under --root, files can be prepared, but a system can be activated only on the running machine.',
    verdict: 'blocked',
  },
  RF2021: {
    title: 'config.from is a link elsewhere',
    page: 'A link left at the old place may only lead to the new one.',
    verdict: 'differs',
  },
  RF2022: {
    title: 'the lock takes an input for something else',
    page: 'flake.nix says `flake = false` and the lock does not, or the other way round. Nix goes by the lock and never notices. The input is locked again.',
    verdict: 'differs',
  },
  RF2023: {
    title: 'a path input is not what was locked',
    page: 'The tree at a `path:` input has another NAR hash than the lock says, or is gone. Nix goes on using its old copy in the store and never notices. The input is locked again; a tree that is gone has to come back first.',
    verdict: 'differs',
  },
  RF2024: {
    title: 'flake.nix or flake.lock is invisible to Nix',
    page: 'In a git repository Nix sees only what is in the index. A flake.nix that is untracked or ignored is missing to it, and every command fails; a flake.lock that is, and every run locks the inputs anew. Write `git: track`, or add the file by hand. With `git: track` it is repaired, and only `--only lock` says this.',
    verdict: 'differs',
  },
  RF2025: {
    title: 'one source is locked several times',
    page: 'Inputs of inputs come from the same source as another input. A `follows` would make them one: less to fetch, less to build, one version. Only a note, for two versions may be wanted.',
    severity: 'note',
  },
  RF2026: {
    title: 'an input has both url and follows',
    page: 'Nix 2.30 and later refuses such an input, older Nix ignores the url. Remove one of them.',
    verdict: 'differs',
  },
  RF2027: {
    title: 'a follows or override leads nowhere',
    page: 'The input that is named does not exist: in this flake, or among the inputs of the input. Nix warns of an override that overrides nothing, and fails on a follows without a target.',
    verdict: 'differs',
  },
  RF2028: {
    title: 'the flake needs a newer Nix',
    page: 'flake.lock or flake.nix has what the Nix of this machine refuses, and a newer one takes: relative paths (since 2.26), `inputs.self` (since 2.27), dates of tarballs. Every command fails. It is not locked again: that would lose the revisions of all inputs.',
    verdict: 'blocked',
  },
  RF2034: {
    title: 'a path input cannot be compared with the lock',
    page: 'The tree at a `path:` input is not on this machine (under --root: it may be on the one that runs it), or holds what Nix cannot copy. Whether it is still what was locked is undecided.',
    verdict: 'undecided',
  },
  RF2035: {
    title: 'a path input of an input is not what was locked',
    page: 'An input of this flake locks a local tree that has changed since. Only the flake that declares it can lock it again.',
    severity: 'warning',
  },
  RF2036: {
    title: 'flake.lock has nodes that nothing refers to',
    page: 'Nix leaves them alone, and leaves them out when it next writes the lock. They cost nothing but attention. Only a note.',
    severity: 'note',
  },
  RF2040: {
    title: 'a link leads out of its owner’s hands',
    page: 'Somebody else than root can decide where this link leads, and it leads to what is not theirs. Root does not follow it: otherwise the owner of a link could have root write wherever they point. Name the real place in the spec, or remove the link.',
    verdict: 'blocked',
  },
  RF2041: {
    title: 'not theirs to be given',
    page: 'Something in the tree belongs to root (or to a third user), and config.owner could not read it: root may have closed it on purpose, and whoever owns a directory can rename files of root’s into it. It changes owner only where its mode lets config.owner read it already, or where this plan moves it from a place that root alone controls. Files with set-id bits are never given. Look at it, and run the chown of the hint, or move it out of the configuration.',
    verdict: 'differs',
  },
  RF2042: {
    title: 'a file system is mounted in the tree',
    page: 'What is mounted below the configuration is not part of it: it is neither moved nor given to another owner. Unmount it first.',
    verdict: 'differs',
  },
  RF2051: {
    title: 'Nix cannot use the git repository',
    page: 'Nix takes a flake from the nearest directory upwards that has a .git, whatever that is. This one lacks what a repository has (HEAD, objects, refs), or is of a kind that the Nix of this machine does not read: objects with sha256 names, refs in a reftable, a partial clone, a split or sparse index, a damaged index, a work tree elsewhere. Nix 2.8 runs git; 2.19 and later have libgit2, which reads less than git does. Every Nix command on the flake fails until it is mended.',
    verdict: 'blocked',
  },
  RF2052: {
    title: 'whether Nix can use the git repository is not known',
    page: 'The Nix of this machine runs git, and what the repository has can only be read by some versions of it, or not by reflake. Whether Nix sees the files of the flake is undecided.',
    verdict: 'undecided',
  },
  RF2053: {
    title: 'a file lies in a repository of its own',
    page: 'A directory between the flake and this file is a git repository itself: a submodule, or one that only lies there. Git takes none of its files into the index around it, and Nix sees none of them, unless it is a submodule and flake.nix says `inputs.self.submodules = true` (Nix 2.27); then it sees what the submodule’s own index has. reflake adds nothing to a repository of somebody’s own. Move the file out, or make the repository an input.',
    verdict: 'differs',
  },
  RF2054: {
    title: 'git is at work in the repository',
    page: 'There is an index.lock: a git command is changing the index, or was killed while it did. reflake writes no index that git holds: plan and apply say so, and `apply` waits for it for five seconds first. Where no git runs any more, remove the file.',
    verdict: 'differs',
    exit: 'locked',
  },
  RF2043: {
    title: 'a write is hindered',
    page: 'The plan would write where nothing can be written: on a read-only file system, in or at something immutable (chattr), in a directory that its owner has shut, or where there is no room (statfs tells; of a quota only as far as it shows there). Plan and apply say so in the same words. Mend it, and plan again.',
    verdict: 'differs',
  },
  RF2044: {
    title: 'nixpkgs would go back',
    page: 'The spec wishes a release of nixpkgs that is older than the one that runs. Services may have migrated their data already, and cannot go back. Name the release that runs (never by system.stateVersion, which is the one that the machine was born with and which reflake never edits), or say that it is on purpose: --allow-downgrade.',
    verdict: 'blocked',
    endsLook: true,
    exit: 'refused',
  },
  RF2045: {
    title: 'a rename is a plan of its own',
    page: 'With --allow-rename the machine gets the name that spec and configuration say. Nothing else of the configuration changes with it: apply the rest first, with the old name in spec and configuration.',
    verdict: 'blocked',
    exit: 'refused',
  },
  RF2029: {
    title: 'a wish cannot be read from flake.nix',
    page: 'What flake.nix says there, or a file that it imports, is computed (a directory that is listed, a function of another flake, a condition), so the text does not tell whether the wish holds. The place shown is the one that hides it. It is undecided: plan and apply go on without it, `check --strict` fails. Write it out, or paste the snippet if it is not there yet.',
    verdict: 'undecided',
  },
  RF2050: {
    title: 'a file may be hidden from Nix',
    page: 'Nix sees only what git shows: files in the index. Here a path is put together of parts that the text does not tell, or a whole directory is handed to a function, so nobody knows whether a file that git does not show is one of those meant. It is undecided: Nix leaves such a file out without a word. Show it to git (`git add --intent-to-add FILE`), or say in .gitignore that it is no part of the flake.',
    verdict: 'undecided',
  },
  RF2055: {
    title: 'the configuration may not evaluate in a flake',
    page: 'A file of the configuration asks for what pure evaluation refuses: `<nixpkgs>` and other lookup paths, a fetch without a hash or a revision, a path outside the flake, `builtins.currentSystem`, `currentTime`, `storePath`. Where Nix comes to evaluate it, it stops. The text does not tell whether it comes there, so the wish is undecided; every place is listed. Take it from the inputs of the flake, give it a hash, or move the file into the configuration.',
    verdict: 'undecided',
  },
  RF2056: {
    title: 'a flake evaluates this to something else',
    page: 'Pure evaluation stops at none of these, but what they come to changes: `builtins.getEnv` gives the empty string, `pathExists` of a path outside the flake says no, and a script that names /etc/nixos finds nothing there once the configuration has moved. Among them is what only a default value asks for, which need not be evaluated. Only advice; every place is listed.',
    severity: 'note',
  },
  RF2057: {
    title: 'a link leads out of the flake',
    page: 'A module is a link to what is no part of the flake, or an absolute link. Nix copies the flake to the store and reads it there: such a link leads to nothing, or to what pure evaluation forbids. Put the file itself in its place, or a relative link to a file of the configuration.',
    verdict: 'blocked',
  },
  RF2058: {
    title: 'flake.nix is made by another tool',
    page: 'Its first comment says that it is generated and not to be edited. An edit would be lost when it is made again, so none is made. Change what it is made from, and have the tool write it anew.',
    verdict: 'differs',
  },
  RF2061: {
    title: 'Nix evaluates to something else',
    page: 'The text of the flake does not tell, so Nix was asked, and what it evaluates is not what the spec says. What only evaluation told is never edited: change it where the configuration says so, or change the spec.',
    verdict: 'differs',
  },
  RF2062: {
    title: 'the configuration does not evaluate',
    page: 'Nix was asked about what the texts leave open, and fails on the configuration itself: so would every command that builds it. The last lines of Nix say where. `--evaluate never` leaves the question open instead.',
    verdict: 'blocked',
  },
  RF2063: {
    title: 'Nix could not be asked',
    page: 'Something is open that evaluation decides, and here it could not be evaluated: Nix is missing, an input cannot be fetched, the lock has to be made first, or evaluation would have to build something. It stays open, and nothing is wrong with the configuration for that.',
    severity: 'note',
  },
  RF2065: {
    title: 'a password stands in the configuration',
    page: 'A module gives a password, or its hash, as a string: `hashedPassword`, `initialPassword`, `psk` and the like. A build of NixOS writes it into the store, where everybody on the machine can read it, with channels as with a flake; and a repository shows it to everybody who has a copy. Only advice. Options whose names end in `File` read it from a place outside the configuration.',
    severity: 'note',
  },
  RF2064: {
    title: 'a secret would be shown',
    page: 'Nix copies what git shows into the store, where everybody can read it. This file holds a private key, a password or a token, or others may not read it: to show it to git would disclose it. Encrypted files (age, sops, git-crypt) are told apart and never bar. Move it out of the configuration, ignore it, encrypt it, or acknowledge the finding if it is none (`ack`). Nothing is evaluated or applied until then.',
    verdict: 'blocked',
    exit: 'refused',
  },
  RF2030: {
    title: 'an override overrides nothing',
    page: 'flake.nix overrides an input that its input does not have. Nix warns and goes on. Remove the override.',
    severity: 'warning',
  },
  RF2031: {
    title: 'the features of the configuration are computed',
    page: 'A module sets nix.settings.experimental-features or nix.extraOptions by an expression that the text does not tell the value of. Whether the wished features are enabled is undecided; nothing is edited. Write them out, or paste the snippet.',
    verdict: 'undecided',
  },
  RF2032: {
    title: 'the policy has no lock to judge',
    page: 'lock.maxAge and lock.allow are about locked inputs, and flake.lock has still to be made. `reflake plan` makes it in a scratch directory and judges it; `check` does not.',
    verdict: 'undecided',
  },
  RF2078: {
    title: 'the age of a locked tarball is not known',
    page: 'lock.maxAge judges by the date of a locked input, and this one has none: a nixpkgs that was taken from the channel of the machine without a download is dated only once Nix fetches a newer one. Until then its age is undecided; `nix flake update nixpkgs` decides it, with the network.',
    verdict: 'undecided',
  },
  RF2079: {
    title: 'places of channels that only root can see',
    page: '`channels: retire` wishes that neither root nor the owner of the configuration follows a channel. What root follows only root can read; run the command with sudo. Undecided until then.',
    verdict: 'undecided',
  },
  RF2080: {
    title: 'a channel that reflake does not retire',
    page: 'A list or a profile of channels is not what nix-channel makes: a link, a directory, a file with several names. Another tool may make it anew (home-manager, a repository of dot files). Remove it where it is made.',
    verdict: 'blocked',
  },
  RF2081: {
    title: 'another user follows a channel',
    page: '`channels: retire` is about root and the owner of the configuration. What other users of the machine follow is told, and stays: it is theirs. Where nobody but they can look, that is told. Only advice.',
    severity: 'note',
  },
  RF2082: {
    title: 'NIX_PATH leads into a channel',
    page: 'nix-shell, nix-env and `<nixpkgs>` find nothing once the channel is retired. The running system or the session gives this NIX_PATH, which changes with the next system and the next login; or nix.nixPath in the configuration names it, which is shown with its place. Only advice: no file of the session is edited.',
    severity: 'note',
  },
  RF2083: {
    title: 'command-not-found reads from the channel',
    page: 'Its list of programs (programs.sqlite) is part of a channel’s tarball, and goes with it; a nixpkgs from github: has none. Turn it off, or name the file of an input that is a channel’s tarball. Only advice.',
    severity: 'note',
  },
  RF2084: {
    title: 'something else is at /etc/nixos/flake.nix',
    page: '`config.link: true` wishes a link there that leads to the flake in its new place. What is there is another file, a link that leads elsewhere, or a directory that is no directory: it is nobody’s but yours to move away.',
    verdict: 'blocked',
  },
  RF2033: {
    title: 'only a build tells',
    page: '`activate: build` wishes that the system builds. Nothing has changed, so nothing is built again, and whether it still builds is not known: `nix build` tells.',
    verdict: 'undecided',
    severity: 'note',
  },
  RF2101: {
    title: 'the configuration is at another place',
    page: 'It is still at config.from. The plan moves it to config.path.',
    verdict: 'differs',
  },
  RF2102: {
    title: 'something is back at config.from',
    page: 'The configuration lives at config.path, and another tree lies at config.from again. The plan sets that one aside, under a name of its own.',
    verdict: 'differs',
  },
  RF2103: {
    title: 'flake.nix says something else',
    page: 'An input, the host, its system or a module is missing in flake.nix or is not what the spec wishes. The plan edits the tokens concerned, or writes the file where there is none.',
    verdict: 'differs',
  },
  RF2104: {
    title: 'experimental features are not enabled',
    page: 'Features of the spec are not enabled: by the configuration, where NixOS makes nix.conf, else by the nix.conf that wins. The plan adds them and keeps those that are there.',
    verdict: 'differs',
  },
  RF2105: {
    title: 'a module asks for what no flake can give',
    page: '`system.copySystemConfiguration` copies <nixos-config>, which a flake does not have: the configuration does not evaluate. The plan removes the line.',
    verdict: 'differs',
  },
  RF2106: {
    title: 'flake.lock is not what flake.nix asks for',
    page: 'Inputs are missing in flake.lock, or are locked to another reference than flake.nix declares. The plan locks them again, with Nix, in a scratch directory.',
    verdict: 'differs',
  },
  RF2107: {
    title: 'git does not show the flake to Nix',
    page: 'In a repository Nix sees only what is in the index. The plan adds the files that the flake refers to as intent to add, or makes the repository.',
    verdict: 'differs',
  },
  RF2108: {
    title: 'paths belong to somebody else',
    page: 'config.owner is to own the whole tree. The plan changes owner and group of these paths.',
    verdict: 'differs',
  },
  RF2109: {
    title: 'the owner cannot use a path',
    page: 'The mode of a path does not let its owner read and write it. The plan opens it to them.',
    verdict: 'differs',
  },
  RF2110: {
    title: 'another system is active',
    page: 'The machine does not run, or does not boot, what its flake builds. The plan builds and activates it.',
    verdict: 'differs',
  },
  RF2111: {
    title: 'a channel is left',
    page: '`channels: retire` wishes that neither root nor the owner of the configuration follows a channel. The plan empties their lists, as `nix-channel --remove` does (NixOS writes a list that is missing anew, and leaves an empty one), and removes the links to what was unpacked. Each is shown with what it was, the history records it, and `reflake rollback` puts it back. The trees themselves stay in the store until garbage is collected; after that a rollback brings the lists back, and `nix-channel --update` fetches what they name.',
    verdict: 'differs',
  },
  RF2112: {
    title: 'no link leads to the flake',
    page: '`config.link: true` wishes that /etc/nixos/flake.nix is a link to the flake in its new place: nixos-rebuild looks there where it is given no --flake. The plan makes the directory, if it moved away, and the link; both are root’s, and a rollback takes them away before the configuration moves back.',
    verdict: 'differs',
  },
  RF3001: {
    title: 'the plan is stale',
    page: 'Something that the plan relies on has changed since it was made. Nothing was written. Make a new plan.',
    exit: 'stale',
  },
  RF3002: {
    title: 'the plan was altered',
    page: 'The plan’s id is the digest of its content, and they do not agree. Nothing was written.',
    exit: 'stale',
  },
  RF3003: {
    title: 'the plan is for another machine or spec',
    page: 'A saved plan is bound to the machine and the spec it was made for.',
    exit: 'stale',
  },
  RF3004: { title: 'an edit failed', page: 'A write failed. Everything that had been written was undone.' },
  RF3005: {
    title: 'what somebody else did is kept beside',
    page: 'A path held neither what was there before nor what this apply wrote: somebody else had changed it meanwhile. What was there before is back; what they made is kept beside it as `NAME.reflake-conflict-…`, and a changed owner or mode is left as it is. Kept in the same way is a file that was replaced, removed or copied while a program wrote to it, or still had it open to write. Look at it, take over what you need, and remove it.',
  },
  RF3006: {
    title: 'verification failed',
    page: 'After everything was written the machine still differed from the spec, so all of it was undone. This is a bug of reflake or a change made at the same moment.',
    during: 'verify',
  },
  RF3007: {
    title: 'another apply is running',
    page: 'A living process holds the lock of the state directory or of the directory of the configuration, and is named. It frees itself when that process ends, or the activation that it left behind. Wait for it with --wait 60s. A file system without locks (NFS, some FUSE) is a warning.',
    exit: 'locked',
  },
  RF3008: {
    title: 'confirmation needed',
    page: 'Nobody can be asked here. Add --yes, or apply a saved plan with --expect ID.',
    exit: 'usage',
  },
  RF3009: {
    title: 'interrupted',
    page: 'A signal stopped the run between two writes, or before the commit; what had been written was undone. A build is ended by it; an activation is not cut off but waited for. A second signal leaves at once: then `reflake recover` undoes the rest.',
    during: 'stopped',
  },
  RF3010: {
    title: 'no such apply',
    page: '`reflake history` lists the applies that can be shown or rolled back. It keeps the newest 50, or what 256 MiB hold (--keep, --keep-size); the newest always stays, and so does what a kept rollback undid.',
    exit: 'usage',
  },
  RF3011: {
    title: 'changed since',
    page: 'A path was changed after the apply that is to be undone. `rollback` leaves other people’s work alone.',
    exit: 'stale',
  },
  RF3012: {
    title: 'the journal is damaged',
    page: 'A file in the state directory is not what reflake wrote. Nothing is touched.',
    exit: 'stuck',
  },
  RF3013: {
    title: 'root is needed',
    page: 'The plan changes paths that only root may change. Run the command with sudo.',
  },
  RF3014: {
    title: 'an unfinished apply was undone',
    page: 'An earlier apply was killed. It was undone from its journal before anything else.',
    during: 'recover',
  },
  RF3015: {
    title: 'the state directory cannot be used',
    page: 'Journal and history are kept in /var/lib/reflake (root), in the user’s state directory, or where --state says. Nothing was written.',
  },
  RF3016: {
    title: 'a file system whose promises are another’s',
    page: 'The configuration lies on a network or FUSE file system. Every change is still checked, journaled and undone on errors; but that it survives a loss of power, and that nobody else applies at the same time from another machine, depends on the server or program behind it.',
  },
  RF3017: {
    title: 'the plan leads beyond its spec',
    page: 'Before root writes, each edit of a plan is held against the wishes of the spec: files of the configuration, its repository with git: track, nix.conf with features, the tree at config.from, owners with config.owner, an activation with activate. Nothing else is written: no directory that is there already outside of the tree, no new link, no set-id mode, nobody else’s repository. A saved plan that says otherwise was forged or is of another version.',
  },
  RF3018: {
    title: 'the saved plan belongs to root',
    page: 'The plan holds bytes of a file, or words about one, that only root can read. So its file stays root’s (mode 0600) and is not given to who called.',
  },
  RF3021: {
    title: 'an internal error',
    page: 'reflake has a bug, and the lines below say where. It came up in the middle of a transaction: what had been changed was undone as after any other error. Please report it.',
  },
  RF3022: {
    title: 'the spec has moved along',
    page: 'The spec lay in the directory that was moved, and lies in the new place now. Name it there from now on.',
  },
  RF3023: {
    title: 'files come back as their owner left them',
    page: 'An apply gave files of root to somebody, and the rollback gives them back. It restores owners, modes and what reflake wrote; what their owner wrote since comes along, and what they added becomes root’s as well. Compare the files before root builds a system from them.',
  },
  RF3024: {
    title: 'the machine does not tell',
    page: '`reflake init` could not find out something that a spec has to say. Say it with the option that the hint names.',
  },
  RF3025: {
    title: 'the spec cannot be written',
    page: '`reflake init` writes a new file and replaces none, unless --force says so. Look at what the one that is there would do (`reflake plan`), name another one with --spec, or overwrite it with --force. Where only another directory has a spec, it is a warning: commands look here first.',
  },
  RF3026: {
    title: 'applies of root',
    page: 'Root applied on this machine. An ordinary user sees when, by whom and which plan (`reflake history`); what an apply wrote is for root to show, and to undo: run the command with sudo. A state directory of an earlier version is closed until root next applies.',
    exit: 'error',
  },
  RF3027: {
    title: 'later applies stand on it',
    page: 'Applies are undone from the newest on. Undoing an older one alone would leave a machine that never was: files of one moment, and a lock or a running system of another. `reflake rollback` undoes the newest, `reflake rollback --to N` everything after apply N. A rollback counts as an apply here: undoing it brings back what it undid.',
    exit: 'stale',
  },
  RF3028: {
    title: 'the previous system is gone',
    page: 'A rollback activates the system that was active before. It is not in the store any more (it was collected as garbage), or there was none. Nothing was written. `reflake show N` names the files of that configuration: build it again, or go on from the present one.',
  },
  RF3029: {
    title: 'a rollback brings this back',
    page: '`reflake rollback` is planned like an apply: it shows what each path becomes, by --diff with the bytes, and asks. What cannot be undone is said before the question.',
    severity: 'note',
  },
  RF3030: {
    title: 'a report cannot be written',
    page: 'A file that `--format FORMAT=FILE` names could not be written. It is written whole or not at all, as who called; what was there is still there, and the other reports are written. The command ends with 1 unless something worse ended it.',
  },
  RF3031: {
    title: 'not proven to be the same system',
    page: 'The spec has a say in what may be applied (`proof`), and the plan is not proven to give the system that is there: it differs, could not be compared, or is a saved plan that carries no proof and must. The causes are shown by `reflake prove`. Where the difference is what you want, name it: --accept-difference ID, with the id that the proof shows; another difference has another id. `proof: off` in the spec proves nothing. Nothing was done.',
    exit: 'refused',
  },
  RF3032: {
    title: 'not the system that was proven',
    page: 'The plan carries a proof, and the flake that was written evaluates to another derivation than the one that was proven, so it is not built: something changed meanwhile, or the configuration reads what only the written flake has (`self.rev`, the time, a file that git shows differently). Everything was undone. Make a new plan; `reflake same` tells the difference.',
    exit: 'stale',
    during: 'build',
  },
  RF3033: {
    title: 'what reflake has left is not removed',
    page: '`reflake eject` removes nothing while an apply is unfinished, since only the journal tells how to undo it: run `reflake recover` first. Else the reason is named: another user, a link or a mounted file system in the place, a name in the state directory that is none of reflake’s. What is told as removed is gone; the command can be repeated.',
  },
  RF3034: {
    title: 'nothing can be undone afterwards',
    page: '`reflake eject` removes the history, from which `reflake rollback` undoes. The machine stays as it is. Undo first what is not to stay: `reflake rollback`, or `reflake rollback --to 0` back to the first machine.',
    severity: 'warning',
  },
  RF3035: {
    title: 'the record of checks cannot be used',
    page: 'The file of `--notify-state` is not a record, is damaged, was written by a newer reflake or by a check of something else (another host, another choice of wishes), or cannot be read or written. It is left as it is, so that nothing in it is lost, and the check tells all that it found, as without the option. It ends with 1 unless something worse ended it. Name another file, one for each check, or remove this one: then everything is new once more.',
  },
  RF4001: {
    title: 'nix is missing',
    page: 'A new flake.lock, or a system to activate, needs Nix; everything else works without.',
    verdict: 'blocked',
  },
  RF4002: {
    title: 'nix failed',
    page: 'Nix was called while planning, in a scratch directory, and failed. Its own words are shown.',
    verdict: 'blocked',
  },
  RF4003: {
    title: 'git is missing',
    page: 'A new repository needs git, and Nix needs it to read one.',
    verdict: 'blocked',
  },
  RF4004: {
    title: 'git failed',
    page: 'git was called while planning, in a scratch directory, and failed. Its own words are shown.',
    verdict: 'blocked',
  },
  RF4005: {
    title: 'no network',
    page: 'An input has to be fetched to be locked, and it could not be reached. Nothing was changed.',
    verdict: 'blocked',
  },
  RF4006: {
    title: 'the build failed',
    page: 'The configuration does not build. Files, lock and running system are as before.',
    verdict: 'blocked',
    during: 'build',
  },
  RF4007: {
    title: 'the activation failed',
    page: 'The new system did not activate. The previous one was activated again; files and lock are as before.',
    during: 'activate',
  },
} as const satisfies Record<string, Registered>;

export type Code = keyof typeof CODES;

/** The entry of a code, with the members that only some have. */
export const entryOf = (code: Code): Registered => CODES[code];
