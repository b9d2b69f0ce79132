// Which host of a spec this machine is: by its name, by its system where two have one name, or by what --host says.
import { describe, expect, test } from '@jest/globals';
import { type Hosts, hostsOf } from '../../../core/spec/hosts-over-defaults.ts';
import { chooseHost } from '../../../core/spec/which-host.ts';

const X86 = 'x86_64-linux';
const ARM = 'aarch64-linux';
const SPEC = {
  version: 1 as const,
  inputs: {},
  config: { path: '/srv' },
  hosts: {
    web: { host: { system: X86 } },
    db: { host: { name: 'db-1', attribute: 'db.example.org', system: X86 } },
    'pi-a': { host: { name: 'pi', system: ARM } },
    'pi-b': { host: { name: 'pi', attribute: 'pi-b', system: X86 } },
    old: null,
  },
};
const MANY = hostsOf(SPEC);
const ONE = hostsOf({ version: 1, inputs: {}, host: { name: 'web', system: X86 } });
const ELSEWHERE = hostsOf({
  ...SPEC,
  hosts: { ...SPEC.hosts, web: { host: { system: X86 }, config: { path: '/a' } } },
});

/** `web`, `web, repository`, or the reason for none. */
function chosen(hosts: Hosts, name: string, system: string, wanted?: string, isRunning = true): string {
  const choice = chooseHost(hosts, { name, system, machineId: '' }, isRunning, wanted);
  if (choice.kind === 'open') return choice.why;
  return `${choice.view.key ?? 'the only one'}${choice.isMachine ? '' : ', repository'}`;
}

describe('by the facts of the machine', () => {
  test.each<[string, Parameters<typeof chosen>, string | RegExp]>([
    ['its name', [MANY, 'web', X86], 'web'],
    ['its name with a domain, in other case', [MANY, 'WEB.example.org', X86], 'web'],
    ['the name of host.name, not the key', [MANY, 'db-1', X86], 'db'],
    ['a name and another system: the guard says so', [MANY, 'web', ARM], 'web'],
    ['two of one name: the system', [MANY, 'pi', ARM], 'pi-a'],
    [
      'two of one name in a directory: its processor is not ours',
      [MANY, 'pi', ARM, undefined, false],
      /may be any of pi-a, pi-b/,
    ],
    [
      'none',
      [MANY, 'db', X86],
      /^this machine, "db" \(x86_64-linux\), is none of the hosts of the spec: web, db, pi-a, pi-b;/,
    ],
    ['a machine without a name', [MANY, '', X86], /which has no name .*is none of the hosts/],
    ['the only one is chosen by no fact: the guard judges', [ONE, 'other', ARM], 'the only one'],
  ])('%s', (_what, args, said) => {
    expect(chosen(...args)).toEqual(typeof said === 'string' ? said : expect.stringMatching(said));
  });
});

describe('by --host', () => {
  test.each<[string, Parameters<typeof chosen>, string | RegExp]>([
    ['a name, on another machine too', [MANY, 'web', X86, 'db'], 'db'],
    ['one of two', [MANY, 'pi', X86, 'pi-a'], 'pi-a'],
    ['a slip', [MANY, 'web', X86, 'weeb'], /the spec has no such host; did you mean "web"\?/],
    ['a host that is gone', [MANY, 'web', X86, 'old'], /the spec says that it is gone/],
    ['nothing like it', [MANY, 'web', X86, 'mainframe'], /its hosts are web, db, pi-a, pi-b$/],
    ['all, on one of them', [MANY, 'db-1', X86, 'all'], 'db, repository'],
    ['all, on none of them', [MANY, 'laptop', X86, 'all'], 'web, repository'],
    ['all, on none of them, with several places', [ELSEWHERE, 'laptop', X86, 'all'], /in different places/],
    ['all of one', [ONE, 'laptop', X86, 'all'], 'the only one, repository'],
    ['the only one by its name', [ONE, 'laptop', X86, 'web'], 'the only one'],
    ['another than the only one', [ONE, 'web', X86, 'db'], /no such host; its hosts are web/],
  ])('%s', (_what, args, said) => {
    expect(chosen(...args)).toEqual(typeof said === 'string' ? said : expect.stringMatching(said));
  });
});
