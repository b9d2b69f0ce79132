// A file, a fragment of the schema and a line in providers/index.ts are enough to make a provider: added to a copy of
// the sources, it is planned, counted, selected, applied and undone by the program that is built from them.

import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { BASES, specOf } from './support/plan-cases.ts';
import { layOut, temporary } from './support/trees.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** The source of a provider whose wish is a line in /etc/motd. */
const PROVIDER = `// What is said at a login: the file /etc/motd.

import { puts, ROOTS } from '../core/plan/places.ts';
import { absolute } from '../core/path.ts';
import { IN_SYNC, provider } from '../core/plan/provider.ts';
import { putText, readText } from '../core/machine/texts.ts';
import { sameOwner } from '../core/model.ts';

const PATH = absolute('/etc/motd');

export const motd = provider({
  name: 'greeting',
  answers: ['/motd'],
  codes: ['RF2103'],
  mayWrite: puts(({ path, after }) => path === PATH && after.type === 'file' && sameOwner(after.owner, ROOTS)),
  desire: ({ spec }) => spec.motd,
  observe: async (_wished, reader) => readText(reader, PATH),
  reconcile(wished, file) {
    const text = \`\${wished}\\n\`;
    if (file.kind === 'text' && file.text === text) return IN_SYNC;
    const { edit, blobs } = putText(PATH, file, text, ROOTS);
    return {
      findings: [
        {
          code: 'RF2103',
          wish: '/motd',
          subject: 'motd',
          path: PATH,
          to: wished,
          because: 'the greeting is another one',
          remedy: { by: 'plan', action: 'change' },
        },
      ],
      edits: [edit],
      blobs,
    };
  },
});
`;

let dir: string;
let remove: () => void;
beforeAll(() => {
  ({ dir, remove } = temporary());
  chmodSync(dir, 0o755);
  const at = (name: string): string => `${dir}/reflake/${name}`;
  for (const name of ['schemas', 'core', 'providers', 'cmd', 'scripts', 'bench', 'package.json'])
    cpSync(`${ROOT}${name}`, at(name), { recursive: true });
  symlinkSync(`${ROOT}node_modules`, at('node_modules'));
  writeFileSync(at('providers/motd.ts'), PROVIDER);
  const spec = JSON.parse(readFileSync(at('schemas/spec.schema.json'), 'utf8'));
  spec.properties.motd = { description: 'What is said at a login.', type: 'string' };
  writeFileSync(at('schemas/spec.schema.json'), JSON.stringify(spec));
  const index = readFileSync(at('providers/index.ts'), 'utf8');
  writeFileSync(
    at('providers/index.ts'),
    `import { motd } from './motd.ts';\n${index.replace('  machine,', '  machine,\n  motd,')}`,
  );
  for (const script of ['gen', 'build'])
    execFileSync(process.execPath, [at(`scripts/${script}.mjs`)], { cwd: at('.') });
  mkdirSync(`${dir}/machine`);
  layOut(`${dir}/machine`, BASES.machines.settled);
  writeFileSync(`${dir}/reflake.json`, specOf({ spec: { motd: 'hello' } }));
});
afterAll(() => remove());

function reflake(...words: readonly string[]): { readonly code: number | null; readonly said: string } {
  const ran = spawnSync(process.execPath, [`${dir}/reflake/dist/reflake.cjs`, ...words, '--root', `${dir}/machine`], {
    cwd: dir,
    encoding: 'utf8',
    env: { PATH: process.env.PATH, HOME: '/root' },
  });
  return { code: ran.status, said: ran.stdout + ran.stderr };
}

test('a provider of one file is planned, counted, selected, applied, saved and undone', () => {
  const check = reflake('check');
  expect(check.said).toMatch(/motd.*hello.*spec:\/motd reflake\.json:\d+/);
  expect(check.said).toContain('10 wishes: 9 hold, 1 differs');
  expect(check.code).toBe(2);
  expect(reflake('check', '--only', 'motd').said).toContain('1 wish: 1 differs; 9 left out');
  expect(reflake('check', '--skip', 'greeting')).toMatchObject({ code: 0 });
  expect(reflake('plan', '--out', 'plan.json').code).toBe(0);
  // A saved plan is checked against what the providers may write.
  expect(reflake('apply', 'plan.json', '--yes')).toMatchObject({ code: 0 });
  expect(readFileSync(`${dir}/machine/etc/motd`, 'utf8')).toBe('hello\n');
  expect(reflake('check')).toMatchObject({ code: 0, said: expect.stringContaining('10 wishes: 10 hold') });
  expect(reflake('rollback', '--yes').code).toBe(0);
  expect(reflake('check').code).toBe(2);
});
