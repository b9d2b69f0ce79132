// Finds the style of the hosts beside a new one: the function they call, the arguments of their modules, the spacing of lists.
// A trait of a single host is not taken over.

import type { OpenHost } from '../flake-hosts/host.ts';
import { describe } from '../nix/describe.ts';
import type { Layout } from '../nix/print.ts';
import type { Binding, Span } from '../nix/syntax.ts';
import type { OpenFlake } from './flake.ts';
import type { HostWish } from './wish.ts';

type Called = OpenHost & { readonly kind: 'static' };

/** A member is undefined if the siblings differ in it, or have none. */
export interface Style {
  /** `nixpkgs.lib.nixosSystem`, `lib.nixosSystem`. */
  readonly fn?: string;
  /** `specialArgs = { … };` */
  readonly specialArgs?: Layout;
  /** `inherit system;`, where it means the wished one. */
  readonly system?: string;
  /** `[./x]` and not `[ ./x ]`. */
  readonly isTight: boolean;
}

/** The style of the hosts that call nixosSystem themselves, in flake.nix. */
export function styleOfHosts(open: OpenFlake, hosts: readonly OpenHost[], wish: HostWish): Style {
  const called = hosts.filter((host): host is Called => host.kind === 'static' && host.call !== undefined);
  // Inside `let … in` a name may have another meaning than outside.
  const isOutside = called.every(({ value, call }) => value.expr.kind === 'apply' && value.expr.fn === call?.fn);
  if (called.length === 0 || !isOutside) return { isTight: false };
  const text = ({ start, end }: Span): string => open.text.slice(start, end);
  const fn = same(called.map(({ call }) => call && text(call.fn)));
  const handed = called.map((host) => bindingsOf(host, 'specialArgs'));
  const special = same(handed.map((bindings) => bindings.map(text).join('\n')));
  const isCommon = !called.some(({ decl }) => special !== undefined && mentions(special, decl.name));
  const hasComment = handed
    .flat()
    .some(({ start, end }) => open.comments.some((one) => start < one.end && one.start < end));
  const system = same(called.map((host) => bindingsOf(host, 'system').map(text).join('\n')));
  const isWished = called.every((host) => host.decl.system.kind === 'static' && host.decl.system.value === wish.system);
  const lists = called.flatMap(({ list }) => (list && list.items.length > 0 ? [text(list)] : []));
  return {
    ...(fn !== undefined && { fn }),
    ...(special !== undefined && special !== '' && isCommon && !hasComment && { specialArgs: laidOut(special) }),
    ...(system === 'inherit system;' && isWished && { system }),
    isTight: lists.length > 0 && lists.every((one) => /^\[\S/.test(one)),
  };
}

const same = (all: readonly (string | undefined)[]): string | undefined =>
  all.every((one) => one === all[0]) ? all[0] : undefined;

/** A pattern for the name as a whole word. */
const mentions = (text: string, name: string): boolean => text.split(/[^\w.-]+/).includes(name);

function bindingsOf({ call }: Called, name: string): readonly Binding[] {
  const node = call?.args.children.get(name);
  const bindings = node?.occurrences.map(({ binding }) => binding) ?? [];
  // `inherit a b;` has more than `system`.
  return bindings.every((one) => one.kind === 'bind' || one.names.length === 1) ? [...new Set(bindings)] : [];
}

/** Several lines as a block: the first and the last as they are, what is between them by its own indentation. */
function laidOut(text: string): Layout {
  const [head = '', ...rest] = text.split(/\r?\n/);
  const tail = rest.pop();
  if (tail === undefined) return head;
  const depth = Math.min(...rest.filter((line) => line.trim() !== '').map((line) => /^\s*/.exec(line)![0].length));
  return { head, items: rest.map((line) => line.slice(depth)), tail: tail.trim() };
}

/** The reason a host can't be added beside the existing ones; undefined if it can. */
export function strangeness(hosts: readonly OpenHost[]): { readonly message: string; readonly at: Span } | undefined {
  const others = hosts.flatMap((host): { message: string; at: Span }[] => {
    const { name, span: at } = host.decl;
    if (host.kind === 'opaque')
      return [{ message: `the others can't be read either: '${name}': ${host.decl.reason}`, at }];
    if (host.call !== undefined) return [];
    return [{ message: `the others are made by a function: '${name}' is ${describe(host.value.expr)}`, at }];
  });
  const [first] = others;
  return others.length === hosts.length ? first : undefined;
}
