// The order of the files of tests for jest: those that take longest first, so that at the end no worker is left alone with
// one of them. Jest goes by the sizes of files where it has not run them before, as in CI, and those that start programs are short.

const LONGEST = [
  'boundary/s2.test.ts',
  'boundary/s4.test.ts',
  'boundary/s8.test.ts',
  'boundary/s1.test.ts',
  'cmd/session/trust.test.ts',
  'signals.test.ts',
  'scenarios/walk.test.ts',
  'scenarios/bad-input.test.ts',
  'boundary/oracle.test.ts',
  'crash.test.ts',
  'scenarios/lock-drift.test.ts',
  'boundary/trust.test.ts',
  'attacks/hostile.test.ts',
  'limits.test.ts',
  'boundary/s3.test.ts',
  'odd.test.ts',
  'attacks/calling.test.ts',
  'scenarios/activation-cut.test.ts',
  'attacks.test.ts',
  'boundary.test.ts',
  'mutex.test.ts',
  'core/host/process/run.test.ts',
  'laws.test.ts',
  'cmd/events.test.ts',
  'providers/lock/need.test.ts',
  'boundary/s6.test.ts',
  'core/formats/flake/laws.test.ts',
  'attacks/privilege.test.ts',
  'scenarios/activation.test.ts',
  'core/formats/git/index.test.ts',
  'core/transaction/executor.test.ts',
  'core/formats/flake/flake.test.ts',
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
