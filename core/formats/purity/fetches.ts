// Tells whether the argument of a fetcher pins the content, by a hash or a revision, as pure evaluation demands.

import type { Scope } from '../nix/scope.ts';
import type { Expr } from '../nix/syntax.ts';
import { settle } from '../nix-value/constant.ts';
import { readString } from '../nix-value/read.ts';

export type Pinned = 'yes' | 'no' | 'unknown';

/** The attributes that pin the content for each fetcher, any of which is enough, and whether a reference as text can. */
const FETCHERS: Readonly<Record<string, { readonly by: readonly string[]; readonly byText: boolean }>> = {
  fetchTarball: { by: ['sha256'], byText: false },
  fetchurl: { by: ['sha256'], byText: false },
  fetchGit: { by: ['rev', 'narHash'], byText: false },
  fetchMercurial: { by: ['rev'], byText: false },
  fetchTree: { by: ['rev', 'narHash'], byText: true },
  getFlake: { by: ['rev', 'narHash'], byText: true },
};

export const isFetcher = (name: string): boolean => Object.hasOwn(FETCHERS, name);

export function isPinned(fetcher: string, arg: Expr, scope: Scope | undefined): Pinned {
  const { by, byText } = FETCHERS[fetcher]!;
  const { expr, scope: inner } = settle(arg, scope);
  if (expr.kind === 'path') return 'no';
  if (expr.kind === 'attrs') {
    const names = expr.bindings.flatMap((binding) =>
      binding.kind === 'bind' ? [binding.path.names[0]!] : binding.names,
    );
    if (names.some((name) => name.kind === 'static' && by.includes(name.name))) return 'yes';
    return names.every(({ kind }) => kind === 'static') ? 'no' : 'unknown';
  }
  if (expr.kind === 'binary' && expr.op === '//') {
    const sides = [expr.left, expr.right].map((side) => isPinned(fetcher, side, inner));
    return sides.includes('yes') ? 'yes' : sides.includes('unknown') ? 'unknown' : 'no';
  }
  const text = readString(expr, inner);
  if (text.kind !== 'static') return expr.kind === 'string' && !byText ? 'no' : 'unknown';
  return byText && LOCKED.test(text.value) ? 'yes' : 'no';
}

const LOCKED = /[?&](rev|narHash)=|^[a-z]+:[^/]+\/[^/]+\/[0-9a-f]{40}($|\?)/;
