// What a Nix text asks of the world around it: each form, and the forms beside it that ask nothing.

import { expect, test } from '@jest/globals';
import { impuritiesIn } from '../../../../core/formats/module/impurities.ts';
import { parseNix } from '../../../../core/formats/nix/parse.ts';

const found = (text: string): readonly string[] => {
  const parsed = parseNix(text);
  if (!parsed.ok) throw new Error(parsed.error.message);
  return impuritiesIn(parsed.root).map(({ kind, span }) => `${kind} ${text.slice(span.start, span.end)}`);
};

test.each([
  ['import <nixpkgs> { }', ['refused <nixpkgs>']],
  ['{ imports = [ <home-manager/nixos> ./a.nix ]; }', ['refused <home-manager/nixos>']],
  ['import <nix/fetchurl.nix>', []],
  ['{ pkgs ? import <nixpkgs> { } }: pkgs', []],
  [
    '{ imports = [ /etc/nixos/a.nix "/etc/nixos/b.nix" ./c.nix "./d.nix" ]; }',
    ['refused /etc/nixos/a.nix', 'refused "/etc/nixos/b.nix"'],
  ],
  ['{ a = /etc/${b}/c; }', ['refused /etc/${b}/c']],
  ['{ a = "/etc/nixos"; b = ./etc; c = toString /etc/x; }', []],
  ['import ~/x.nix', ['refused ~/x.nix']],
  ['import "/etc/x.nix"', ['refused import "/etc/x.nix"']],
  ['builtins.readFile "/etc/machine-id"', ['refused builtins.readFile "/etc/machine-id"']],
  ['builtins.readFile "${pkgs.a}/x"', []],
  ['builtins.readFile /etc/machine-id', ['refused /etc/machine-id']],
  ['if builtins.pathExists /etc/x then 1 else 2', ['silent builtins.pathExists /etc/x']],
  ['lib.pathExists "/etc/x"', ['silent lib.pathExists "/etc/x"']],
  ['builtins.pathExists ./x', []],
  ['builtins.getEnv "HOME"', ['silent builtins.getEnv "HOME"']],
  ['builtins.currentSystem', ['refused builtins.currentSystem']],
  ['{ currentSystem = 1; a = x.currentSystem; }', []],
  ['builtins.currentTime', ['refused builtins.currentTime']],
  ['builtins.nixPath', ['silent builtins.nixPath']],
  ['import (fetchTarball "https://x.org/a.tar.gz")', ['refused fetchTarball "https://x.org/a.tar.gz"']],
  ['builtins.fetchTarball { url = "a"; }', ['refused builtins.fetchTarball { url = "a"; }']],
  ['builtins.fetchTarball { url = "a"; sha256 = "b"; }', []],
  ['builtins.fetchTarball { url = "a"; inherit sha256; }', []],
  ['builtins.fetchGit { url = "a"; ref = "b"; }', ['refused builtins.fetchGit { url = "a"; ref = "b"; }']],
  ['builtins.fetchGit { url = "a"; rev = "b"; }', []],
  ['builtins.fetchGit x', []],
  ['pkgs.fetchurl { url = "a"; } // fetchurl { url = "b"; }', []],
  ['builtins.fetchurl "https://x.org"', ['refused builtins.fetchurl "https://x.org"']],
])('%s', (text, words) => {
  expect(found(text)).toEqual(words);
});
