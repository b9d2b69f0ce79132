// Generates what is derived from schemas/*.schema.json: the types of the spec, validators that need no ajv at run time, and
// the copy of the schema of plans in that of events.
// `node scripts/gen.mjs` writes them, `--check` exits 1 where a committed file is stale.
import { readFile, writeFile } from 'node:fs/promises';
import Ajv from 'ajv/dist/2020.js';
import standalone from 'ajv/dist/standalone/index.js';
import { build } from 'esbuild';
import { compile } from 'json-schema-to-typescript';

const schemas = new URL('../schemas/', import.meta.url);
const banner = (from) => `// Generated from ${from} by scripts/gen.mjs. Do not edit.\n`;

// Keys for people only, left out of the validators. `examples` stays, for messages.
const PROSE = new Set(['$schema', 'title', 'description', '$comment', 'contentEncoding']);

// `oneOf` at the top is for editors: core/spec/checks.ts says the same in the words of the spec, and the type allows both.
const schemaOf = async (name) => {
  const { oneOf: _oneOf, ...schema } = await json(name);
  return schema;
};

const files = {
  'spec.gen.ts': await types('spec'),
  // A person writes a spec, so its validator reports every mistake, with the schema. A program writes a plan: valid or not.
  ...(await validator('spec', { allErrors: true, verbose: true })),
  ...(await validator('plan', {})),
};

// The schema of events includes that of plans, so that it resolves without other files.
const event = await json('event');
event.$defs.saved = await json('plan');
files['event.schema.json'] = event;

const stale = [];
for (const [name, made] of Object.entries(files)) {
  const url = new URL(name, schemas);
  const there = await readFile(url, 'utf8').catch(() => '');
  // JSON is compared by value, since the formatter lays it out.
  const text = typeof made === 'string' ? made : `${JSON.stringify(made, null, 2)}\n`;
  if (there === text || (typeof made !== 'string' && JSON.stringify(JSON.parse(there)) === JSON.stringify(made)))
    continue;
  stale.push(`schemas/${name}`);
  if (!process.argv.includes('--check')) await writeFile(url, text);
}
if (process.argv.includes('--check') && stale.length > 0) {
  console.error(`stale: ${stale.join(', ')}; run node scripts/gen.mjs`);
  process.exitCode = 1;
} else console.log(stale.length === 0 ? 'generated files are up to date' : `written: ${stale.join(', ')}`);

async function json(name) {
  return JSON.parse(await readFile(new URL(`${name}.schema.json`, schemas), 'utf8'));
}

async function types(name) {
  const from = `${name}.schema.json`;
  const text = await compile(await schemaOf(name), name, {
    additionalProperties: false,
    bannerComment: banner(from),
    ignoreMinAndMaxItems: true,
    style: { singleQuote: true, printWidth: 120 },
  });
  return text;
}

// ajv's standalone code still requires ajv's runtime helpers; bundled, it needs no package at run time.
async function validator(name, options) {
  const from = `${name}.schema.json`;
  const schema = withoutProse(await schemaOf(name));
  const ajv = new Ajv({
    ...options,
    messages: false,
    discriminator: true,
    allowUnionTypes: true,
    strictRequired: false,
    strictTypes: false,
    code: { source: true, esm: true },
  });
  const bundled = await build({
    stdin: { contents: standalone(ajv, ajv.compile(schema)), resolveDir: new URL('..', import.meta.url).pathname },
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    mainFields: ['main'],
    minify: true,
    write: false,
    legalComments: 'none',
  });
  return {
    [`validate-${name}.gen.mjs`]: banner(from) + bundled.outputFiles[0].text,
    [`validate-${name}.gen.d.mts`]:
      banner(from) +
      `export interface Failure {
  readonly keyword: string;
  readonly instancePath: string;
  readonly schemaPath: string;
  readonly params: Readonly<Record<string, unknown>>;
${
  options.verbose
    ? `  /** Where the schema is for the names of properties: the name. */
  readonly propertyName?: string;
  readonly parentSchema: Readonly<Record<string, unknown>>;
  readonly data: unknown;
`
    : ''
}}
export declare const validate: { (value: unknown): boolean; errors: readonly Failure[] | null };
`,
  };
}

function withoutProse(schema, names = false) {
  if (Array.isArray(schema)) return schema.map((item) => withoutProse(item));
  if (typeof schema !== 'object' || schema === null) return schema;
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([key]) => names || !PROSE.has(key))
      .map(([key, value]) => [key, withoutProse(value, !names && (key === 'properties' || key === '$defs'))]),
  );
}
