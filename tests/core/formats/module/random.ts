// Random modules of NixOS: how people spell features, imports and options, in both line ends.
import fc from 'fast-check';

/** A module, and the features it asks for. */
export interface RandomModule {
  readonly text: string;
  readonly present: readonly string[];
}

/** Modules in many spellings, with and without a place for features. */
export const randomModule: fc.Arbitrary<RandomModule> = fc
  .record({
    head: fc.constantFrom(
      '',
      '{ config, pkgs, lib, ... }:\n',
      '{ lib, ... }@args: ',
      '# ‘top’\nargs:\n\n',
      '{ lib, ... }:\nlet h = "x"; in\n',
    ),
    imports: fc.constantFrom('', 'imports = [ ./hw.nix ];', 'imports =\n    [ # scan\n      ./hw.nix\n    ];'),
    place: fc.constantFrom(
      '',
      'nix.settings.experimental-features = LIST;',
      'nix.settings = { experimental-features = LIST; cores = 4; };',
      'nix = { settings.experimental-features = LIST; };',
      'nix = {\n    settings = {\n      "experimental-features" = LIST; # here\n    };\n  };',
      'nix.settings."experimental-features" = lib.mkForce LIST;',
      'nix.settings.experimental-features = lib.mkDefault (LIST);',
      'nix.settings.experimental-features = "WORDS";',
      "nix.extraOptions = ''\n    keep-outputs = true\n    experimental-features = WORDS\n  '';",
      'nix.extraOptions = "experimental-features = WORDS\\nkeep-going = true";',
      'nix.settings.extra-experimental-features = LIST;',
      'nix.settings = { };',
      'nix.settings = {\n    cores = 4;\n  };',
      'nix.settings.cores = 4;',
      'nix = { gc.automatic = true; };',
      'nix = { };',
    ),
    present: fc.subarray(['flakes', 'nix-command', 'cgroups', 'ca-derivations']),
    join: fc.constantFrom(' ', '\n      ', ' # one\n      ', '\n\n      ', ' /* and */ '),
    others: fc.subarray([
      'networking.hostName = "a"; # ‘me’',
      'boot.isContainer = true;',
      '# note',
      "x.y = ''\n    nix-command\n  '';",
      '/* a\n  b */',
    ]),
    before: fc.boolean(),
    separator: fc.constantFrom('\n  ', '\n\n  ', '\n\t'),
    eol: fc.constantFrom('\n', '\r\n'),
    end: fc.constantFrom('', '\n', '\n\n# end\n'),
  })
  .map(({ head, imports, place, present, join, others, before, separator, eol, end }) => {
    const list = present.length === 0 ? '[ ]' : `[${join}${present.map((word) => `"${word}"`).join(join)}${join} ]`;
    const filled = place.replace('LIST', list).replace('WORDS', present.join(' '));
    const parts = [imports, ...(before ? [...others, filled] : [filled, ...others])].filter((part) => part !== '');
    const text = `${head}{${separator}${parts.join(separator)}\n}${end}`;
    return { text: text.replaceAll('\n', eol), present: /LIST|WORDS/.test(place) ? present : [] };
  });
