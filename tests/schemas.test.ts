// The published schemas: what is generated from them is up to date, and editors have something to show.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import { validate } from '../schemas/validate-spec.gen.mjs';

const root = new URL('../', import.meta.url);
const textOf = (name: string): string => readFileSync(new URL(`schemas/${name}`, root), 'utf8');

test('generated files are fresh', () => {
  const said = execFileSync(process.execPath, [fileURLToPath(new URL('scripts/gen.mjs', root)), '--check'], {
    encoding: 'utf8',
  });
  expect(said).toBe('generated files are up to date\n');
});

test('validators need no ajv: nothing is imported, and require occurs only in text', () => {
  for (const name of ['validate-spec.gen.mjs', 'validate-plan.gen.mjs'])
    expect([name, textOf(name).match(/\bimport\b|(?<!')\brequire\b/g)]).toEqual([name, null]);
});

describe.each(['spec', 'plan', 'event'])('%s.schema.json', (name) => {
  const schema = JSON.parse(textOf(`${name}.schema.json`));
  type Node = Record<string, unknown>;
  const walk = (node: unknown, path: string): [string, Node][] => {
    if (typeof node !== 'object' || node === null) return [];
    if (Array.isArray(node)) return node.flatMap((item, at) => walk(item, `${path}/${at}`));
    return [[path, node as Node], ...Object.entries(node).flatMap(([key, child]) => walk(child, `${path}/${key}`))];
  };

  test('lets no unknown key through', () => {
    const open = walk(schema, '').filter(
      ([path, node]) => 'properties' in node && !/\/properties$/.test(path) && !('additionalProperties' in node),
    );
    expect(open.map(([path]) => path)).toEqual([]);
  });

  if (name === 'spec')
    test('documents every key', () => {
      const members = walk(schema, '').filter(([path]) => /\/(?:properties|\$defs)\/[^/]+$/.test(path));
      expect(members.length).toBeGreaterThan(20);
      expect(members.filter(([, node]) => !('description' in node) && !('$ref' in node)).map(([path]) => path)).toEqual(
        [],
      );
    });
});

test.each([
  ['30d', true],
  ['12h', true],
  ['1y', true],
  ['d', false],
  ['1 d', false],
  ['-1d', false],
])('lock.maxAge %s: %s', (maxAge, valid) => {
  const spec = { version: 1, host: { name: 'a', system: 'x86_64-linux' }, inputs: {}, lock: { maxAge } };
  expect(validate(spec)).toBe(valid);
});
