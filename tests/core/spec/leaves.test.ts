// The table of wishes: every leaf of the schema of the spec is answered by one provider, or is no wish; and which leaves a
// spec has.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import type { AnyProvider } from '../../../core/plan/provider.ts';
import { IMPLIED, isMatch, isUnder, leavesOf, NO_WISH, type Pattern } from '../../../core/spec/leaves.ts';
import { PROVIDERS } from '../../../providers/index.ts';

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly $defs?: Readonly<Record<string, Schema>>;
}

const SPEC: Schema = JSON.parse(readFileSync(new URL('../../../schemas/spec.schema.json', import.meta.url), 'utf8'));

/** What holds itself: all below it is one pattern. */
const ENDLESS = '#/$defs/override';

/** Every place of the schema where a value can stand that is no object; `*` for a key that people choose. */
function patternsOf(schema: Schema, above: string): readonly Pattern[] {
  const { $ref, properties = {}, additionalProperties, type } = schema;
  if ($ref === ENDLESS) return [above.replace(/\*$/, '**')];
  if ($ref !== undefined) return patternsOf(SPEC.$defs![$ref.slice('#/$defs/'.length)]!, above);
  const members = Object.entries(properties).flatMap(([key, one]) => patternsOf(one, `${above}/${key}`));
  const others = typeof additionalProperties === 'object' ? patternsOf(additionalProperties, `${above}/*`) : [];
  const below = [...members, ...others];
  const isAlsoWord = Array.isArray(type) && (type.includes('string') || type.includes('null'));
  return below.length === 0 || isAlsoWord ? [above, ...below] : below;
}

/** A wish of one of several hosts is the wish of the only one. */
const schemas = [...new Set(patternsOf(SPEC, '').map((pattern) => pattern.replace(/^\/hosts\/\*(?=\/)/, '')))];
/** Members that are no wish with any value that the schema allows. */
const never = Object.keys(NO_WISH).filter((pointer) => NO_WISH[pointer] === 'always');
const answering = (pattern: Pattern, providers: readonly AnyProvider[] = PROVIDERS) =>
  providers.filter(({ answers }) => answers.includes(pattern)).map(({ name }) => name);

describe('the table', () => {
  test('every leaf of the schema, and every implied wish, is answered by one provider', () => {
    const wanted = [...new Set([...schemas, ...Object.keys(IMPLIED)])].filter((pattern) => !never.includes(pattern));
    expect(wanted.map((pattern) => [pattern, answering(pattern).length])).toEqual(wanted.map((one) => [one, 1]));
    expect(schemas).toEqual(
      expect.arrayContaining(['/host/name', '/inputs/*', '/inputs/*/follows/*', '/inputs/*/inputs/**', '/lock/maxAge']),
    );
  });
  test('no provider answers or concerns what the schema does not have', () => {
    const known = [...schemas, ...Object.keys(IMPLIED)];
    const said = PROVIDERS.flatMap(({ answers, concerns = [] }) => [...answers, ...concerns]);
    expect(said.filter((pattern) => !known.includes(pattern))).toEqual([]);
    expect(Object.keys(NO_WISH).filter((pointer) => !schemas.includes(pointer))).toEqual([]);
  });
  test('a leaf that nobody answers is seen', () => {
    expect(
      answering(
        '/features',
        PROVIDERS.filter(({ name }) => name !== 'nix-conf'),
      ),
    ).toEqual([]);
  });
});

test('the leaves of a spec: what is written, what is implied, and not what wishes nothing', () => {
  const host = { name: 'n', system: 's' };
  expect(leavesOf({ version: 1, host, inputs: {} })).toEqual([
    '/host/name',
    '/host/system',
    '/config/path',
    '/config/modules',
    '/lock',
  ]);
  expect(
    leavesOf({
      version: 1,
      host,
      config: { modules: ['./a.nix', './b.nix'], link: false },
      inputs: { a: 'x:y', 'b/c': { url: 'x:z', follows: { n: 'a' } } },
      lock: { allow: [] },
      git: 'off',
      activate: 'none',
      channels: 'keep',
    } as never),
  ).toEqual([
    '/host/name',
    '/host/system',
    '/config/modules',
    '/inputs/a',
    '/inputs/b~1c/url',
    '/inputs/b~1c/follows/n',
    '/lock/allow',
    '/config/path',
    '/lock',
  ]);
});

test('patterns and words', () => {
  expect(isMatch('/inputs/b~1c', '/inputs/*')).toBe(true);
  expect(isMatch('/inputs/b/c', '/inputs/*')).toBe(false);
  expect(isMatch('/inputs/a/inputs/b', '/inputs/*/inputs/**')).toBe(true);
  expect(isMatch('/inputs/a/inputs/b/inputs/c/url', '/inputs/*/inputs/**')).toBe(true);
  expect(isMatch('/inputs/a/inputs', '/inputs/*/inputs/**')).toBe(false);
  expect(isMatch('/inputs/a/follows/b', '/inputs/*/inputs/**')).toBe(false);
  expect(isUnder('/config/owner', 'config')).toBe(true);
  expect(isUnder('/config/owner', 'config.owner')).toBe(true);
  expect(isUnder('/config/owner', '/config/owner')).toBe(true);
  expect(isUnder('/config/owner', 'config.own')).toBe(false);
  expect(isUnder('/inputs/b~1c/url', '/inputs/b~1c')).toBe(true);
});
