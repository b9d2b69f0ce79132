// Where a finding lies, as a program that reads a checkout names it: a path relative to the configuration or the repository. Pure.

import { resolve } from 'node:path';
import type { SourceRange } from '../../../core/diagnostic.ts';
import { type AbsPath, absolute, isWithin, ROOT, relativeTo, toBytes } from '../../../core/path.ts';
import { escapeLine } from '../escape.ts';
import type { About, Screen } from '../screen.ts';

/** In a file of the checkout. Without `line` it is about the file as a whole. Lines and columns as in SourceRange. */
export interface Place extends Partial<Pick<SourceRange, 'line' | 'column' | 'endLine' | 'endColumn'>> {
  readonly file: string;
}

/** A path of the machine; undefined where it lies outside of the checkout, or is the checkout itself. */
export function placeOfPath(path: AbsPath, { base }: Pick<About, 'base'>): Place | undefined {
  return base === undefined || path === base || !isWithin(path, base) ? undefined : { file: relativeTo(path, base) };
}

/** A place in the spec, or in a file of the machine. Undefined where its file lies outside of the checkout. */
export function placeOfRange(
  range: SourceRange,
  about: Pick<About, 'base' | 'spec'>,
  { cwd }: Pick<Screen, 'cwd'>,
): Place | undefined {
  const { file, ...lines } = range;
  const isOurs = file === about.spec || !file.startsWith('/');
  // The spec is named as on this system, whatever --root is.
  const path = absolute(resolve(cwd, file));
  const here = absolute(cwd);
  const found =
    placeOfPath(path, about) ??
    (isOurs && here !== ROOT && isWithin(path, here) ? { file: relativeTo(path, here) } : undefined);
  return found === undefined ? undefined : { ...found, ...lines };
}

/** As a relative URI reference (RFC 3986): each name percent-encoded, bytes that are no UTF-8 too. */
export const uriOf = (file: string): string => {
  const uri = file
    .split('/')
    .map((name) =>
      [...toBytes(name)]
        .map((byte) => (UNRESERVED.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : percent(byte)))
        .join(''),
    )
    .join('/');
  return uri;
};

const UNRESERVED = /[A-Za-z0-9._~-]/;
const percent = (byte: number): string => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;

/** `flake.nix:11:30`, for people. */
export const placeWords = ({ file, line, column }: Place): string =>
  escapeLine([file, ...(line === undefined ? [] : [line, ...(column === undefined ? [] : [column])])].join(':'));
