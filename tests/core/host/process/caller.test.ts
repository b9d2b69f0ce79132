// The caller, found from the variables of sudo, run0, doas and pkexec; contradictory variables are refused.
import { describe, expect, test } from '@jest/globals';
import { namedBy } from '../../../../core/host/process/caller.ts';

const user = (name: string, uid: number) => ({ name, uid, gid: 100, home: `/home/${name}`, shell: '/bin/sh' });
const users = () => [user('root', 0), user('srid', 1000), user('alias', 1000), user('eve', 1001)];
const who = (env: Record<string, string>) => namedBy(env, users);
const SRID = { name: 'srid', uid: 1000, gid: 100, home: '/home/srid' };
const SUDO = { SUDO_UID: '1000', SUDO_GID: '100', SUDO_USER: 'srid' };

describe('named', () => {
  test.each([
    ['sudo, and run0 since systemd 256', SUDO],
    ['sudo from a shell with another group', { ...SUDO, SUDO_GID: '27' }],
    ['doas', { DOAS_USER: 'srid' }],
    ['pkexec', { PKEXEC_UID: '1000' }],
    ['doas that keeps what sudo set', { ...SUDO, DOAS_USER: 'root' }],
    ['sudo -E in doas', { SUDO_UID: '0', SUDO_GID: '0', SUDO_USER: 'root', DOAS_USER: 'srid' }],
    ['empty words', { ...SUDO, DOAS_USER: '', PKEXEC_UID: '' }],
  ])('%s', (_how, env) => {
    expect(who(env)).toEqual(SRID);
  });

  test('a second name of the same number', () => {
    expect(who({ ...SUDO, SUDO_USER: 'alias' })).toEqual({ name: 'alias', uid: 1000, gid: 100, home: '/home/alias' });
  });

  test.each([
    ['su, a unit, cron, ssh', {}],
    ['su keeps the name of who called, which is nobody to count on', { USER: 'srid', LOGNAME: 'srid' }],
    ['root by sudo', { SUDO_UID: '0', SUDO_GID: '0', SUDO_USER: 'root' }],
    ['root by doas', { DOAS_USER: 'root' }],
    ['root by pkexec', { PKEXEC_UID: '0' }],
  ])('nobody: %s', (_how, env) => {
    expect(who(env)).toBeUndefined();
  });

  test('a user of a directory service', () => {
    expect(who({ SUDO_UID: '5000', SUDO_GID: '500', SUDO_USER: 'ldap' })).toEqual({
      name: 'ldap',
      uid: 5000,
      gid: 500,
      home: '/',
    });
    expect(who({ SUDO_UID: '5000', SUDO_GID: '500', SUDO_USER: '../../etc\u001b[2J' })?.name).toBe('5000');
  });
});

describe('refused', () => {
  test.each([
    ['two numbers', { SUDO_UID: '1000', PKEXEC_UID: '1001' }, /SUDO_UID says "1000" and PKEXEC_UID "1001"/],
    ['a number and the name of another', { ...SUDO, SUDO_USER: 'eve' }, /SUDO_UID says "1000" and SUDO_USER "eve"/],
    ['sudo and doas', { ...SUDO, DOAS_USER: 'eve' }, /DOAS_USER "eve"/],
    ['a name that nobody has', { DOAS_USER: 'nobody-here' }, /no such user/],
    ['a name alone that nobody has', { SUDO_USER: 'nobody-here' }, /no such user/],
    ['a number without a group', { PKEXEC_UID: '5000' }, /user 5000 is not in/],
    ['an odd group', { SUDO_UID: '5000', SUDO_GID: '4294967295' }, /no SUDO_GID/],
  ])('%s', (_what, env, words) => {
    expect(() => who(env)).toThrow(expect.objectContaining({ usage: expect.stringMatching(words) }));
  });

  test.each(['abc', '-1', '4294967295', '4294967296', '1000.5', '0x10', '1e3', ' 1000', '01000', '1000\u001b[2J'])(
    'the number %j',
    (uid) => {
      for (const name of ['SUDO_UID', 'PKEXEC_UID'])
        expect(() => who({ [name]: uid })).toThrow(
          expect.objectContaining({ usage: expect.stringContaining(`${name} is ${JSON.stringify(uid)}`) }),
        );
    },
  );
});
