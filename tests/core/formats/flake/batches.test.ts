// Editing flake.nix in ever larger steps: the result is what one wish after another would give.
import { expect, test } from '@jest/globals';
import { editFlake } from '../../../../core/formats/flake/edit.ts';

const OUTPUTS = 'outputs = { self, ... }: { };';
const LAYOUTS: readonly (readonly [string, string])[] = [
  ['no inputs', `{\n  ${OUTPUTS}\n}\n`],
  ['no inputs, on one line', `{ ${OUTPUTS} }\n`],
  ['dotted', `{\n  inputs.a.url = "github:a/a";\n  inputs.b.url = "github:b/b"; # b\n\n  ${OUTPUTS}\n}\n`],
  ['a set', `{\n  inputs = {\n    a.url = "github:a/a";\n\n    b.url = "github:b/b";\n  };\n  ${OUTPUTS}\n}\n`],
  ['blocks', `{\n  inputs = {\n    a = {\n      url = "github:a/a";\n    };\n  };\n  ${OUTPUTS}\n}\n`],
  ['blocks on one line', `{\n  inputs = {\n    a = { url = "github:a/a"; };\n  };\n  ${OUTPUTS}\n}\n`],
  ['all on one line', `{ inputs = { a.url = "github:a/a"; }; ${OUTPUTS} }\n`],
  ['arguments that are closed', `{\n  inputs.a.url = "github:a/a";\n  outputs = { self, a }: { };\n}\n`],
  ['arguments one a line', `{\n  outputs =\n    {\n      self,\n    }:\n    { };\n}\n`],
  ['inputs that are empty', `{\n  inputs = { };\n  ${OUTPUTS}\n}\n`],
  ['CRLF', `{\r\n  inputs.a.url = "github:a/a";\r\n  ${OUTPUTS}\r\n}\r\n`],
];

/** New ones of all kinds, names that are no arguments among them, and changes of old ones. */
const WISHES = Array.from({ length: 60 }, (_, at) => ({
  name: at === 20 ? 'a' : at === 40 ? 'b' : at % 13 === 5 ? `map${at === 5 ? '' : `-${at}`}` : `i${at}`,
  url: `github:o/r${at}`,
  ...(at % 7 === 3 && { flake: false }),
  ...(at % 5 === 2 && { follows: { nixpkgs: 'i0' } }),
}));

test.each(LAYOUTS)('%s', (_what, text) => {
  let one = text;
  for (let count = 1; count <= WISHES.length; count++) {
    const edited = editFlake(one, { inputs: WISHES.slice(0, count) });
    expect(edited).toMatchObject({ ok: true });
    if (edited.ok) one = edited.text;
  }
  const all = editFlake(text, { inputs: WISHES });
  expect(all).toMatchObject({ ok: true });
  expect(all.ok && all.text).toBe(one);
});
