// Turns the failures of the JSON schema's validator into diagnostics in the words of the spec: one for each place.

import type { Failure } from '../../schemas/validate-spec.gen.mjs';
import type { Code } from '../codes.ts';
import type { JsonPointer } from '../diagnostic.ts';
import { fromPointer, pointerWords, toPointer } from '../formats/json-pointer.ts';
import { leafFrom } from '../leaf.ts';
import { closest } from './suggest.ts';

/** A diagnostic before it has a place: `pointer` leads to it, `part` says which half of the member is meant. */
export interface SpecProblem {
  readonly severity: 'error' | 'warning';
  readonly code: Code;
  readonly summary: string;
  /** A right value for that place; shown beside the caret. */
  readonly expected?: string;
  readonly hint?: string;
  readonly pointer: JsonPointer;
  readonly part: 'key' | 'value';
}

/** One problem for each pointer and part, the most telling failure of it, in the order of the validator. */
export function problemsOf(failures: readonly Failure[]): readonly SpecProblem[] {
  const best = new Map<string, { readonly rank: number; readonly problem: SpecProblem }>();
  for (const failure of failures) {
    // Skip the failure of the name's own pattern: `propertyNames` reports it too, with the place.
    if (failure.propertyName !== undefined) continue;
    const problem = problemOf(failure);
    // Several missing keys are several problems of one place.
    const missing = problem.code === 'RF1004' ? problem.summary : '';
    const place = `${problem.part}${problem.pointer}${missing}`;
    const rank = failure.keyword === 'type' ? 0 : 1;
    const known = best.get(place);
    if (known === undefined || rank < known.rank) best.set(place, { rank, problem });
  }
  return [...best.values()].map(({ problem }) => problem);
}

function problemOf(failure: Failure): SpecProblem {
  const { keyword, instancePath: pointer, params, parentSchema } = failure;
  const words = pointerWords(pointer);
  const wrong = { severity: 'error', code: 'RF1005', pointer, part: 'value' } as const;
  const examples = listOf(parentSchema.examples);
  switch (keyword) {
    case 'additionalProperties':
      return unknownKey(failure, String(params.additionalProperty));
    case 'propertyNames': {
      const name = String(params.propertyName);
      return {
        ...wrong,
        pointer: `${pointer}${toPointer([name])}`,
        part: 'key',
        ...(pointer === '/hosts'
          ? { summary: `${quote(name)} cannot be the name of a host` }
          : { summary: `${quote(name)} cannot be the name of an input`, expected: 'letters, digits, _ and -' }),
        ...(name === 'self' ? { hint: 'self is the flake itself: choose another name' } : {}),
      };
    }
    case 'required':
      return missingKey(pointerWords(`${pointer}${toPointer([String(params.missingProperty)])}`), pointer);
    case 'type':
      return { ...wrong, ...wrongType(failure, words) };
    case 'const':
    case 'enum':
      return { ...wrong, ...wrongValue(failure, words) };
    case 'minProperties':
      return {
        ...wrong,
        summary: `${words} is empty`,
        hint: pointer === '/hosts' ? 'write at least one host' : 'write a url, or what it follows',
      };
    case 'uniqueItems': {
      const twice = `${pointer}/${Math.max(Number(params.i), Number(params.j))}`;
      return { ...wrong, pointer: twice, summary: `${words} holds the same item twice`, hint: 'remove one' };
    }
    default:
      return {
        ...wrong,
        summary: `${words} cannot be ${quote(failure.data)}`,
        ...suchAs(examples),
        ...patternHint(pointer, failure.data),
      };
  }
}

/** `key`: its words. `pointer`: what lacks it. */
export const missingKey = (key: string, pointer: JsonPointer, because = ''): SpecProblem => ({
  severity: 'error',
  code: 'RF1004',
  pointer,
  part: 'key',
  summary: `missing key ${key}${because}`,
  hint: `add ${key}`,
});

function wrongType(
  { instancePath: pointer, params, parentSchema, data }: Failure,
  words: string,
): Pick<SpecProblem, 'summary' | 'expected' | 'hint'> {
  const types = [params.type].flat().map(String);
  const summary =
    data === null
      ? `${words} is empty`
      : `${words} must be ${types.map((type) => TYPES[type] ?? type).join(' or ')}, not ${typeOf(data)}`;
  if (types.includes('boolean') && typeof data === 'string' && /^(yes|no|on|off)$/i.test(data))
    return { summary, hint: `write ${/^(yes|on)$/i.test(data)}` };
  const such = suchAs(listOf(parentSchema.examples));
  const age = unitHint(pointer, data);
  if (age !== undefined) return { summary, ...such, hint: age };
  if (types.includes('string') && typeof data === 'number') return { summary, hint: 'put it in quotes' };
  return { summary, ...such };
}

function wrongValue(
  { keyword, params, data }: Failure,
  words: string,
): Pick<SpecProblem, 'summary' | 'expected' | 'hint'> {
  const allowed = keyword === 'const' ? [params.allowedValue] : listOf(params.allowedValues);
  const wrong = {
    summary: data === null ? `${words} is empty` : `unknown value ${quote(data)} for ${words}`,
    expected: `expected ${allowed.map(String).join(', ')}`,
  };
  // YAML 1.1 reads off as false; a generator of JSON may have written that.
  if (data === false && allowed.includes('off')) return { ...wrong, hint: 'write "off"' };
  if (typeof data !== 'string') return wrong;
  if (allowed.includes(Number(data))) return { ...wrong, hint: 'remove the quotes' };
  const near = closest(data, allowed.map(String));
  return near === undefined ? wrong : { ...wrong, hint: `did you mean ${quote(near)}?` };
}

function unknownKey({ instancePath, parentSchema, data }: Failure, name: string): SpecProblem {
  const known = Object.keys((parentSchema.properties ?? {}) as object);
  const written = new Set(Object.keys(data as object));
  const missing = known.filter((key) => !written.has(key));
  const near = closest(name, missing);
  return {
    severity: 'error',
    code: 'RF1003',
    pointer: `${instancePath}${toPointer([name])}`,
    part: 'key',
    summary: `unknown key ${quote(name)}${instancePath === '' ? '' : ` in ${pointerWords(instancePath)}`}`,
    expected: `expected ${known.join(', ')}`,
    ...(near !== undefined
      ? { hint: `did you mean ${quote(near)}?` }
      : /^\/hosts\/[^/]+$/.test(instancePath) && ONLY_AT_THE_TOP.includes(name)
        ? { hint: `${name} is of all hosts: write it at the top` }
        : {}),
  };
}

/** Members of the spec that its hosts share. */
const ONLY_AT_THE_TOP = ['inputs', 'follows', 'lock', 'git', 'ack', 'expect'];

/** A hint for the usual mistakes in these fields. */
function patternHint(pointer: JsonPointer, data: unknown): { readonly hint?: string } {
  const age = unitHint(pointer, data);
  if (age !== undefined) return { hint: age };
  if (typeof data !== 'string') return {};
  const key = fromPointer(leafFrom(pointer).wish).slice(0, 2).join('.');
  if (key === 'host.name' && data.includes('.'))
    return { hint: `use the name without its domain: ${quote(data.split('.')[0])}; the whole may be host.attribute` };
  if (key === 'config.path' || key === 'config.from')
    return { hint: 'write an absolute path, or one that begins with ~/' };
  if (key === 'config.modules') return { hint: 'write a path below the configuration, beginning with ./' };
  return {};
}

/** A number that lacks its unit, in quotes or not. */
const unitHint = (pointer: JsonPointer, data: unknown): string | undefined =>
  pointer === '/lock/maxAge' && /^\d{1,9}$/.test(String(data)) ? `add its unit: ${data}d is so many days` : undefined;

const TYPES: Readonly<Record<string, string>> = {
  string: 'text',
  object: 'a map',
  array: 'a list',
  boolean: 'true or false',
};

function typeOf(data: unknown): string {
  if (data === null || data === undefined) return 'empty';
  if (Array.isArray(data)) return 'a list';
  if (typeof data === 'object') return 'a map';
  if (typeof data === 'string') return `the text ${quote(data)}`;
  return `the ${typeof data} ${String(data)}`;
}

const suchAs = (examples: readonly unknown[]): { readonly expected?: string } =>
  examples.length === 0 ? {} : { expected: `such as ${examples.map(String).join(', ')}` };

const listOf = (list: unknown): readonly unknown[] => (Array.isArray(list) ? list : []);

/** A value of the user for a message: in double quotes, cut after 60 characters. */
export function quote(data: unknown): string {
  const text = typeof data === 'string' ? JSON.stringify(data) : String(typeof data === 'object' ? typeOf(data) : data);
  const points = Array.from(text);
  return points.length > 62 ? `${points.slice(0, 60).join('')}…"` : text;
}
