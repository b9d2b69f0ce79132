// Generated from tests/cases by tests/explain.test.ts (UPDATE_EXAMPLES=1). Do not edit.

import type { Code } from '../../core/codes.ts';
import type { CodeExample } from '../../core/event.ts';

export const EXAMPLES: Partial<Record<Code, CodeExample>> = {
  "RF1001": {
    "about": "The spec is not where --spec says.",
    "says": "the spec \"spec.json\" cannot be read: there is no such file (run reflake init to write one)"
  },
  "RF1002": {
    "about": "a spec that says",
    "text": "version: 1\nhost: { name: laptop, system: x86_64-linux\n",
    "says": "reflake.yaml:3:1: flow map in block collection must be sufficiently indented and end with a }"
  },
  "RF1003": {
    "about": "a spec that says",
    "text": "version: 1\nhost: { name: laptop, system: x86_64-linux }\ninputs: { nixpkgs: github:NixOS/nixpkgs/nixos-26.05 }\nfeature: [flakes]\n",
    "says": "reflake.yaml:4:1: unknown key \"feature\" (did you mean \"features\"?)"
  },
  "RF1004": {
    "about": "a spec that says",
    "text": "version: 1\nhost: { system: x86_64-linux }\n",
    "says": "reflake.yaml:1:1: missing key inputs (add inputs)"
  },
  "RF1005": {
    "about": "a spec that says",
    "text": "version: 1\nhost: { name: laptop, system: x86_64-linux }\ngit: maybe\ninputs: {}\n",
    "says": "reflake.yaml:3:6: unknown value \"maybe\" for git"
  },
  "RF1006": {
    "about": "a spec that says",
    "text": "version: 1\nhost: { name: laptop, system: x86-linux }\ninputs: {}\n",
    "says": "reflake.yaml:2:31: unknown system \"x86-linux\" (did you mean \"i686-linux\"?)"
  },
  "RF1007": {
    "about": "a spec that says",
    "text": "version: 1\nhost: { name: laptop, system: x86_64-linux }\ninputs: { nixpkgs: \"github:NixOS/nixpkgs?rev=abc\" }\n",
    "says": "reflake.yaml:3:20: \"github:NixOS/nixpkgs?rev=abc\" is not a flake reference: hash 'abc' has wrong length for hash algorithm 'sha1'"
  },
  "RF1008": {
    "about": "a spec that says",
    "text": "version: 1\nhost: { name: laptop, system: x86_64-linux }\ninputs: { dots: \"path:~/dots\" }\n",
    "says": "reflake.yaml:3:17: \"path:~/dots\" does not mean the home directory: Nix never expands \"~\" (write the absolute path)"
  },
  "RF1009": {
    "about": "a spec that says",
    "text": "version: 1\nhost: { name: laptop, system: x86_64-linux }\ninputs:\n  nixpkgs: github:NixOS/nixpkgs/nixos-26.05\n  home-manager: { url: github:nix-community/home-manager, follows: { nixpkgs: nixpkg } }\n",
    "says": "reflake.yaml:5:79: follows names no input: \"nixpkg\" (did you mean \"nixpkgs\"?)"
  },
  "RF1011": {
    "about": "Root is to apply a spec that somebody else can write.",
    "says": "the spec \"spec.json\" may be somebody else’s word: \"spec.json\" belongs to nobody (copy it to where only you can write, or say whose word it is: --trust-spec-of nobody)"
  },
  "RF1012": {
    "about": "The author of the spec is trusted, and not with features.",
    "says": "spec.json:1:79: a spec of nobody may not wish for this: \"/home/srid/nixos-config\" is not in a directory of nobody’s (write a path below /nonexistent; or, if root trusts them with everything: --trust-spec-of nobody:all)"
  },
  "RF1013": {
    "about": "a spec that says",
    "text": "version: 1\nhost: { name: laptop, system: x86_64-linux }\ninputs:\n  a: { url: \"github:a/b\", follows: { b: c }, inputs: { b: { follows: c } } }\n  c: github:c/d\n",
    "says": "reflake.yaml:4:38: inputs.a.follows.b and inputs.a.inputs.b.follows are both written: they are one wish (remove one of them)"
  },
  "RF1015": {
    "about": "a spec that says",
    "text": "version: 1\nhost: { name: laptop, system: x86_64-linux }\nfeatures: [flake]\ninputs: {}\n",
    "says": "reflake.yaml:3:12: unknown experimental feature \"flake\" (did you mean \"flakes\"?)"
  },
  "RF1016": {
    "about": "What was accepted is no longer there.",
    "says": "spec.json:1:242: the acknowledgement \"later\" is about nothing that is found here (remove it; a finding that changed is another one)"
  },
  "RF1017": {
    "about": "ack, and the spec is immutable.",
    "says": "\"spec.json\" cannot be written: permission denied (EPERM) (add these lines by hand)"
  },
  "RF1018": {
    "about": "The table of ends of support is not JSON.",
    "says": "ends.json:1:1: unexpected \"soon\" (put text in double quotes)"
  },
  "RF2001": {
    "about": "The owner in the spec is no user.",
    "says": "spec.json:1:124: no user \"sird\" on this machine (use one of: srid)"
  },
  "RF2002": {
    "about": "The running machine has another processor.",
    "says": "this machine is x86_64-linux, and the spec is for aarch64-linux (run this on the machine that the spec names, or write a spec for this one: reflake init)"
  },
  "RF2003": {
    "about": "The new place is a file.",
    "says": "\"/home/srid/nixos-config\" is not a directory (choose another path, or move it away)"
  },
  "RF2004": {
    "about": "A module of one host does not parse, one of two others is missing: told once for both, and the others hold.",
    "says": "the module \"gone.nix\" is not there (mend config.modules, or put the file in its place)"
  },
  "RF2006": {
    "about": "flake.nix does not parse.",
    "says": "flake.nix cannot be read: the file ends where ';' is expected (mend the file at the place shown)"
  },
  "RF2007": {
    "about": "A host that is added has a module that says another system, which would win over what flake.nix says.",
    "says": "the system of 'db' stands in ./db.nix"
  },
  "RF2008": {
    "about": "flake.nix is a directory.",
    "says": "\"/home/srid/nixos-config/flake.nix\" is a directory (put a regular text file in its place)"
  },
  "RF2009": {
    "about": "A module does not parse.",
    "says": "unexpected ';', expected an expression (mend the file at the place shown)"
  },
  "RF2010": {
    "about": "home-manager makes the file that decides.",
    "says": "\"/home/srid/.config/nix/nix.conf\" is made by home-manager and does not enable nix-command, flakes"
  },
  "RF2011": {
    "about": "A line that Nix stops at.",
    "says": "syntax error in configuration line 'sandbox false' in \"/etc/nix/nix.conf\" (mend the line: every nix command fails until then)"
  },
  "RF2012": {
    "about": "The lock was cut off.",
    "says": "/home/srid/nixos-config/flake.lock:2:1: flake.lock is damaged: expected a key in double quotes, found the end (take it from git if you need the same revisions: git checkout flake.lock)"
  },
  "RF2013": {
    "about": "Conflict markers: what both sides agree on stays.",
    "says": "flake.lock has merge conflicts; locked again: nixpkgs (after the apply, tell git that they are resolved: git add flake.lock)"
  },
  "RF2014": {
    "about": "A condition is stricter than the rule at the top, for the inputs that it names.",
    "says": "input \"nixpkgs\" is 173 days old, more than 14 days: 0123456789ab… (2024-07-03)"
  },
  "RF2015": {
    "about": "A rule would hide a file that the flake needs from a repository that has still to be made.",
    "says": "\"hardware-configuration.nix\" is needed by the flake, and git ignores it: \"hardware-*.nix\" (/home/srid/nixos-config/.gitignore:1) (change the rule, or add the file by hand: git add --force hardware-configuration.nix)"
  },
  "RF2016": {
    "about": "A sparse index, which git reads for Nix 2.8, and which is not written.",
    "says": "the git index cannot be edited: the git index needs the extension 'sdir' understood (make the files visible by hand: git add --intent-to-add FILE…)"
  },
  "RF2017": {
    "about": "What has the name .git is a FIFO: Nix looks no further up.",
    "says": "\".git\" is a fifo (move it out of the configuration)"
  },
  "RF2018": {
    "about": "A module with another name outside is not given other bytes.",
    "says": "\"/home/srid/nixos-config/configuration.nix\" has other names too, and would no longer be the same file (make it a file of its own: cp --remove-destination)"
  },
  "RF2020": {
    "about": "A system can be activated on the machine itself only.",
    "says": "a system can be activated only on the machine itself, not under --root (write activate: none, or run reflake on the machine)"
  },
  "RF2021": {
    "about": "The old place is a link to somewhere else.",
    "says": "\"/etc/nixos\" is a link to \"/srv/config\" (remove the link, or make config.path the directory that it leads to)"
  },
  "RF2022": {
    "about": "The lock takes an input for a flake that flake.nix says is none.",
    "says": "input \"dots\" is no flake in flake.nix and a flake in the lock, which Nix goes by"
  },
  "RF2023": {
    "about": "A path input is not what was locked.",
    "says": "input \"dots\": the tree at \"/home/srid/nixos-config/dots\" is not what was locked"
  },
  "RF2024": {
    "about": "Git shows the lock and not flake.nix.",
    "says": "flake.nix is not in git's index, so Nix takes it as missing (write git: track, or run: git add --intent-to-add flake.nix)"
  },
  "RF2025": {
    "about": "A node of the lock that nothing refers to.",
    "says": "1 input of an input is the same as an input of the flake: \"nixpkgs\" once"
  },
  "RF2026": {
    "about": "An input that newer Nix refuses.",
    "says": "input \"other\" has a reference and follows \"nixpkgs\" (remove one of them: Nix 2.30 refuses both, older Nix ignores the reference)"
  },
  "RF2027": {
    "about": "An input follows one that is not there.",
    "says": "input \"home\" follows a non-existent input \"none\" (declare the input that is followed, or correct its name)"
  },
  "RF2028": {
    "about": "To Nix 2.8 a url without the ending of a tarball is none.",
    "says": "the Nix of this machine (2.8) refuses flake.nix: input \"nixpkgs\": input 'https://flakehub.com/f/NixOS/nixpkgs/0.1' is unsupported (update Nix, or write it in a way that this one takes)"
  },
  "RF2029": {
    "about": "A module does not parse.",
    "says": "the text does not tell which name the configuration gives the machine: the module ./configuration.nix can't be read: unexpected ';', expected an expression (write networking.hostName out in a module of the host)"
  },
  "RF2030": {
    "about": "A follows without a target.",
    "says": "input \"home/nixpkgs\" is to follow \"nixpkgz\", but there is no input \"nixpkgz\" (declare inputs.nixpkgz or correct the name)"
  },
  "RF2031": {
    "about": "A computed list is not edited.",
    "says": "whether nix-command, flakes are enabled is not known: it is the result of `splitString`, not a list that the text shows"
  },
  "RF2032": {
    "about": "The policy is about a lock that has still to be made, and there is no Nix.",
    "says": "lock.maxAge cannot be judged: flake.lock has still to be made (reflake plan makes the lock, in a scratch directory, and judges it)"
  },
  "RF2033": {
    "about": "Nothing has changed, and it is not built again only to see that it builds.",
    "says": "whether the system builds is not known: nothing has changed, so it is not built again (build it: nix build)"
  },
  "RF2034": {
    "about": "A path input that this machine does not hold: the image may be for one that does.",
    "says": "input \"dots\": there is nothing at \"/srv/dots\" (put it back, or change the url)"
  },
  "RF2035": {
    "about": "An input of an input is a local tree, and has changed since.",
    "says": "input \"data\" of an input: the tree at \"/srv/data\" is not what was locked (lock it again in the flake that declares it, or let it follow an input of yours)"
  },
  "RF2036": {
    "about": "A node of the lock that nothing refers to.",
    "says": "node \"left\" of the lock belongs to no input (run \"nix flake lock\" when an input changes; it drops the node)"
  },
  "RF2040": {
    "about": "A link of the owner in the place of the configuration leads to root’s.",
    "says": "spec.json:1:79: \"/home/srid/nixos-config\" is in the hands of srid, and leads to \"/srv\", which belongs to root (name the directory itself, or remove the link)"
  },
  "RF2041": {
    "about": "A directory of root's in their tree that they could not read: nothing in it is looked at.",
    "says": "\"secret\" belongs to root:root, and is closed to srid:users, so it is not given to them (move it out of the configuration, or look at it and run: sudo chown -R -h 1000:100 -- '/home/srid/nixos-config/secret')"
  },
  "RF2042": {
    "about": "A file system is mounted at what is to move.",
    "says": "spec.json:1:79: a file system is mounted at \"/etc/nixos\", which can be neither moved nor replaced (unmount it first)"
  },
  "RF2043": {
    "about": "The directory that would change is immutable.",
    "says": "spec.json:1:79: \"/etc\" is immutable (look why, then run: chattr -i '/etc')"
  },
  "RF2044": {
    "about": "What the running system says of itself comes first.",
    "says": "the spec wishes nixpkgs 24.05, and the running system is 25.05 (name release 25.05, or go back on purpose: --allow-downgrade)"
  },
  "RF2050": {
    "about": "A directory is handed to a function: whether its other files are needed is not known.",
    "says": "whether the flake needs modules/ssh.nix is not known, and git does not show it to Nix: the directory \"modules\" is handed on whole (show what is needed: git add --intent-to-add FILE…; ignore the rest in .gitignore)"
  },
  "RF2051": {
    "about": "What has the name .git is a FIFO: Nix looks no further up.",
    "says": "Nix cannot use the git repository at \"/home/srid/nixos-config\": its .git is neither a directory nor a file (move .git out of the way, or put the repository back that belongs there)"
  },
  "RF2052": {
    "about": "Its refs are in a reftable, and the Nix of the machine runs git.",
    "says": "whether Nix can use the git repository at \"/home/srid/nixos-config\" depends on its git: its format has the extension \"refstorage\" (git refs migrate --ref-format=files, then git config --unset extensions.refstorage)"
  },
  "RF2053": {
    "about": "The same, and flake.nix asks for submodules; the index of this one has nothing.",
    "says": "\"sub/m.nix\" is needed by the flake, and \"sub\" is a submodule, whose index does not have it (git -C sub add --intent-to-add m.nix)"
  },
  "RF2054": {
    "about": "A git command is at work on the index.",
    "says": "a git command is at work in the repository: there is \"/home/srid/nixos-config/.git/index.lock\" (wait until it is done; if no git runs, remove the file)"
  },
  "RF2055": {
    "about": "An import through a link that leads out of the flake.",
    "says": "\"configuration.nix\" reaches what is no part of the flake: \"users.nix\" is an absolute link, to \"/srv/users.nix\" (put the file itself there, or a relative link to a file of the configuration)"
  },
  "RF2056": {
    "about": "What only comes to something else is advice.",
    "says": "\"configuration.nix\" asks the environment (getEnv \"HOME\"), which is empty in a flake (write the value out, or make it an option)"
  },
  "RF2057": {
    "about": "A wished module that is a link out of the flake.",
    "says": "the module \"configuration.nix\" cannot be reached in a flake: \"configuration.nix\" is an absolute link, to \"/srv/configuration.nix\" (put the file itself there, or a relative link to a file of the configuration)"
  },
  "RF2058": {
    "about": "A flake.nix that another tool makes lacks the host: it has no system and no modules either.",
    "says": "flake.nix does not declare nixosConfigurations.other, and it is not edited: it is made by github:vic/flake-file (say it where the file is made from, then: nix run .#write-flake)"
  },
  "RF2064": {
    "about": "A file that others may not read lies among files that they may.",
    "says": "\"modules/wifi.txt\" would be readable for everybody in the store, and holds what is meant for few: a file that others may not read (move it out of the configuration, encrypt it (sops, age), ignore it in .gitignore, or acknowledge the finding (ack))"
  },
  "RF2065": {
    "about": "Passwords as strings are advice, one line a file; a file with them elsewhere, a comment and what nothing refers to are none.",
    "says": "\"configuration.nix\" holds psk, and the store shows it to everybody on the machine (put it into a file that the flake does not hold (hashedPasswordFile, sops, age))"
  },
  "RF2071": {
    "about": "Sources of all inputs, those of inputs too.",
    "says": "input \"home/lib\" comes from \"github:a/b\", which is not allowed (change the input, or add its source to lock.allow)"
  },
  "RF2072": {
    "about": "The dates of ends are older than a release takes.",
    "says": "input \"nixpkgs\" is nixpkgs 24.05, which has had no updates since 2024-12-31 (name a newer release, once its release notes are read)"
  },
  "RF2073": {
    "about": "A nixpkgs of which only the revision is said.",
    "says": "input \"nixpkgs\" is a nixpkgs of which no release is told (name a branch with a release, or give newer dates: --eol FILE)"
  },
  "RF2074": {
    "about": "The dates of ends are older than a release takes.",
    "says": "the dates of ends of support are of 2026-12-01 (built in), and a release may have ended since (update reflake, or give newer dates: --eol FILE)"
  },
  "RF2075": {
    "about": "An input that the registry decides.",
    "says": "input \"nixpkgs\" is \"flake:nixpkgs\", which the registry of whoever locks it decides (write where it comes from: github:NixOS/nixpkgs/nixos-26.05)"
  },
  "RF2076": {
    "about": "A locked tree without a hash, of an input of an input.",
    "says": "input \"home/lib\" has no narHash in the lock, so nothing says which tree it is (lock it again: nix flake update)"
  },
  "RF2077": {
    "about": "Two nixpkgs of different branches.",
    "says": "nixpkgs is locked 2 times: \"nixpkgs\" 0123456789ab… (2024-07-03), \"home/nixpkgs\" 0123456789ab… (2024-07-03) (let the others follow yours: write follows in the spec)"
  },
  "RF2078": {
    "about": "A release that was taken from the channel of the machine has no date until it is updated.",
    "says": "input \"nixpkgs\" has no date in the lock until it is updated for the first time (update it once, with the network: nix flake update)"
  },
  "RF2080": {
    "about": "A list that another tool makes, and a profile that is no link, are told and stay.",
    "says": "root still has a channel unpacked, and \"/nix/var/nix/profiles/per-user/root/channels\" is no link, which is what nix-channel makes (remove it where it is made, or by hand)"
  },
  "RF2081": {
    "about": "Another user follows channels, which is theirs to decide.",
    "says": "kim still follows a channel (\"/home/kim/.nix-channels\": nixos https://nixos.org/channels/nixos-unstable), and that is theirs to decide (as kim: nix-channel --list, and nix-channel --remove NAME)"
  },
  "RF2082": {
    "about": "Only the session has a NIX_PATH that leads into a channel.",
    "says": "NIX_PATH of this session leads into a channel: /home/srid/.nix-defexpr/channels (log in anew)"
  },
  "RF2083": {
    "about": "The list of programs goes with the channel.",
    "says": "command-not-found reads \"/nix/var/nix/profiles/per-user/root/channels/nixos/programs.sqlite\", which goes with the channel"
  },
  "RF2084": {
    "about": "A link to another flake is there.",
    "says": "\"/etc/nixos/flake.nix\" is to be a link to \"/home/srid/nixos-config/flake.nix\", and something else is there (move it away, or leave config.link out)"
  },
  "RF2101": {
    "about": "The configuration moves away, and a link to the flake takes its place.",
    "says": "the configuration (3 entries) is still at \"/etc/nixos\""
  },
  "RF2102": {
    "about": "A tree is back at the old place: it is set aside, and the link takes its place.",
    "says": "\"/etc/nixos\" is back with 1 entries, and the configuration lives at \"/home/srid/nixos-config\""
  },
  "RF2103": {
    "about": "A wished module is not there.",
    "says": "flake.nix does not declare nixosConfigurations.nixos.modules"
  },
  "RF2104": {
    "about": "NixOS makes nix.conf: the features belong into the configuration.",
    "says": "NixOS makes nix.conf from the configuration, and \"configuration.nix\" does not enable nix-command, flakes"
  },
  "RF2105": {
    "about": "A module that two hosts share and a module of another host cannot be in a flake.",
    "says": "\"common.nix\" asks for a copy of the configuration, which a flake cannot give: it does not evaluate"
  },
  "RF2106": {
    "about": "Overrides of the spec are written as deep as it says them, each with its own leaf; a follows of the top level takes the place of a url.",
    "says": "input \"a\" is not in flake.lock"
  },
  "RF2107": {
    "about": "What is encrypted may be shown.",
    "says": "configuration.nix, flake.lock, flake.nix and 4 more files are not in git's index, so Nix does not see them"
  },
  "RF2108": {
    "about": "The configuration moves away, and a link to the flake takes its place.",
    "says": "4 paths belong to root:root"
  },
  "RF2109": {
    "about": "Paths of root that their new owner can read already, a link and a read-only file among them.",
    "says": "its owner can not read and write \"configuration.nix\""
  },
  "RF2111": {
    "about": "A module turns command-not-found off: nothing is told of it.",
    "says": "root still follows a channel"
  },
  "RF2112": {
    "about": "The configuration moves away, and a link to the flake takes its place.",
    "says": "\"/etc/nixos/flake.nix\" does not lead to the flake"
  },
  "RF3001": {
    "about": "The configuration was edited after the plan was saved.",
    "says": "/etc/nixos/configuration.nix: \"/etc/nixos/configuration.nix\" has other content by now (make a new plan: reflake plan)"
  },
  "RF3002": {
    "about": "The file of a saved plan was edited.",
    "says": "the plan in \"plan.json\" was altered: its id does not match its content (make a new plan: reflake plan --out FILE)"
  },
  "RF3003": {
    "about": "The spec was edited after the plan was saved.",
    "says": "the spec has changed since the plan was made (make a new plan: reflake plan --out FILE)"
  },
  "RF3007": {
    "about": "Another process holds the lock.",
    "says": "another apply is running: it has not said who it is (wait for it with --wait 60s; the lock frees itself when its process ends)"
  },
  "RF3008": {
    "about": "apply in a script, without --yes.",
    "says": "nobody can be asked here (add --yes, or apply a saved plan with --expect ID)"
  },
  "RF3010": {
    "about": "A rollback of an apply that never was.",
    "says": "there is no apply 9 (look at reflake history)"
  },
  "RF3011": {
    "about": "A file was edited after the apply that is to be undone.",
    "says": "/etc/nixos/flake.nix: \"/etc/nixos/flake.nix\" has other content by now (undo that change by hand first, or overwrite it: reflake rollback --force)"
  },
  "RF3015": {
    "about": "The state would lie in what is to move.",
    "says": "spec.json:1:103: the state directory \"/etc/nixos/state\" lies in config.from \"/etc/nixos\": its own journal would be changed with it (name a directory elsewhere with --state, or another path in the spec)"
  },
  "RF3022": {
    "about": "The spec lies in the configuration that moves.",
    "says": "/home/srid/nixos-config/spec.json: the spec was moved along: it is \"/home/srid/nixos-config/spec.json\" now"
  },
  "RF3027": {
    "about": "A later apply stands on the one that is to be undone.",
    "says": "apply 2 came later and is not undone: without it the machine would be one that never was (undo it first: reflake rollback 2; or go back to before it: reflake rollback --to N)"
  },
  "RF3029": {
    "about": "A rollback shows what it brings back.",
    "says": "as it was before apply 1"
  },
  "RF3030": {
    "about": "A report into a directory that is not there.",
    "says": "the sarif report cannot be written to \"/none/report.sarif\": ENOENT (name a file in a directory that you may write)"
  },
  "RF3033": {
    "about": "eject, and an apply was cut off.",
    "says": "an apply was cut off, and only \"/var/lib/reflake\" tells how to undo it: nothing is removed (undo it first: reflake recover)"
  },
  "RF3034": {
    "about": "eject, where an apply can be undone.",
    "says": "one apply can be undone now, and not without the history (undo first what is not to stay: reflake rollback)"
  },
  "RF3035": {
    "about": "A record of checks that another program wrote.",
    "says": "the record \"record\" cannot be used: it is no record of checks (name another file, or remove this one: then all that is found is new)"
  },
  "RF4001": {
    "about": "Overrides of the spec are written as deep as it says them, each with its own leaf; a follows of the top level takes the place of a url.",
    "says": "nix is not installed, and flake.lock has to be written (install Nix, or copy a flake.lock that fits)"
  },
  "RF4003": {
    "about": "A repository has to be made, and there is no git.",
    "says": "git is not installed, and a repository has to be made (install git (for this once: nix-shell -p git), or write git: off)"
  }
};
