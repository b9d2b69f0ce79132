// Jest runs the TypeScript sources as they are (swc, ESM). Four workers, for machines with two cores: what most of the tests do is
// wait for programs that they run, one after another.
// Node 20 reads these certificates at each of thousands of starts, 40 ms each; nothing here talks to anybody.
delete process.env.NODE_EXTRA_CA_CERTS;

export default {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  testMatch: ['<rootDir>/tests/**/*.test.ts'],
  transform: {
    '\\.ts$': ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, module: { type: 'es6' } }],
  },
  maxWorkers: 4,
  testSequencer: '<rootDir>/tests/longest-first.mjs',
  testTimeout: 60_000,
};
