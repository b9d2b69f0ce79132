// Finds references that parse but seldom mean what their author meant (docs/nix.md, "References").

import type { NixVersion } from '../nix-version.ts';
import { isIndirect, isRelativePath, textAttr } from './model.ts';
import { parseFlakeRef } from './parse-ref.ts';
import { parseUrl, splitScheme } from './url.ts';

/** A warning about a reference: what is wrong, in one clause, and what to do, as an imperative. */
export type RefTrap =
  | { readonly kind: 'mistyped-url'; readonly message: string; readonly hint: string; readonly suggestion?: string }
  | { readonly kind: 'submodules-true'; readonly parameter: string; readonly message: string; readonly hint: string }
  | { readonly kind: 'web-page'; readonly message: string; readonly hint: string; readonly suggestion: string }
  | { readonly kind: 'no-host'; readonly message: string; readonly hint: string }
  | { readonly kind: 'tilde'; readonly message: string; readonly hint: string }
  | { readonly kind: 'indirect'; readonly id: string; readonly message: string; readonly hint: string };

/** The traps in the `url` of a flake input. A text that Nix refuses has none: its error says what is wrong. */
export function refTraps(text: string, nix?: NixVersion): readonly RefTrap[] {
  const parsed = parseFlakeRef(text, nix === undefined ? { context: 'input' } : { context: 'input', nix });
  if (!parsed.ok) return [];
  const { attrs } = parsed.ref;
  const path = textAttr(attrs, 'path') ?? '';
  const page = pageOf(text);
  if (page !== undefined && text.includes('://')) return [webPage(text, page)];
  if (attrs.type === 'path' && path.startsWith('~')) return [tilde(text)];
  const looksElse = path.includes(':') || misreadId.test(text) || page !== undefined || lostColon.test(text);
  if (isRelativePath(attrs) && looksElse) return [mistyped(text)];
  if (lacksHost(text)) return [noHost(text)];
  if (isIndirect(attrs)) return [indirect(textAttr(attrs, 'id') ?? '')];
  return attrs.type === 'git' ? falseFlags(text) : [];
}

// `nixpkgs?dir=x` and `nixpkgs/x?dir=y` look like registry names, but a query makes them paths.
const misreadId = /^[a-zA-Z][a-zA-Z0-9_-]*(?:\/[^./][^/]*)?\?/;

const lostColon = /^((?:git\+|tarball\+|file\+)?(?:https?|ssh))(?=\/\/)/;

/** The reference that is meant by the web page of a repository, with or without `https://`. */
function pageOf(text: string): string | undefined {
  const [, host = '', owner, repo, branch] = PAGE.exec(text) ?? [];
  if (owner === undefined || repo === undefined) return undefined;
  const forge = FORGES[host];
  const fix =
    forge === undefined
      ? `git+https://${host}/${owner}/${repo}${branch === undefined ? '' : `?ref=${branch}`}`
      : `${forge}:${owner}/${repo}${branch === undefined ? '' : `/${branch}`}`;
  return parses(fix) ? fix : undefined;
}

const FORGES: Readonly<Record<string, string>> = {
  'github.com': 'github',
  'gitlab.com': 'gitlab',
  'git.sr.ht': 'sourcehut',
};

/** A repository, or a branch of it; no archive, which Nix can fetch. */
const PAGE =
  /^(?:https?:\/\/)?(?:www\.)?(github\.com|gitlab\.com|git\.sr\.ht|codeberg\.org)\/([^/?#]+)\/([^/?#]+?)(?:\.git)?(?:\/(?:-\/)?(?:tree|src\/branch)\/([^?#]+?))?\/?$/;

/** True of a reference that Nix takes for more than a path. */
export const parses = (text: string): boolean => {
  const parsed = parseFlakeRef(text, { context: 'input' });
  return parsed.ok && parsed.ref.attrs.type !== 'path';
};

const webPage = (text: string, suggestion: string): RefTrap => ({
  kind: 'web-page',
  message: `"${text}" is a web page, not the source`,
  hint: `write "${suggestion}"`,
  suggestion,
});

function lacksHost(text: string): boolean {
  const url = parseUrl(text, '2.34');
  if (!url.ok) return false;
  const transport = splitScheme(url.value.scheme).transport;
  return ['http', 'https', 'ssh'].includes(transport) && (url.value.authority ?? '') === '';
}

const noHost = (text: string): RefTrap => ({
  kind: 'no-host',
  message: `"${text}" names no host`,
  hint: `write it between // and the path: ${text.slice(0, text.indexOf(':'))}://HOST/…`,
});

function mistyped(text: string): RefTrap {
  const message = `"${text}" is read as a relative path, not as a URL`;
  const fix = repair(text);
  if (fix !== undefined) return { kind: 'mistyped-url', message, hint: `write "${fix}"`, suggestion: fix };
  return { kind: 'mistyped-url', message, hint: `${advice(text)}, or "path:./…" if a path is meant` };
}

function repair(text: string): string | undefined {
  const scp = /^(?:git\+)?(?:ssh:\/\/)?([a-z_][a-z0-9_-]*)@([A-Za-z0-9.-]+):(?!\d+\/)\/?(.+)$/.exec(text);
  const bare = text.trim();
  const forge = /^(github|gitlab|sourcehut):\/\/([^/]+\/.+)$/.exec(bare);
  const fix =
    scp !== null
      ? `git+ssh://${scp[1]}@${scp[2]}/${scp[3]}`
      : forge !== null
        ? `${forge[1]}:${forge[2]}`
        : bare !== text
          ? bare
          : lostColon.test(text)
            ? text.replace(lostColon, '$1:')
            : (pageOf(text) ?? encodeSpaces(text));
  const parsed = fix === undefined || fix === text ? undefined : parseFlakeRef(fix, { context: 'input' });
  return parsed?.ok === true && parsed.ref.attrs.type !== 'path' ? fix : undefined;
}

const encodeSpaces = (text: string): string | undefined =>
  text.includes(' ') ? text.replaceAll(' ', '%20') : undefined;

function advice(text: string): string {
  const forge = /^(github|gitlab|sourcehut):/.exec(text)?.[1];
  if (forge !== undefined && !/^[^:]*:\/*[^/?#]+\/+[^/?#]/.test(text)) return `write "${forge}:OWNER/REPO"`;
  if (forge !== undefined) return `check the name of the branch or tag and percent-encode special characters`;
  if (!text.includes(':')) return `write "flake:${text}"`;
  return 'correct the URL';
}

const tilde = (text: string): RefTrap => ({
  kind: 'tilde',
  message: `"${text}" does not mean the home directory: Nix never expands "~"`,
  hint: 'write the absolute path',
});

const indirect = (id: string): RefTrap => ({
  kind: 'indirect',
  id,
  message: `"${id}" is looked up in the flake registry, which can change`,
  hint:
    id === 'nixpkgs'
      ? 'write a full reference, such as "github:NixOS/nixpkgs/nixos-unstable"'
      : 'write a full reference, such as "github:OWNER/REPO"',
});

function falseFlags(text: string): readonly RefTrap[] {
  const url = parseUrl(text, '2.34');
  if (!url.ok) return [];
  const flags = ['shallow', 'submodules', 'allRefs', 'exportIgnore', 'verifyCommit', 'lfs'];
  return [...url.value.query]
    .filter(([name, value]) => flags.includes(name) && value !== '0' && value !== '1')
    .map(([name, value]) => ({
      kind: 'submodules-true',
      parameter: name,
      message: `"${name}=${value}" means no: only "1" turns ${name} on`,
      hint: `write "${name}=1"`,
    }));
}
