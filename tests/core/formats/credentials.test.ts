// Credentials in URLs, and text that only looks like them.
import { expect, test } from '@jest/globals';
import { dataWithoutCredentials, withoutCredentials } from '../../../core/formats/credentials.ts';

test.each([
  ['https://user:hunter2@host/x', 'https://***@host/x'],
  ['git+https://ghp_hunter2@github.com/a/b?ref=main', 'git+https://***@github.com/a/b?ref=main'],
  ['git+ssh://git@host/x', 'git+ssh://git@host/x'],
  ['ssh://git:hunter2@host/x', 'ssh://git:***@host/x'],
  ['https://host/x.tar.gz?access_token=hunter2&dir=a', 'https://host/x.tar.gz?access_token=***&dir=a'],
  ['https://host/x?a=b&private_token=hunter2#y', 'https://host/x?a=b&private_token=***#y'],
  ['{"url":"https://u:hunter2@h/x?token=hunter2","z":1}', '{"url":"https://***@h/x?token=***","z":1}'],
  ["unable to download 'https://u:hunter2@h/x': 404", "unable to download 'https://***@h/x': 404"],
  ['HTTPS://U:hunter2@H and http://v:hunter2@h', 'HTTPS://***@H and http://***@h'],
  ['https://u:hunter%402@h/x', 'https://***@h/x'],
  ['https://host/x?X-Amz-Signature=hunter2', 'https://host/x?X-Amz-Signature=***'],
  ['https://host/x?client_secret=hunter2', 'https://host/x?client_secret=***'],
  ['https://host/x?clientSecret=hunter2&jwt=hunter2', 'https://host/x?clientSecret=***&jwt=***'],
  ['https://host/x?refresh-token=hunter2;sessionid=hunter2', 'https://host/x?refresh-token=***;sessionid=***'],
  ['https://host/x#access_token=hunter2', 'https://host/x#access_token=***'],
  ['https://host/x#token=hunter2&state=a', 'https://host/x#token=***&state=a'],
  ['https://host/x?deploy.key=hunter2&sas=hunter2', 'https://host/x?deploy.key=***&sas=***'],
  ['> Authorization: Bearer hunter2', '> Authorization: Bearer ***'],
  ['> PRIVATE-TOKEN: hunter2', '> PRIVATE-TOKEN: ***'],
  [`cannot read ghp_${'a1'.repeat(18)}`, 'cannot read ***'],
  [`clone of https://host/glpat-${'a'.repeat(20)}/x`, 'clone of https://host/***/x'],
])('%s', (text, shown) => {
  expect(withoutCredentials(text)).toBe(shown);
  expect(withoutCredentials(shown)).toBe(shown);
  expect(dataWithoutCredentials({ a: [text], n: 1 })).toEqual({ a: [shown], n: 1 });
});

test.each([
  'github:NixOS/nixpkgs/nixos-25.11',
  'https://host/a@b/c',
  'path:/a?rev=b&narHash=sha256-x=',
  'mail me@host.org',
  'git+https://host/x?verifyCommit=1&publicKey=AAAA&keytype=ssh-ed25519',
  'https://host/x?author=me&design=a#tokens',
  'authorization: is needed',
  '?monkeys=3',
  'networking.hostName = "a"; # see https://host/?q=1',
])('nothing to hide in %s', (text) => {
  const data = { text, bytes: new Uint8Array([1]) };
  expect(withoutCredentials(text)).toBe(text);
  expect(dataWithoutCredentials(data)).toBe(data);
});
