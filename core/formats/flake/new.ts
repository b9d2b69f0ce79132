// Prints a new flake.nix for a wish, as an experienced user would write it (and nixfmt lays it out).
// The only place that decides how a whole file looks.

import { isIdentifier, type Layout, lines, nixAttrName, nixAttrPath, nixString } from '../nix/print.ts';
import { bindingLayout, type FlakeWish, hostLayout, inputBindings, inputOf, nixpkgsInput } from './wish.ts';

/**
 * A flake.nix that grants `wish`: LF, two spaces, a final newline, the same bytes for the same wish. Its modules get the
 * argument `inputs`. Without a wished input that is nixpkgs, nixpkgs is an argument of outputs: Nix takes `flake:nixpkgs`.
 */
export function newFlake(wish: FlakeWish, options: { readonly description?: string } = {}): string {
  const nixpkgs = nixpkgsInput(wish.inputs) ?? 'nixpkgs';
  const direct = isIdentifier(nixpkgs);
  const { hosts = [] } = wish;
  const [only, ...others] = hosts;
  const isOne = only !== undefined && others.length === 0;
  const description = options.description ?? (isOne ? `NixOS configuration of ${only.name}` : 'NixOS configuration');
  const inputs: Layout = { head: 'inputs = {', items: wish.inputs.flatMap(inputLayouts), tail: '};' };
  const scope = { nixpkgs: direct ? nixpkgs : inputOf('inputs', nixpkgs), inputs: 'inputs' };
  const bindings = hosts.map((host): Layout => {
    const path = isOne ? ['nixosConfigurations', host.name] : [host.name];
    return bindingLayout(nixAttrPath(path), hostLayout(host, scope));
  });
  const all: readonly Layout[] =
    hosts.length > 1 ? [{ head: 'nixosConfigurations = {', items: bindings, tail: '};' }] : bindings;
  const outputs: Layout = {
    head: 'outputs =',
    items: [
      direct ? `{ self, ${nixpkgs}, ... }@inputs:` : '{ self, ... }@inputs:',
      all.length > 0 ? { head: '{', items: [...all], tail: '};' } : '{ };',
    ],
  };
  const items = [`description = ${nixString(description)};`, ...(wish.inputs.length > 0 ? [inputs] : []), outputs];
  return lines({ head: '{', items, tail: '}', spaced: true }, '', '  ').join('\n') + '\n';
}

/** One line for an input that is only a url, else a block. */
function inputLayouts(input: FlakeWish['inputs'][number]): Layout[] {
  const bindings = inputBindings(input);
  const name = nixAttrName(input.name);
  if (bindings.length === 1) return [`${name}.url = ${bindings[0]!.value};`];
  const items = bindings.map(({ path, value }) => bindingLayout(nixAttrPath(path), value));
  return [{ head: `${name} = {`, items, tail: '};' }];
}
