// Systems of derivations for tests and bench: written as Nix writes .drv files, named by the hash of their text.
import { createHash } from 'node:crypto';
import { type Derivation, parseDerivation } from '../../../core/formats/derivation/derivation.ts';
import type { Derivations } from '../../../core/proof/graph.ts';

/** A derivation before its inputs have paths: `needs` are names of others. What stands behind a `#` only tells them apart. */
export interface Planned {
  readonly name: string;
  readonly needs: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly sources?: readonly string[];
  /** The hash of its content, which is known beforehand: then nothing else decides its place. */
  readonly fixed?: string;
}

const escaped = (text: string): string =>
  `"${text.replace(/["\\\n\r\t]/g, (letter) => ({ '\n': '\\n', '\r': '\\r', '\t': '\\t' })[letter] ?? `\\${letter}`)}"`;
const list = (items: readonly string[]): string => `[${items.join(',')}]`;
const tuple = (items: readonly string[]): string => `(${items.map(escaped).join(',')})`;

/** The text of a .drv file. */
export const printDerivation = ({ outputs, inputs, sources, system, builder, args, env }: Derivation): string =>
  `Derive(${[
    list([...outputs].map(([name, { path, algorithm, hash }]) => tuple([name, path, algorithm, hash]))),
    list([...inputs].map(([path, names]) => `(${escaped(path)},${list(names.map(escaped))})`)),
    list(sources.map(escaped)),
    escaped(system),
    escaped(builder),
    list(args.map(escaped)),
    list([...env].map((pair) => tuple(pair))),
  ].join(',')})`;

/** 32 letters that stand for a hash. */
export const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 32);

export interface System {
  readonly top: string;
  readonly texts: ReadonlyMap<string, string>;
}

/** The .drv files of a system; every one stands behind those that it needs, the last is the top. */
export function systemOf(planned: readonly Planned[]): System {
  const paths = new Map<string, string>();
  const outs = new Map<string, string>();
  const texts = new Map<string, string>();
  for (const { name: id, needs, env, sources = [], fixed = '' } of planned) {
    const name = id.replace(/#.*/, '');
    const inputs = needs.map((need): [string, readonly string[]] => [paths.get(need)!, ['out']]);
    const made = fixed || [needs.map((need) => outs.get(need)), env, sources];
    const out = `/nix/store/${hashOf(JSON.stringify([name, made]))}-${name}`;
    outs.set(id, out);
    const text = printDerivation({
      outputs: new Map([['out', { path: out, algorithm: fixed && 'sha256', hash: fixed }]]),
      inputs: new Map(inputs.toSorted()),
      sources,
      system: 'x86_64-linux',
      builder: '/bin/sh',
      args: ['-e'],
      env: new Map(
        Object.entries({
          ...env,
          name,
          out,
          needs: needs.map((need) => outs.get(need)).join(' '),
        }).sort(),
      ),
    });
    const path = `/nix/store/${hashOf(text)}-${name}.drv`;
    paths.set(id, path);
    texts.set(path, text);
  }
  return { top: paths.get(planned.at(-1)!.name)!, texts };
}

/** Reads .drv files of several systems, each once. */
export function readerOf(...systems: readonly System[]): Derivations {
  const known = new Map<string, Derivation | undefined>();
  return (path) => {
    if (known.has(path)) return known.get(path);
    const text = systems.map(({ texts }) => texts.get(path)).find((one) => one !== undefined);
    const read = text === undefined ? undefined : parseDerivation(text);
    const derivation = read?.ok ? read.derivation : undefined;
    known.set(path, derivation);
    return derivation;
  };
}
