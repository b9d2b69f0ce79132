// Specs as people write and miswrite them: each text with exactly the diagnostics for it, and their places.
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { CODES } from '../../../core/codes.ts';
import { hostsOf } from '../../../core/spec/hosts-over-defaults.ts';
import { inputsOf } from '../../../core/spec/inputs.ts';
import { type LoadedSpec, loadSpec } from '../../../core/spec/load.ts';

const GOOD = `version: 1
host: { name: nixos, system: x86_64-linux }
inputs: { nixpkgs: "github:NixOS/nixpkgs/nixos-23.11" }
`;

const CONTRACT = `# yaml-language-server: $schema=./spec.schema.json
version: 1

host:
  name: nixos                      # the machine
  system: x86_64-linux

config:
  path: ~/nixos-config
  from: /etc/nixos
  owner: srid
  modules: [./configuration.nix]

inputs:
  nixpkgs: github:NixOS/nixpkgs/nixos-23.11
  home-manager:
    url: github:nix-community/home-manager/release-23.11
    follows: { nixpkgs: nixpkgs }
  wallpapers: { url: "path:./wallpapers", flake: false }

features: [nix-command, flakes]

lock:
  maxAge: 30d
  allow: ["github:NixOS/*", "github:nix-community/*", "path:*"]

git: track
channels: keep
activate: none
`;

const OVERRIDES = `version: 1
host: { name: nixos, system: x86_64-linux }
inputs:
  nixpkgs: github:NixOS/nixpkgs/nixos-23.11
  hm:
    url: github:nix-community/home-manager
    follows: { a: nixpkgs, g: nixpkgs }
    inputs:
`;

/** A spec with several hosts. */
const MANY = (hosts: string): string =>
  `version: 1\nhosts: ${hosts}\ninputs: { nixpkgs: "github:NixOS/nixpkgs/nixos-23.11" }\n`;

/** Text after GOOD (or a whole one), and the lines that are said: `line:column-endColumn code summary | expected | hint`. */
const CASES: readonly (readonly [name: string, text: string, ...said: string[]])[] = [
  ['nothing', '', '1:1-1 error RF1002 the spec is empty | run reflake init to write one'],
  ['only comments', '# a\n', '1:1-1 error RF1002 the spec is empty | run reflake init to write one'],
  ['a list', '- a\n', '1:1-1 error RF1005 the spec must be a map, not a list'],
  ['prose', 'just text', '1:1-1 error RF1005 the spec must be a map, not the text "just text"'],
  [
    'missing keys',
    '# a\nversion: 1\n',
    '2:1-1 error RF1004 missing key host | add host',
    '2:1-1 error RF1004 missing key inputs | add inputs',
  ],
  [
    'features that no Nix knows',
    `${GOOD}features: [flaks, nix-command, no-such-thing, pipe-operators]\n`,
    '4:12-17 error RF1015 unknown experimental feature "flaks" | did you mean "flakes"?',
    '4:32-45 warning RF1015 unknown experimental feature "no-such-thing" | a Nix that does not know it drops it with a warning',
  ],
  [
    'misspelt keys',
    `${GOOD}lock: { alow: [], maxage: 3d }\nfeaturs: []\n`,
    '4:9-13 error RF1003 unknown key "alow" in lock | expected maxAge, allow, eol, indirect, narHash, duplicates, conditions | did you mean "allow"?',
    '4:19-25 error RF1003 unknown key "maxage" in lock | expected maxAge, allow, eol, indirect, narHash, duplicates, conditions | did you mean "maxAge"?',
    '5:1-8 error RF1003 unknown key "featurs" | expected version, host, hosts, config, inputs, follows, features, lock, git, channels, proof, ack, expect, activate | did you mean "features"?',
  ],
  [
    'host beside hosts',
    `${GOOD}hosts: { web: { host: { system: x86_64-linux } } }\n`,
    '2:1-5 error RF1013 host and hosts are both written: a spec is about one machine, or about several | remove one of them',
    '4:1-6 error RF1013 hosts and host are both written: a spec is about one machine, or about several | remove one of them',
  ],
  ['hosts without any', MANY('{}'), '2:8-10 error RF1005 hosts is empty | write at least one host'],
  [
    'hosts that are all gone',
    MANY('{ web: null }'),
    '2:1-6 error RF1005 hosts has no machine that is there | write at least one with its host.system',
  ],
  [
    'a host without a system, and one without anything, beside one that is well',
    MANY('\n  web: { host: { name: w } }\n  db: {}\n  ok: { host: { system: x86_64-linux } }'),
    '3:10-14 error RF1004 missing key hosts.web.host.system | add hosts.web.host.system',
    '4:3-5 error RF1004 missing key hosts.db.host | add hosts.db.host',
  ],
  [
    'two hosts of one attribute, by name, by attribute, and one that is gone',
    MANY(
      '\n  a: { host: { system: x86_64-linux } }\n  b: { host: { name: x, attribute: a, system: x86_64-linux } }\n  x: null\n  c: { host: { name: x, system: x86_64-linux } }',
    ),
    '3:3-4 error RF1013 hosts.a and hosts.b.host.attribute are both written: flake.nix has one host "a" | remove one of them',
    '4:25-34 error RF1013 hosts.b.host.attribute and hosts.a are both written: flake.nix has one host "a" | remove one of them',
    '5:3-4 error RF1013 hosts.x and hosts.c.host.name are both written: flake.nix has one host "x" | remove one of them',
    '6:16-20 error RF1013 hosts.c.host.name and hosts.x are both written: flake.nix has one host "x" | remove one of them',
  ],
  [
    'names of hosts',
    MANY(
      '\n  web.example.org: { host: { system: x86_64-linux } }\n  all: { host: { system: x86_64-linux } }\n  "a/b": { host: { name: a, system: x86_64-linux } }',
    ),
    '5:3-8 error RF1005 "a/b" cannot be the name of a host',
  ],
  [
    'names of hosts that the schema takes',
    MANY('\n  web.example.org: { host: { system: x86_64-linux } }\n  all: { host: { system: x86_64-linux } }'),
    '3:3-18 error RF1005 "web.example.org" cannot be the name of a machine | write hosts.web.example.org.host.name, and there the name without its domain',
    '4:3-6 error RF1005 "all" cannot be the name of a host: --host all means every one | choose another name; host.name and host.attribute may be all',
  ],
  [
    'what all hosts share, in one of them',
    MANY('\n  web: { host: { system: x86_64-linux }, inputs: {}, git: track, lock: {}, activat: none }'),
    '3:42-48 error RF1003 unknown key "inputs" in hosts.web | expected host, config, features, channels, activate | inputs is of all hosts: write it at the top',
    '3:54-57 error RF1003 unknown key "git" in hosts.web | expected host, config, features, channels, activate | git is of all hosts: write it at the top',
    '3:66-70 error RF1003 unknown key "lock" in hosts.web | expected host, config, features, channels, activate | lock is of all hosts: write it at the top',
    '3:76-83 error RF1003 unknown key "activat" in hosts.web | expected host, config, features, channels, activate | did you mean "activate"?',
  ],
  [
    'a wrong default, told once, and a wrong value of one host',
    MANY(
      '\n  web: { host: { system: x86_64-linux }, config: { path: nixos } }\n  db: { host: { system: amd64-linux } }\n  mail: { host: { system: x86_64-linux }, config: { modules: [x.nix] } }\nconfig: { owner: "a b" }',
    ),
    '3:58-63 error RF1005 hosts.web.config.path cannot be "nixos" | such as ~/nixos-config, /etc/nixos | write an absolute path, or one that begins with ~/',
    '5:63-68 error RF1005 hosts.mail.config.modules[0] cannot be "x.nix" | such as ./configuration.nix | write a path below the configuration, beginning with ./',
    '6:18-23 error RF1005 config.owner cannot be "a b" | such as alice, alice:users',
  ],
  [
    'systems and features of hosts and of the default',
    MANY(
      '\n  web: { host: { system: x86_64-linux }, features: [flaks] }\n  db: { host: { system: amd64-linux } }\nfeatures: [nix-comand]',
    ),
    '3:53-58 error RF1015 unknown experimental feature "flaks" | did you mean "flakes"?',
    '4:25-36 error RF1006 unknown system "amd64-linux" | expected x86_64-linux, aarch64-linux, … | did you mean "x86_64-linux"?',
    '5:12-22 error RF1015 unknown experimental feature "nix-comand" | did you mean "nix-command"?',
  ],
  [
    'from without path: the default of one host has it, the other nothing',
    MANY(
      '\n  web: { host: { system: x86_64-linux }, config: { path: /srv } }\n  db: { host: { system: x86_64-linux } }\n  mail: { host: { system: x86_64-linux }, config: { path: /srv, from: /a } }\nconfig: { from: /etc/nixos }',
    ),
    '6:1-7 error RF1004 missing key config.path, which config.from needs | add config.path',
  ],
  [
    'wrong words',
    `${GOOD}activate: swich\ngit: false\nchannels:\n`,
    '4:11-16 error RF1005 unknown value "swich" for activate | expected none, build, test, boot, switch | did you mean "switch"?',
    '5:6-11 error RF1005 unknown value false for git | expected track, off | write "off"',
    '6:1-9 error RF1005 channels is empty | expected keep, retire',
  ],
  [
    'wrong version',
    GOOD.replace('1', '"1"'),
    '1:10-13 error RF1005 unknown value "1" for version | expected 1 | remove the quotes',
  ],
  [
    'wrong types',
    'version: 1\nhost:\n  name: 007\n  system:\ninputs:\n  a: { url: x, flake: no }\n  b: 3\n',
    '3:9-12 error RF1005 host.name must be text, not the number 7 | put it in quotes',
    '4:3-9 error RF1005 host.system is empty | such as x86_64-linux, aarch64-linux',
    '6:23-25 error RF1005 inputs.a.flake must be true or false, not the text "no" | write false',
    '7:6-7 error RF1005 inputs.b must be text or a map, not the number 3 | put it in quotes',
  ],
  [
    'wrong forms',
    `${GOOD}lock: { maxAge: 30 days }\nconfig: { from: nixos, owner: "a b", modules: [x.nix] }\nfeatures: [flakes, flakes]\n`,
    '4:17-24 error RF1005 lock.maxAge cannot be "30 days" | such as 30d, 12h',
    '5:1-7 error RF1004 missing key config.path, which config.from needs | add config.path',
    '5:17-22 error RF1005 config.from cannot be "nixos" | such as /etc/nixos | write an absolute path, or one that begins with ~/',
    '5:31-36 error RF1005 config.owner cannot be "a b" | such as alice, alice:users',
    '5:48-53 error RF1005 config.modules[0] cannot be "x.nix" | such as ./configuration.nix | write a path below the configuration, beginning with ./',
    '6:20-26 error RF1005 features holds the same item twice | remove one',
  ],
  [
    'names of inputs',
    GOOD.replace('nixpkgs:', 'self: "path:./a", a.b:'),
    '3:11-15 error RF1005 "self" cannot be the name of an input | letters, digits, _ and - | self is the flake itself: choose another name',
    '3:29-32 error RF1005 "a.b" cannot be the name of an input | letters, digits, _ and -',
  ],
  [
    'a domain in the name',
    GOOD.replace('nixos,', 'web.example.org,'),
    '2:15-30 error RF1005 host.name cannot be "web.example.org" | such as nixos, web-1 | use the name without its domain: "web"; the whole may be host.attribute',
  ],
  [
    'a system with - and _ exchanged',
    GOOD.replace('x86_64-linux', 'x86-64_linux'),
    '2:30-42 error RF1006 unknown system "x86-64_linux" | expected x86_64-linux, aarch64-linux, … | did you mean "x86_64-linux"?',
  ],
  [
    "another tool's system",
    GOOD.replace('x86_64-linux', 'linux/arm64'),
    '2:30-41 error RF1006 unknown system "linux/arm64" | expected x86_64-linux, aarch64-linux, … | did you mean "aarch64-linux"?',
  ],
  [
    'no system at all',
    GOOD.replace('x86_64-linux', 'toaster'),
    '2:30-37 error RF1006 unknown system "toaster" | expected x86_64-linux, aarch64-linux, … | print that of the machine: nix eval --impure --expr builtins.currentSystem',
  ],
  [
    'references',
    `version: 1
host: { name: nixos, system: x86_64-linux }
inputs:
  a: ~/dotfiles
  b: nixpkgs
  c: { url: "git+https://example.org/x?submodules=true" }
  d: github:NixOS
`,
    '4:6-16 error RF1008 "~/dotfiles" does not mean the home directory: Nix never expands "~" | write the absolute path',
    '5:6-13 warning RF1008 "nixpkgs" is looked up in the flake registry, which can change | write a full reference, such as "github:NixOS/nixpkgs/nixos-unstable"',
    '6:13-56 warning RF1008 "submodules=true" means no: only "1" turns submodules on | write "submodules=1"',
    '7:6-18 error RF1008 "github:NixOS" is read as a relative path, not as a URL | write "github:OWNER/REPO", or "path:./…" if a path is meant',
  ],
  [
    'a reference that Nix refuses',
    GOOD.replace('github:NixOS/nixpkgs/nixos-23.11', 'github:NixOS/nixpkgs#hello'),
    "3:20-48 error RF1007 \"github:NixOS/nixpkgs#hello\" is not a flake reference: unexpected fragment 'hello' in flake reference 'github:NixOS/nixpkgs#hello'",
  ],
  [
    'follows',
    `${GOOD.replace('inputs: { ', 'inputs:\n  ')
      .replace(' }\n', ' }\n')
      .replace(/ \}\n$/, '\n')}  hm:
    url: github:nix-community/home-manager
    follows: { nixpkgs: nixpks, a: hm/a, b: hm/b/c, c: "" }
`,
    '7:25-31 error RF1009 follows names no input: "nixpks" | expected nixpkgs, hm | did you mean "nixpkgs"?',
    '7:36-40 error RF1009 "hm/a" would follow itself',
  ],
  [
    'overrides that are none',
    `${OVERRIDES}      b: {}
      c: { follow: nixpkgs }
      d: ""
`,
    '9:10-12 error RF1005 inputs.hm.inputs.b is empty | write a url, or what it follows',
    '10:12-18 error RF1003 unknown key "follow" in inputs.hm.inputs.c | expected url, flake, follows, inputs | did you mean "follows"?',
    '11:10-12 error RF1005 inputs.hm.inputs.d cannot be ""',
  ],
  [
    'overrides and inputs that follow',
    `${OVERRIDES}      a: { follows: nixpkgs }
      b: { url: github:b/b, follows: nixpkgs, inputs: { c: { inputs: { d: { follows: nowhere } } } } }
      e: "./foo"
      f: github:f/f
follows: { nixpkgs: hm/nixpkgs, x: y, y: x, z: hm/z, w: w, v: nope }
`,
    '4:3-10 error RF1013 inputs.nixpkgs and follows.nixpkgs are both written: an input has one source | remove one of them',
    '7:16-17 error RF1013 inputs.hm.follows.a and inputs.hm.inputs.a.follows are both written: they are one wish | remove one of them',
    '9:12-19 error RF1013 inputs.hm.inputs.a.follows and inputs.hm.follows.a are both written: they are one wish | remove one of them',
    '10:12-15 error RF1013 inputs.hm.inputs.b.url and inputs.hm.inputs.b.follows are both written: an input has one source | remove one of them',
    '10:29-36 error RF1013 inputs.hm.inputs.b.follows and inputs.hm.inputs.b.url are both written: an input has one source | remove one of them',
    '10:86-93 error RF1009 follows names no input: "nowhere" | expected nixpkgs, hm, x, y, z, w, v | add nowhere to inputs',
    '13:12-19 error RF1013 follows.nixpkgs and inputs.nixpkgs are both written: an input has one source | remove one of them',
    '13:36-37 error RF1009 "y" would follow itself',
    '13:42-43 error RF1009 "x" would follow itself',
    '13:57-58 error RF1009 "w" would follow itself',
    '13:63-67 error RF1009 follows names no input: "nope" | expected nixpkgs, hm, x, y, z, w, v | add nope to inputs',
  ],
  ['duplicate key', `${GOOD}"git": off\ngit: off\n`, '5:1-4 error RF1002 duplicate key "git"'],
  ['two documents', `${GOOD}---\nb: 2`, '4:1-5 error RF1002 more than one document | remove everything from "---" on'],
  ['a tab', `${GOOD}lock:\n\tmaxAge: 30d\n`, '5:1-2 error RF1002 tab in the indentation | indent with spaces'],
  [
    'a text that is indented with tabs throughout, and another mistake',
    GOOD.replace('host: {', 'host:\n\t{').replace('inputs: {', 'inputs:\n\t  \t{').replace('nixos,', 'n.o,'),
    '3:1-2 error RF1002 tab in the indentation | indent with spaces, here and in 1 more line',
    '3:10-13 error RF1005 host.name cannot be "n.o" | such as nixos, web-1 | use the name without its domain: "n"; the whole may be host.attribute',
  ],
  [
    'a list item after a tab',
    `${GOOD}features:\n  - flakes\n\t- nix-command\n`,
    '6:1-2 error RF1002 tab in the indentation | indent with spaces',
  ],
  [
    'a merge that conflicts, with a mistake on the first side',
    `${GOOD}<<<<<<< HEAD\ngit: of\n||||||| base\ngit: on\n=======\ngit: track\n>>>>>>> theirs\nchannels: keep\n`,
    '4:1-13 error RF1002 a merge conflict | keep one side, and remove the lines that begin with <<<<<<<, ======= and >>>>>>>',
    '5:6-8 error RF1005 unknown value "of" for git | expected track, off | did you mean "off"?',
  ],
  [
    'two merges that conflict',
    `<<<<<<< HEAD\nversion: 1\n=======\n>>>>>>> b\n${GOOD.replace('version: 1\n', '')}<<<<<<<\n=======\ngit: off\n>>>>>>>\n`,
    '1:1-13 error RF1002 a merge conflict | keep one side, and remove the lines that begin with <<<<<<<, ======= and >>>>>>>',
    '7:1-8 error RF1002 a merge conflict | keep one side, and remove the lines that begin with <<<<<<<, ======= and >>>>>>>',
  ],
  [
    'no space after the first colon',
    GOOD.replace('version: 1', 'version:1'),
    '1:1-9 error RF1002 no space after "version:" | put one after the colon',
  ],
  [
    'no space after a colon: first, last and only member, in braces and after a dash',
    `version: 1
host:
  name:nixos
  system:x86_64-linux
inputs:
  nixpkgs:github:NixOS/nixpkgs/nixos-23.11
config: {owner:srid, path:/srv/c}
lock: {maxAge:30d}
features:
  - flakes
`,
    '3:3-8 error RF1002 no space after "name:" | put one after the colon',
    '4:3-10 error RF1002 no space after "system:" | put one after the colon',
    '6:3-11 error RF1002 no space after "nixpkgs:" | put one after the colon',
    '7:10-16 error RF1002 no space after "owner:" | put one after the colon',
    '7:22-27 error RF1002 no space after "path:" | put one after the colon',
    '8:8-15 error RF1002 no space after "maxAge:" | put one after the colon',
  ],
  [
    'colons that need no space beside one that does, and a mistake behind it',
    `version:1 # not:this
host: { name: nixos, system: x86_64-linux }
inputs:
  nixpkgs:
    github:NixOS/nixpkgs/nixos-23.11
  a:github:a/a#b
lock: { allow: [github:a/*, path:*] }
`,
    '1:1-9 error RF1002 no space after "version:" | put one after the colon',
    '6:3-5 error RF1002 no space after "a:" | put one after the colon',
    "6:5-17 error RF1007 \"github:a/a#b\" is not a flake reference: unexpected fragment 'b' in flake reference 'github:a/a#b'",
  ],
  [
    'of one line only its first mistake is told: the others follow from it',
    `${GOOD}git: [x\nchannels: keep\n`,
    '5:1-2 error RF1002 flow sequence in block collection must be sufficiently indented and end with a ]',
  ],
  [
    'ages without a unit',
    `${GOOD}lock: { maxAge: 30 }\n`,
    '4:17-19 error RF1005 lock.maxAge must be text, not the number 30 | such as 30d, 12h | add its unit: 30d is so many days',
  ],
  [
    'an age in quotes without a unit, one in words, and a version that is text',
    `${GOOD.replace('1', '"1"')}lock: { maxAge: "30" }\n`,
    '1:10-13 error RF1005 unknown value "1" for version | expected 1 | remove the quotes',
    '4:17-21 error RF1005 lock.maxAge cannot be "30" | such as 30d, 12h | add its unit: 30d is so many days',
  ],
  [
    'numbers where text is meant',
    GOOD.replace('name: nixos', 'name: 7'),
    '2:15-16 error RF1005 host.name must be text, not the number 7 | put it in quotes',
  ],
  [
    'forges, misspelt and as web pages',
    `version: 1
host: { name: nixos, system: x86_64-linux }
inputs:
  a: gihub:NixOS/nixpkgs/nixos-26.05
  b: https://github.com/NixOS/nixpkgs
  c: https://github.com/NixOS/nixpkgs/tree/nixos-26.05
  d: "http://www.gitlab.com/a/b/"
  e: https://codeberg.org/a/b
  f: github.com/NixOS/nixpkgs
  g: github/NixOS/nixpkgs
  h: https://github.com/NixOS/nixpkgs/archive/nixos-26.05.tar.gz
  i: gti+https://example.org/x
  j: https://github.com/a/b.git
  k: { url: "https://github.com/a/b", flake: false }
  l: https://flakehub.com/f/NixOS/nixpkgs/*
`,
    '4:6-37 error RF1007 "gihub:NixOS/nixpkgs/nixos-26.05" is not a flake reference: input \'gihub:NixOS/nixpkgs/nixos-26.05\' is unsupported | did you mean "github:NixOS/nixpkgs/nixos-26.05"?',
    '5:6-38 error RF1008 "https://github.com/NixOS/nixpkgs" is a web page, not the source | write "github:NixOS/nixpkgs"',
    '6:6-55 error RF1008 "https://github.com/NixOS/nixpkgs/tree/nixos-26.05" is a web page, not the source | write "github:NixOS/nixpkgs/nixos-26.05"',
    '7:6-34 error RF1008 "http://www.gitlab.com/a/b/" is a web page, not the source | write "gitlab:a/b"',
    '8:6-30 error RF1008 "https://codeberg.org/a/b" is a web page, not the source | write "git+https://codeberg.org/a/b"',
    '9:6-30 error RF1008 "github.com/NixOS/nixpkgs" is read as a relative path, not as a URL | write "github:NixOS/nixpkgs"',
    '10:6-26 error RF1007 "github/NixOS/nixpkgs" is not a flake reference: in flake URL \'flake:github/NixOS/nixpkgs\', \'nixpkgs\' is not a commit hash | did you mean "github:NixOS/nixpkgs"?',
    '12:6-31 error RF1007 "gti+https://example.org/x" is not a flake reference: input \'gti+https://example.org/x\' is unsupported | did you mean "git+https://example.org/x"?',
    '13:6-32 error RF1008 "https://github.com/a/b.git" is a web page, not the source | write "github:a/b"',
    '14:13-37 error RF1008 "https://github.com/a/b" is a web page, not the source | write "github:a/b"',
  ],
  [
    'urls that name no host',
    `version: 1
host: { name: nixos, system: x86_64-linux }
inputs:
  a: https//foo
  b: "https:///foo.tar.gz"
  c: "git+ssh://"
  d: "git+https:///x"
  e: "file:///srv/a.tar.gz"
  f: "git+file:///srv/a"
  g: "https:/foo"
`,
    '4:6-16 error RF1008 "https//foo" is read as a relative path, not as a URL | write "https://foo"',
    '5:6-27 error RF1008 "https:///foo.tar.gz" names no host | write it between // and the path: https://HOST/…',
    '6:6-18 error RF1008 "git+ssh://" names no host | write it between // and the path: git+ssh://HOST/…',
    '7:6-22 error RF1008 "git+https:///x" names no host | write it between // and the path: git+https://HOST/…',
    '10:6-18 error RF1008 "https:/foo" names no host | write it between // and the path: https://HOST/…',
  ],
  ['key that is a list', '? [a]\n: b', '1:3-4 error RF1002 key that is not text | write the key as plain text'],
  ['tag', `${GOOD}git: !foo track\n`, '4:6-10 error RF1002 unknown tag "!foo" | remove it'],
  [
    'tag of other schemas',
    `${GOOD}git: !!binary dHJhY2s=\n`,
    '4:15-23 error RF1002 unknown tag "!!binary" | remove it',
  ],
  [
    'alias before its anchor',
    'a: *x\nb: &x 1\n',
    '1:4-6 error RF1002 alias "*x" without an anchor before it | quote the value if it is meant as text',
  ],
  ['merge of a number', '<<: 3\n', '1:1-3 error RF1002 merge sources must be maps or map aliases'],
  ['NUL', 'a: \0b', '1:4-5 error RF1002 control character U+0000 | remove it'],
  [
    'a value inside a value',
    'a: b: c',
    '1:4-5 error RF1002 mapping where a plain value is expected | check the indentation, and quote a value that contains ": "',
  ],
  [
    'an alias of itself',
    `${GOOD}features: &f [*f]\n`,
    '4:15-17 error RF1005 features[0] must be text, not a list | such as nix-command, flakes',
  ],
];

const JSON_CASES: readonly (readonly [name: string, text: string, ...said: string[]])[] = [
  [
    'trailing comma',
    '{\n  "version": 1,\n}',
    '2:15-16 error RF1002 comma before "}" | remove it: JSON has no trailing commas',
  ],
  ['comment', '{ // c\n}', '1:3-5 error RF1002 comment in JSON | remove it, or write the spec as YAML'],
  ['duplicate key', '{"a": 1,\n "a": 2}', '2:2-5 error RF1002 duplicate key "a"'],
  ['cut off', '{"a": ', '1:7-7 error RF1002 the text ends where a value is expected'],
  ['bare word', '{"a": x86_64-linux}', '1:7-19 error RF1002 unexpected "x86_64-linux" | put text in double quotes'],
  ['single quotes', "{'a': 1}", '1:2-3 error RF1002 expected a key in double quotes, found "\'"'],
  ['open string', '{"a": "b\n}', '1:7-9 error RF1002 string without a closing quote'],
  ['bad escape', '{"a": "\\x"}', '1:8-10 error RF1002 unknown escape in a string'],
  ['more after it', '{} {}', '1:4-5 error RF1002 unexpected text after the end of the JSON value'],
  [
    'schema',
    '{"version": 1, "host": {"name": "a", "system": "x86_64-linux"}, "inputs": {}, "gt": "off"}',
    '1:79-83 error RF1003 unknown key "gt" | expected version, host, hosts, config, inputs, follows, features, lock, git, channels, proof, ack, expect, activate | did you mean "git"?',
  ],
  [
    '__proto__ is a key like any other',
    '{"__proto__": {"version": 1}, "version": 1, "host": {"name": "a", "system": "x86_64-linux"}, "inputs": {}}',
    '1:2-13 error RF1003 unknown key "__proto__" | expected version, host, hosts, config, inputs, follows, features, lock, git, channels, proof, ack, expect, activate',
  ],
  ['null', 'null', '1:1-1 error RF1002 the spec is empty | run reflake init to write one'],
];

describe('what is said about a spec', () => {
  test.each(CASES)('%s', async (_name, text, ...said) => {
    expect(saidOf(await loadSpec('reflake.yaml', text))).toEqual(said);
  });
  test.each(JSON_CASES)('JSON: %s', async (_name, text, ...said) => {
    expect(saidOf(await loadSpec('reflake.json', text))).toEqual(said);
  });

  test.each([
    ['lists', '['.repeat(50_000)],
    ['maps', '{a: '.repeat(20_000)],
  ])('deep %s are refused', async (_name, text) => {
    expect(saidOf(await loadSpec('reflake.yaml', text))[0]).toContain('RF1002');
    expect(saidOf(await loadSpec('reflake.json', text))[0]).toContain('RF1002');
  });

  test('an alias bomb is refused', async () => {
    const bomb = Array.from(
      { length: 9 },
      (_, n) =>
        `b${n}: &b${n} [${Array(9)
          .fill(n ? `*b${n - 1}` : 'x')
          .join(',')}]`,
    );
    expect(saidOf(await loadSpec('reflake.yaml', bomb.join('\n')))).toEqual(['2:10-13 error RF1002 too many aliases']);
  });

  test('so is one of a size that no spec has', async () => {
    const said = saidOf(await loadSpec('reflake.yaml', `${GOOD}#${'x'.repeat(300_000)}`));
    expect(said).toEqual(['1:1-1 error RF1002 the spec is larger than 256 KiB']);
  });
});

describe('a good spec with one slip has one error, at the slip', () => {
  const lines = CONTRACT.trimEnd().split('\n');
  const withLine = (at: number, ...changed: string[]): string => `${lines.toSpliced(at, 1, ...changed).join('\n')}\n`;
  const summaryOf = async (text: string): Promise<readonly string[]> => {
    const { ok, diagnostics } = await loadSpec('reflake.yaml', text);
    return ok ? [] : diagnostics.map(({ at, summary }) => `${at?.line} ${summary}`);
  };
  const keys = lines.flatMap((line, at) =>
    [...line.matchAll(/(?<=^ *|[{,] )(\w[\w-]*): /g)].map(({ 1: key, index }) => [at + 1, key!, index] as const),
  );

  test.each(keys)('line %i, no space after %s:', async (number, key, index) => {
    const line = lines[number - 1]!;
    const colon = index + key.length + 1;
    const text = withLine(number - 1, line.slice(0, colon) + line.slice(colon + 1));
    expect(await summaryOf(text)).toEqual([`${number} no space after "${key}:"`]);
  });

  const inner = lines.flatMap((line, at) => (/^ +\S/.test(line) ? [at] : []));
  test.each(inner)('index %i, a tab', async (at) => {
    expect(await summaryOf(withLine(at, lines[at]!.replace('  ', '\t')))).toEqual([`${at + 1} tab in the indentation`]);
  });

  const written = lines.flatMap((line, at) => (/^[^#]/.test(line) ? [at] : []));
  test.each(written)('index %i, a conflict', async (at) => {
    const text = withLine(at, '<<<<<<< HEAD', lines[at]!, '=======', '  other: side', '>>>>>>> theirs');
    expect(await summaryOf(text)).toEqual([`${at + 1} a merge conflict`]);
  });
});

describe('a good spec', () => {
  test('is the value that was written', async () => {
    const { hosts, diagnostics } = good(await loadSpec('reflake.yaml', CONTRACT));
    expect(diagnostics).toEqual([]);
    expect(hosts.views[0].spec).toMatchObject({
      version: 1,
      config: { path: '~/nixos-config' },
      git: 'track',
      lock: { maxAge: '30d' },
    });
    expect(inputsOf(hosts.views[0].spec)).toEqual([
      {
        name: 'nixpkgs',
        url: 'github:NixOS/nixpkgs/nixos-23.11',
        flake: true,
        overrides: [],
        pointer: '/inputs/nixpkgs',
        urlPointer: '/inputs/nixpkgs',
      },
      {
        name: 'home-manager',
        url: 'github:nix-community/home-manager/release-23.11',
        flake: true,
        overrides: [
          { path: ['nixpkgs'], follows: { value: 'nixpkgs', pointer: '/inputs/home-manager/follows/nixpkgs' } },
        ],
        pointer: '/inputs/home-manager',
        urlPointer: '/inputs/home-manager/url',
      },
      {
        name: 'wallpapers',
        url: 'path:./wallpapers',
        flake: false,
        overrides: [],
        pointer: '/inputs/wallpapers',
        urlPointer: '/inputs/wallpapers/url',
      },
    ]);
  });

  test('off is a word, also under %YAML 1.1', async () => {
    const { hosts } = good(await loadSpec('reflake.yaml', `%YAML 1.1\n---\n${GOOD}git: off\n`));
    expect(hosts.views[0].spec.git).toBe('off');
  });

  test('its digest knows no comments, order or format', async () => {
    const plain = good(await loadSpec('a.yaml', GOOD)).digest;
    const moved = `\uFEFF# c\ninputs:\n  nixpkgs: github:NixOS/nixpkgs/nixos-23.11\nhost:\n  system: x86_64-linux\n  name: nixos\nversion: 1\n`;
    const json =
      '{"version":1,"host":{"name":"nixos","system":"x86_64-linux"},"inputs":{"nixpkgs":"github:NixOS/nixpkgs/nixos-23.11"}}';
    expect(plain).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(good(await loadSpec('b.yaml', moved)).digest).toBe(plain);
    expect(good(await loadSpec('c.json', json)).digest).toBe(plain);
    expect(good(await loadSpec('d.yaml', `${GOOD}git: off\n`)).digest).not.toBe(plain);
  });

  test.each([
    ['/host/name', 'value', 5, 9, 14],
    ['/host/name', 'key', 5, 3, 7],
    ['/config/modules/0', 'key', 12, 13, 32],
    ['/inputs/home-manager/follows/nixpkgs', 'value', 18, 25, 32],
    ['/inputs/home-manager', 'key', 16, 3, 15],
    ['/lock/allow/2', 'value', 25, 55, 63],
    ['/git', 'value', 27, 6, 11],
  ] as const)('%s: the %s stands at %i:%i', async (pointer, what, line, column, endColumn) => {
    const { locate } = good(await loadSpec('reflake.yaml', CONTRACT));
    expect(locate(pointer, what)).toEqual({ file: 'reflake.yaml', line, column, endLine: line, endColumn });
  });

  test.each(['/hosts', '/inputs/nixpkgs/url', '/config/modules/1', '/config/modules/x', '/git/0'])(
    '%s stands nowhere',
    async (pointer) => {
      expect(good(await loadSpec('reflake.yaml', CONTRACT)).locate(pointer)).toBeUndefined();
    },
  );

  test('wishes that come through aliases and merges have their place', async () => {
    const text = `version: 1
host: { name: nixos, system: x86_64-linux }
inputs:
  a: &a { url: "github:x/a", follows: { nixpkgs: c } }
  b: { <<: *a, url: "github:x/b" }
  c: &c github:x/c
  d: *c
`;
    const { hosts, locate } = good(await loadSpec('reflake.yaml', text));
    expect(hosts.views[0].spec.inputs).toMatchObject({
      b: { url: 'github:x/b', follows: { nixpkgs: 'c' } },
      d: 'github:x/c',
    });
    expect(locate('/inputs/b/follows/nixpkgs')).toMatchObject({ line: 4, column: 50 });
    expect(locate('/inputs/b/url')).toMatchObject({ line: 5, column: 21 });
    expect(locate('/inputs/d')).toMatchObject({ line: 7, column: 6 });
  });
});

describe('on any text at all', () => {
  const pieces = fc.constantFrom(
    'version',
    ': ',
    ':',
    '1',
    '\n',
    '  ',
    '\t',
    'host',
    'inputs',
    '- ',
    '[',
    ']',
    '{',
    '}',
    ',',
    '&a',
    '*a',
    '<<',
    '!x',
    '!!binary',
    '"',
    "'",
    '|',
    '>',
    '#',
    '---',
    '...',
    '%YAML 1.1',
    '? ',
    '~',
    'null',
    '.nan',
    '0x1F',
    'github:a/b',
    'follows',
    '\r',
    '\uFEFF',
    '\\',
    '\uD800',
    '\u{1F600}',
    '__proto__',
    'constructor',
    'toString',
    '~/x',
    '@',
    '`',
    'features',
    'lock',
    'git',
    '\u2028',
  );
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(pieces, { maxLength: 40 }).map((parts) => parts.join('')),
    fc.json(),
    fc.array(pieces, { maxLength: 12 }).map((parts) => GOOD + parts.join('')),
  );
  test.each(['reflake.yaml', 'reflake.json'])('%s: never throws, and every place is inside the text', async (file) => {
    await fc.assert(
      fc.asyncProperty(text, async (content) => {
        const loaded = await loadSpec(file, content);
        const lines = content.split('\n');
        if (!loaded.ok) expect(loaded.diagnostics.length).toBeGreaterThan(0);
        for (const { at, code, summary } of loaded.diagnostics) {
          expect(Object.keys(CODES)).toContain(code);
          expect(summary).not.toMatch(/undefined|\[object|\n/);
          expect(at).toBeDefined();
          expect(at!.line).toBeGreaterThan(0);
          expect(at!.column).toBeGreaterThan(0);
          expect(at!.endLine).toBeLessThanOrEqual(lines.length);
          expect(at!.column).toBeLessThanOrEqual(Array.from(lines[at!.line - 1]!).length + 1);
          expect(at!.endColumn).toBeLessThanOrEqual(Array.from(lines[at!.endLine - 1]!).length + 1);
          expect(at!.endLine > at!.line || at!.endColumn >= at!.column).toBe(true);
        }
      }),
      { numRuns: 400 },
    );
  });

  test('JSON means what JSON.parse says it means', async () => {
    const { parseJson } = await import('../../../core/formats/json.ts');
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), (json) => {
        // JSON.parse keeps the last of two equal keys; fc.json never writes two.
        const parsed = parseJson(json);
        expect(parsed.ok && parsed.value).toEqual(JSON.parse(json));
      }),
    );
  });
});

function good(loaded: LoadedSpec): Extract<LoadedSpec, { ok: true }> {
  if (!loaded.ok) throw new Error(saidOf(loaded).join('\n'));
  return loaded;
}

function saidOf(loaded: LoadedSpec): string[] {
  return loaded.diagnostics.map((diagnostic) => {
    const { at, severity, code, summary, hint } = diagnostic;
    const { expected } = diagnostic as { expected?: string };
    // The end column counts only on the first line.
    const end = at?.endLine === at?.line ? at?.endColumn : (at?.column ?? 0) + 4;
    return [`${at?.line}:${at?.column}-${end} ${severity} ${code} ${summary}`, expected, hint]
      .filter((part) => part !== undefined)
      .join(' | ');
  });
}

describe('hosts over what they share', () => {
  const TEXT = `version: 1
hosts:
  web:
    host: { system: x86_64-linux }
    config: { modules: [./web.nix] }
    features: [flakes]
  db: { host: { name: db-1, attribute: db.example.org, system: aarch64-linux }, activate: none }
  old: null
config: { path: /srv, owner: root, modules: [./common.nix, ./all.nix] }
features: [nix-command, flakes]
activate: switch
inputs: { nixpkgs: "github:NixOS/nixpkgs" }
`;

  test('objects merge, lists and words replace; what is of the repository is of each', async () => {
    const { hosts } = good(await loadSpec('reflake.yaml', TEXT));
    const inputs = { nixpkgs: 'github:NixOS/nixpkgs' };
    expect(hosts).toEqual({
      views: [
        {
          key: 'web',
          spec: {
            version: 1,
            host: { name: 'web', system: 'x86_64-linux' },
            config: { path: '/srv', owner: 'root', modules: ['./web.nix'] },
            features: ['flakes'],
            activate: 'switch',
            inputs,
          },
        },
        {
          key: 'db',
          spec: {
            version: 1,
            host: { name: 'db-1', attribute: 'db.example.org', system: 'aarch64-linux' },
            config: { path: '/srv', owner: 'root', modules: ['./common.nix', './all.nix'] },
            features: ['nix-command', 'flakes'],
            activate: 'none',
            inputs,
          },
        },
      ],
      gone: ['old'],
    });
  });

  test.each([
    ['what a host says itself', '/hosts/web/config/modules/0', 5, 25],
    ['what it takes from the default', '/hosts/web/config/path', 9, 17],
    ['a whole list of the default', '/hosts/db/features', 10, 11],
    ['a word over the default', '/hosts/db/activate', 7, 91],
    ['the default itself', '/features/1', 10, 25],
    ['what is of the repository', '/inputs/nixpkgs', 12, 20],
  ])('%s has its place where it was said', async (_what, pointer, line, column) => {
    const { locate } = good(await loadSpec('reflake.yaml', TEXT));
    expect(locate(pointer)).toMatchObject({ line, column });
  });

  test('no host has what only the top may have', async () => {
    const { locate } = good(await loadSpec('reflake.yaml', TEXT));
    expect(locate('/hosts/web/inputs/nixpkgs')).toBeUndefined();
    expect(locate('/hosts/web/host/name')).toBeUndefined();
  });

  test('one host alone in `hosts` is the same spec as in `host`', () => {
    const inputs = {};
    const config = { path: '/srv', modules: ['./a.nix'] };
    const host = { name: 'n', system: 'x86_64-linux' };
    const [one] = hostsOf({ version: 1, hosts: { n: { host, config } }, inputs }).views;
    expect(one.spec).toEqual(hostsOf({ version: 1, host, config, inputs }).views[0].spec);
  });
});
