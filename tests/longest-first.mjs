// The order of the files of tests for jest: those that take longest first, so that at the end no worker is left alone with
// one of them. Jest goes by the sizes of files where it has not run them before, as in CI, and those that start programs are short.

const LONGEST = [
  'attacks.test.ts',
  'crash.test.ts',
  'scenarios/activation-cut.test.ts',
  'scenarios/walk.test.ts',
  'scenarios/bad-input.test.ts',
  'power.test.ts',
  'attacks/privilege.test.ts',
  'attacks/hostile.test.ts',
  'scenarios/lock-drift.test.ts',
  'odd.test.ts',
  'scenarios/activation.test.ts',
  'signals.test.ts',
  'fixtures.test.ts',
  'core/history.test.ts',
  'lock.test.ts',
  'file-systems.test.ts',
];

const rank = ({ path }) => {
  const at = LONGEST.findIndex((name) => path.endsWith(`/tests/${name}`));
  return at < 0 ? LONGEST.length : at;
};

/** What jest asks of a sequencer here; nothing is remembered from run to run. */
export default class LongestFirst {
  sort(tests) {
    return [...tests].sort((a, b) => rank(a) - rank(b) || (a.path < b.path ? -1 : 1));
  }

  cacheResults() {}
}
