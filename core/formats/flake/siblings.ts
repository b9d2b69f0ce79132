// Finds the style of the hosts beside a new one: the function they call, the arguments of their modules, the spacing of lists.
// A trait of a single host is not taken over.

import type { OpenHost } from '../flake-hosts/host.ts';
import { describe } from '../nix/describe.ts';
import { type Layout, nixString } from '../nix/print.ts';
import type { Binding, Span } from '../nix/syntax.ts';
import type { OpenFlake } from './flake.ts';
import { type HostStyle, NONE } from './wish.ts';

type Called = OpenHost & { readonly kind: 'static' };

/**
 * The style of the hosts that call nixosSystem themselves, in flake.nix, for a new one of this system; then for its name, which the
 * arguments of modules may say.
 */
export function styleOfHosts(
  open: OpenFlake,
  hosts: readonly OpenHost[],
  wished: string | undefined,
): (name: string) => HostStyle {
  const called = hosts.filter((host): host is Called => host.kind === 'static' && host.call !== undefined);
  // Inside `let … in` a name may have another meaning than outside.
  const isOutside = called.every(({ value, call }) => value.expr.kind === 'apply' && value.expr.fn === call?.fn);
  if (called.length === 0 || !isOutside) return () => ({});
  const text = ({ start, end }: Span): string => open.text.slice(start, end);
  const fn = same(called.map(({ call }) => call && text(call.fn)));
  const handed = called.map((host) => bindingsOf(host, 'specialArgs'));
  const special = specialArgsOf(
    called.map(({ decl: { name } }, at) => ({ name, text: handed[at]!.map(text).join('\n') })),
  );
  const hasComment = handed
    .flat()
    .some(({ start, end }) => open.comments.some((one) => start < one.end && one.start < end));
  const system = same(called.map((host) => bindingsOf(host, 'system').map(text).join('\n')));
  const isWished = called.every((host) => host.decl.system.kind === 'static' && host.decl.system.value === wished);
  const lists = called.flatMap(({ list }) =>
    list && list.items.length > 0 ? [{ text: text(list), items: list.items.length }] : [],
  );
  const style = {
    ...(fn !== undefined && { fn }),
    ...(system === 'inherit system;' && isWished && { system }),
    isTight: lists.length > 0 && lists.every((one) => /^\[\S/.test(one.text)),
    ...listStyle(lists),
  };
  if (special === '' && called.length > 1) return () => ({ ...style, specialArgs: NONE });
  if (special === undefined || special === '' || hasComment) return () => style;
  return (name) => ({ ...style, specialArgs: laidOut(special.replaceAll(OWN_NAME, nixString(name))) });
}

/** Several items that are one a line say nothing of a single one; a single item says nothing of several on one line. */
function listStyle(lists: readonly ListText[]): Pick<HostStyle, 'list'> {
  const isTall = ({ text }: ListText): boolean => text.includes('\n');
  if (lists.length > 0 && lists.every(isTall)) return lists.some(({ items }) => items === 1) ? { list: 'tall' } : {};
  return !lists.some(isTall) && lists.some(({ items }) => items > 1) ? { list: 'flat' } : {};
}

interface ListText {
  readonly text: string;
  readonly items: number;
}

/**
 * The text that all of them have, or have but for their own names, as strings; OWN_NAME stands for these. Undefined: they differ, or
 * one names itself otherwise.
 */
function specialArgsOf(hosts: readonly { readonly name: string; readonly text: string }[]): string | undefined {
  const common = same(hosts.map(({ text }) => text));
  const found = common ?? same(hosts.map(({ name, text }) => text.replaceAll(nixString(name), OWN_NAME)));
  return found === undefined || hosts.some(({ name }) => mentions(found, name)) ? undefined : found;
}

/** Stands in no text of Nix. */
const OWN_NAME = '"\u0000"';

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
