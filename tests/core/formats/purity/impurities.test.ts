// What pure evaluation refuses or changes, as the text tells it; and real Nix about those texts that it can evaluate by themselves.

import { spawnSync } from 'node:child_process';
import { describe, expect, test } from '@jest/globals';
import { parseNix } from '../../../../core/formats/nix/parse.ts';
import { impuritiesIn } from '../../../../core/formats/purity/impurities.ts';
import { tellsImpurity } from '../../../../core/formats/purity/telling.ts';

function found(text: string): readonly string[] {
  const parsed = parseNix(text);
  if (!parsed.ok) throw new Error(parsed.error.message);
  return impuritiesIn(parsed.root).map(({ kind, isFatal, what, start, end }) => {
    expect(tellsImpurity(Buffer.from(text).toString('latin1'))).toBe(true);
    expect(end).toBeGreaterThan(start);
    return `${isFatal ? '!' : '~'}${kind} ${what}`;
  });
}

const CASES: readonly (readonly [string, ...string[]])[] = [
  // Lookup paths.
  ['<nixpkgs>', '!lookup <nixpkgs>'],
  ['import <nixpkgs/nixos> { }', '!lookup <nixpkgs/nixos>'],
  ['{ imports = [ <home-manager/nixos> ]; }', '!lookup <home-manager/nixos>'],
  ['{ pkgs ? import <nixpkgs> { } }: pkgs', '~lookup <nixpkgs>'],
  ['args.pkgs or (import <nixpkgs> { })', '~lookup <nixpkgs>'],
  ['(builtins.tryEval <nixpkgs>).success', '~lookup <nixpkgs>'],
  ['builtins.pathExists <nixpkgs>', '!lookup <nixpkgs>'],
  ['<nix/fetchurl.nix>'],
  ['{ __findFile, ... }: { imports = [ <apps/editor> ]; }'],
  ['let __findFile = _: name: name; in <apps/editor>'],
  ['builtins.nixPath', '~lookup nixPath'],
  ['builtins.findFile builtins.nixPath "x"', '!lookup findFile', '~lookup nixPath'],
  // Fetches.
  ['builtins.fetchTarball "https://a/b"', '!fetch fetchTarball'],
  ['fetchTarball https://a/b', '!fetch fetchTarball'],
  ['import (fetchTarball { url = "https://a/b"; }) { }', '!fetch fetchTarball'],
  ['fetchTarball { url = "https://a/b"; sha256 = "x"; }'],
  ['let sha256 = "x"; in fetchTarball { url = "https://a/b"; inherit sha256; }'],
  ['let src = { url = "https://a/b"; sha256 = "x"; }; in fetchTarball src'],
  ['let src = { url = "https://a/b"; }; in fetchTarball src', '!fetch fetchTarball'],
  ['let src = { url = "https://a/b"; }; in fetchTarball (src // { sha256 = "x"; })'],
  ['src: fetchTarball src', '~open-fetch fetchTarball'],
  ['map builtins.fetchTarball [ ]', '~open-fetch fetchTarball'],
  ['builtins.fetchurl "https://a/b"', '!fetch fetchurl'],
  ['{ pkgs, ... }: pkgs.fetchurl { url = "https://a/b"; }'],
  ['{ fetchurl, ... }: fetchurl { url = "https://a/b"; }'],
  ['with builtins; fetchurl "https://a/b"', '!fetch fetchurl'],
  ['let inherit (builtins) fetchurl; in fetchurl "https://a/b"', '!fetch fetchurl'],
  ['let b = builtins; in b.fetchurl "https://a/b"', '!fetch fetchurl'],
  ['__fetchurl "https://a/b"', '!fetch fetchurl'],
  ['builtins.fetchGit "https://a/b"', '!fetch fetchGit'],
  ['builtins.fetchGit ./.', '!fetch fetchGit'],
  ['fetchGit { url = "https://a/b"; ref = "main"; }', '!fetch fetchGit'],
  ['fetchGit { url = "https://a/b"; rev = "0123456789012345678901234567890123456789"; }'],
  ['builtins.fetchTree { type = "github"; owner = "a"; repo = "b"; }', '!fetch fetchTree'],
  ['builtins.fetchTree "github:a/b/0123456789012345678901234567890123456789"'],
  ['builtins.getFlake "github:a/b"', '!fetch getFlake'],
  ['builtins.getFlake "github:a/b?rev=0123456789012345678901234567890123456789"'],
  ['{ rev }: builtins.getFlake "github:a/b/${rev}"', '~open-fetch getFlake'],
  ['fetchMercurial "https://a/b"', '!fetch fetchMercurial'],
  ['{ f ? fetchTarball "https://a/b" }: 1', '~fetch fetchTarball'],
  // Paths.
  ['import /etc/nixos/a.nix', '!path /etc/nixos/a.nix'],
  ['"${/etc/hosts}"', '!path /etc/hosts'],
  ['builtins.readFile "/etc/hosts"', '!path /etc/hosts'],
  ['{ lib, ... }: lib.fileContents "/etc/hosts"', '!path /etc/hosts'],
  ['import "/etc/nixos/a.nix"', '!path /etc/nixos/a.nix'],
  ['{ imports = [ "/etc/nixos/a.nix" ]; }', '!path /etc/nixos/a.nix'],
  ['{ lib, ... }: { imports = lib.optional true "/srv/a.nix"; }', '!path /srv/a.nix'],
  ['{ modulesPath, ... }: { imports = [ (modulesPath + "/installer/x.nix") "${modulesPath}/y.nix" ]; }'],
  ['u: { imports = [ "/home/${u}/a.nix" ]; }', '!path /home/…'],
  ['u: import /home/${u}/a.nix', '!path /home/…'],
  ['builtins.path { path = /srv/a; name = "a"; }', '!path /srv/a'],
  ['builtins.path { path = "/srv/a"; name = "a"; }', '!path /srv/a'],
  ['builtins.hashFile "sha256" "/srv/a"', '!path /srv/a'],
  ['builtins.filterSource (_: _: true) /srv', '!path /srv'],
  ['~/a.nix', '!home ~/a.nix'],
  ['{ a ? ~/x }: 1', '!home ~/x'],
  ['toString /srv/a'],
  ['baseNameOf /srv/a'],
  ['x: x == /srv/a'],
  ['{ self, ... }: { imports = [ (self + /modules/home) ]; }'],
  ['"a" + /srv/a', '!path /srv/a'],
  ['/srv + "/a"', '!path /srv'],
  ['{ fileSystems."/boot".device = "/dev/sda1"; }'],
  ['a: b: a / b'],
  ['./a/b.nix'],
  // The machine.
  ['builtins.currentSystem', '!system currentSystem'],
  ['{ system ? builtins.currentSystem }: system', '~system currentSystem'],
  ['builtins.currentSystem or "x86_64-linux"', '~system currentSystem'],
  ['if builtins ? currentSystem then builtins.currentSystem else "x"', '~system currentSystem'],
  ['with builtins; currentSystem', '!system currentSystem'],
  ['{ a ? __currentSystem }: 1', '!system currentSystem'],
  ['(builtins.tryEval builtins.currentSystem).success', '!system currentSystem'],
  ['let currentSystem = 1; in currentSystem'],
  ['{ currentSystem = 1; }.currentSystem'],
  ['builtins.currentTime', '!time currentTime'],
  ['builtins.storePath "/nix/store/a"', '!store-path storePath'],
  ['builtins.getEnv "HOME"', '~environment getEnv "HOME"'],
  ['x: builtins.getEnv x', '~environment getEnv'],
  ['map builtins.getEnv [ ]', '~environment getEnv'],
  ['builtins.pathExists /etc/x', '~exists pathExists'],
  ['builtins.pathExists "/etc/x"', '~exists pathExists'],
  ['{ lib, ... }: lib.pathExists ("/etc" + "/x")', '~exists pathExists'],
  ['builtins.pathExists ./x'],
  ['if builtins.pathExists /etc/x then import /etc/x else 1', '~exists pathExists', '~path /etc/x'],
  [
    '{ lib, ... }: { imports = lib.optional (builtins.pathExists /etc/x) /etc/x; }',
    '~exists pathExists',
    '~path /etc/x',
  ],
  ['builtins.pathExists /etc/x && import /etc/x', '~exists pathExists', '~path /etc/x'],
  ['{ lib, ... }: if lib.inPureEvalMode then 1 else <nixpkgs>', '~lookup <nixpkgs>'],
  // /etc/nixos.
  [
    '{ environment.shellAliases.r = "nixos-rebuild -I nixos-config=/etc/nixos/configuration.nix"; }',
    '~etc-nixos /etc/nixos',
  ],
  ["''\n  cd /etc/nixos\n  git pull\n''", '~etc-nixos /etc/nixos'],
  ['x: "${x} /etc/nixos/${x}"', '~etc-nixos /etc/nixos'],
  ['toString /etc/nixos', '~etc-nixos /etc/nixos'],
  ['"/etc/nixos-other"'],
  ['# /etc/nixos\n1'],
];

describe('in a file', () => {
  test.each(CASES)('%s', (text, ...expected) => {
    expect(found(text)).toEqual(expected);
  });
});

describe('a text that tells nothing needs no parser', () => {
  test.each([
    ['{ a = "/etc/x"; }', false],
    ["{ a = ''\n  cat /etc/x ''${y} '''/a ''\\n /b\n''; }", false],
    ['{ a = "${x}/y ${f "/z"} /w"; }', false],
    ['{ a = "${/etc/x}"; }', true],
    ['{ a = "${f { b = "}"; }} ${/etc/x}"; }', true],
    ["{ a = ''${/etc/x}''; }", true],
    ['{ a = "\\\\"; b = /etc/x; }', true],
    ['{ a = "$${"; b = "/etc/x"; }', false],
    ['# /etc/x\n/* <nixpkgs> */ { a = ./b/c; d = a/b; e = x // y; }', false],
    ['{ a = x ./b; c = https://a/b; d = 4 / 2; }', false],
    ['{ a = "<nixpkgs>"; }', false],
    ['a <b && c> d', false],
    ['{ imports = [ (modulesPath + "/a.nix") ]; b = "/c"; }', false],
    ['{ path = "/a"; }', false],
    ['f /a', true],
    ['[/a]', true],
    ['x:~/a', true],
  ])('%s', (text, tells) => {
    expect(tellsImpurity(text)).toBe(tells);
  });
});

/** Functions are not called, only a module system takes a string for a file, and a pinned fetch would need the network. */
function isClosed(text: string): boolean {
  const parsed = parseNix(text);
  const needsNetwork = /sha256 = "x"|inherit sha256|rev = "0|rev=0|\/0123456789/.test(text);
  return parsed.ok && parsed.root.kind !== 'lambda' && !/imports|args\.|\.\/|x:/.test(text) && !needsNetwork;
}

const IMPURE =
  /pure eval|forbidden|undefined variable|attribute 'current|is not allowed|unlocked flake|locked input|Mercurial revision|'sha256' argument/;

test('real Nix ends where it is fatal, and nowhere else', () => {
  const closed = CASES.filter(([text]) => isClosed(text));
  expect(closed.length).toBeGreaterThan(40);
  const judged = closed.map(([text, ...expected]) => {
    const features = ['--extra-experimental-features', 'nix-command flakes', '--offline', '--store', 'dummy://'];
    const { status, stderr } = spawnSync('nix', [...features, 'eval', '--json', '--expr', text], { encoding: 'utf8' });
    return [text, expected.some((one) => one.startsWith('!')), status !== 0 && IMPURE.test(stderr)] as const;
  });
  expect(judged.filter(([, isFatal, ended]) => isFatal !== ended)).toEqual([]);
});
