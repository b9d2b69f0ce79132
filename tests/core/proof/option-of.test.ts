// The option that a cause points to: the one whose name or value stands in what changed, and none where that is not clear.
import { expect, test } from '@jest/globals';
import { type ModuleText, optionFinder } from '../../../core/proof/option-of.ts';
import type { Change } from '../../../core/proven.ts';

const MODULES: readonly ModuleText[] = [
  {
    name: 'configuration.nix',
    text: `{ pkgs, lib, ... }:
{
  services.openssh.enable = true;
  services.openssh.permitRootLogin = if builtins.pathExists /etc/hostname then "no" else "yes";
  environment.systemPackages = with pkgs; [ git vim ];
  time = { timeZone = "Europe/Paris"; };
  systemd.services.backup = lib.mkIf true { script = "exit 0"; };
}
`,
  },
  {
    name: 'hosts/a.nix',
    text: '{ config = { environment.etc."motd.txt".text = "hello"; networking.hostName = "a"; }; }',
  },
  { name: 'broken.nix', text: '{ a = ' },
];

const lines = (went: string, came: string): Change => ({
  kind: 'text',
  member: 'env.text',
  lines: { went: [went], came: [came] },
});

test.each<[string, readonly string[], Change, string | undefined]>([
  [
    'the name of the option in a line',
    ['etc', 'sshd.conf-validated'],
    lines('PermitRootLogin no', 'PermitRootLogin yes'),
    'services.openssh.permitRootLogin configuration.nix:4:3',
  ],
  [
    'its value in a longer word',
    ['etc'],
    lines('ln -s zoneinfo/Europe/Paris', 'ln -s zoneinfo/UTC'),
    'time.timeZone configuration.nix:6:12',
  ],
  ['its value', ['etc'], lines('TZ=Europe/Paris', 'TZ=UTC'), 'time.timeZone configuration.nix:6:12'],
  [
    'a package by its name',
    ['system-path'],
    { kind: 'inputs', went: [], came: ['git-2.29.2'] },
    'environment.systemPackages configuration.nix:5:3',
  ],
  [
    'a package in another version',
    ['system-path'],
    { kind: 'version', name: 'vim', from: '8', to: '9' },
    'environment.systemPackages configuration.nix:5:3',
  ],
  [
    'a file of /etc, below config',
    ['etc'],
    { kind: 'source', name: 'etc-motd.txt' },
    'environment.etc."motd.txt".text hosts/a.nix:1:14',
  ],
  [
    'a unit, behind mkIf',
    ['etc'],
    { kind: 'inputs', went: ['unit-backup.service'], came: [] },
    'systemd.services.backup.script configuration.nix:7:45',
  ],
  ['nothing that the modules name', ['etc'], lines('Compression on', 'Compression off'), undefined],
  ['several alike', ['etc'], lines('services openssh', 'openssh'), undefined],
  ['nothing that was read', [], { kind: 'unknown', why: 'openssh' }, undefined],
])('%s', (_about, way, change, expected) => {
  const told = optionFinder(MODULES)({ way, change });
  expect(told && `${told.option} ${told.file}:${told.line}:${told.column}`).toBe(expected);
});
