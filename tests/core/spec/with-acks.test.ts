// Acknowledgements are added to the text of a spec: as values, what was there and the new ones; as text, lines are only added.

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseJson } from '../../../core/formats/json.ts';
import { parseYaml } from '../../../core/formats/yaml.ts';
import { type Ack, ackLines, withAcks } from '../../../core/spec/with-acks.ts';

const one: Ack = { finding: `sha256:${'a'.repeat(64)}`, reason: 'until "2.4", then: # gone' };
const two: Ack = { finding: `sha256:${'b'.repeat(64)}`, reason: 'baseline', by: 'srid', until: '2027-03-01' };

const YAML: Readonly<Record<string, string>> = {
  'no list': 'version: 1 # one\nhost: { name: a }\n',
  'no newline at the end': 'version: 1',
  'a comment at the end': 'version: 1\n\n# the end\n',
  'a list of lines':
    'version: 1\nack:\n  - { finding: "x", reason: y } # first\n  - finding: z\n    reason: w\ngit: off\n',
  'a list that is not indented': 'ack:\n- { finding: x, reason: y }\ngit: off\n',
  'a list in one line': 'ack: [{ finding: x, reason: y }]\ngit: off\n',
  'a list in brackets over lines': 'ack: [\n  { finding: x, reason: y },\n  { finding: z, reason: w }\n]\n',
  'an empty list': 'ack: []\ngit: off\n',
  'the list at the end, without newline': 'version: 1\nack:\n    - { finding: x, reason: y }',
  'words after the list': 'ack:\n  - finding: x\n    reason: |\n      many\n      lines\n\n# about git\ngit: off\n',
};
const JSONS: Readonly<Record<string, string>> = {
  'no list': '{\n  "version": 1\n}\n',
  'an empty spec': '{}',
  'a list': '{\n  "ack": [\n    { "finding": "x", "reason": "y" }\n  ],\n  "version": 1\n}\n',
  'a list in one line': '{"ack":[{"finding":"x","reason":"y"}],"version":1}',
  'an empty list': '{ "ack": [], "version": 1 }',
};

async function parsedOf(file: string, text: string): Promise<Record<string, unknown>> {
  const parsed = file.endsWith('.json') ? parseJson(text) : await parseYaml(text);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.value as Record<string, unknown>;
}

/** What the text had, in its order, is still there. */
function isOnlyAdded(before: string, after: string): boolean {
  let at = 0;
  for (const sign of after) if (sign === before[at]) at++;
  return at === before.trimEnd().length || at === before.length;
}

describe.each([
  ['spec.yaml', YAML],
  ['spec.json', JSONS],
])('%s', (file, texts) => {
  test.each(Object.entries(texts))('%s', async (_what, text) => {
    for (const added of [[one], [one, two]]) {
      const made = await withAcks(file, text, added);
      expect(made).toBeDefined();
      const was = await parsedOf(file, text);
      expect(await parsedOf(file, made!)).toEqual({ ...was, ack: [...((was.ack as []) ?? []), ...added] });
      expect(isOnlyAdded(text, made!)).toBe(true);
    }
  });
});

test('a form in which an edit would change more is left alone', async () => {
  for (const text of ['{ version: 1 }', 'ack: 3\n', '- a\n', ': : :', 'a: &x 1\nack: *x\n'])
    expect(await withAcks('spec.yaml', text, [one])).toBeUndefined();
  expect(await withAcks('spec.json', '[]', [one])).toBeUndefined();
});

test('the lines to paste are read as what is to be added', async () =>
  expect(await parsedOf('a.yaml', ackLines([one, two]))).toEqual({ ack: [one, two] }));

test('any reason survives', () =>
  fc.assert(
    fc.asyncProperty(fc.string({ minLength: 1, unit: 'grapheme' }), async (reason) => {
      for (const [file, text] of [
        ['a.yaml', 'version: 1\n'],
        ['a.json', '{}'],
      ] as const) {
        const made = await withAcks(file, text, [{ ...one, reason }]);
        expect((await parsedOf(file, made!)).ack).toEqual([{ ...one, reason }]);
      }
    }),
    { numRuns: 200 },
  ));
