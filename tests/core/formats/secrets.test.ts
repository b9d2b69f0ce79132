// Texts and names that are taken for secrets, and ones that are not.

import { expect, test } from '@jest/globals';
import { passwordsIn, secretsIn } from '../../../core/formats/secrets.ts';

const KEY = 'A'.repeat(43);

const SECRET: readonly (readonly [name: string, text: string, what: string])[] = [
  ['key', '-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n', 'a private key'],
  ['a.nix', "{ a = ''\n-----BEGIN RSA PRIVATE KEY-----\n''; }", 'a private key'],
  ['a.asc', '-----BEGIN PGP PRIVATE KEY BLOCK-----', 'a private key'],
  ['tls.pem', '-----BEGIN PRIVATE KEY-----', 'a private key'],
  ['age.txt', `# created\nAGE-SECRET-KEY-1${'Q'.repeat(58)}`, 'a secret key of age'],
  ['wg0.conf', `[Interface]\nPrivateKey = ${KEY}=\n`, 'a private key of WireGuard'],
  ['wg.nix', `{ privateKey = "${KEY}="; }`, 'a private key of WireGuard'],
  ['flake.nix', '{ inputs.a.url = "git+https://me:hunter22@example.org/a"; }', 'a password in a url'],
  ['flake.nix', '{ inputs.a.url = "https://example.org/a?access_token=0123456789"; }', 'a token in a url'],
  ['ci.yaml', `token: ghp_${'a'.repeat(36)}`, 'a token'],
  ['.env', '', 'a file of environment secrets'],
  ['.env.local', 'A=1', 'a file of environment secrets'],
  ['id_ed25519', '', 'a private key, by its name'],
  ['deploy_rsa', '', 'a private key, by its name'],
  ['home.psk', 'x', 'a file of keys, by its name'],
  ['.netrc', 'machine a', 'a file of passwords, by its name'],
];
test.each(SECRET)('%s: %j is %s', (name, text, what) => {
  const secrets = secretsIn(name, Buffer.from(text));
  expect(secrets.map((one) => one.what)).toContain(what);
  for (const { span } of secrets) if (span) expect(text.slice(span.start, span.end).length).toBeGreaterThan(3);
});

const HARMLESS: readonly (readonly [name: string, text: string])[] = [
  ['a.age', 'age-encryption.org/v1\n-> X25519 …'],
  ['a.age', '-----BEGIN AGE ENCRYPTED FILE-----\nAAAA'],
  ['secrets.yaml', 'password: ENC[AES256_GCM,data:x,type:str]\nsops:\n    mac: ENC[AES256_GCM,data:y]'],
  ['secrets.json', '{"a": "ENC[AES256_GCM,data:x]", "sops": {"mac": "ENC[AES256_GCM,data:y]"}}'],
  ['crypt_rsa', '\0GITCRYPT\0\u0001\u0002'],
  ['.env.example', 'A=changeme'],
  ['id_ed25519.pub', 'ssh-ed25519 AAAA'],
  ['cert.pem', '-----BEGIN CERTIFICATE-----'],
  ['a.nix', '{ a = "https://example.org:8080/a@b"; b = "git@github.com:a/b"; c = "ssh://git@example.org/a"; }'],
  ['a.nix', '{ a = "https://${user}:${password}@example.org"; }'],
  ['a.nix', '{ privateKeyFile = "/run/secrets/wg"; hashedPasswordFile = "/run/secrets/a"; }'],
  // As the installer writes it.
  ['configuration.nix', '# networking.proxy.default = "http://user:password@proxy:port/";'],
  ['README.md', 'keys begin with AGE-SECRET-KEY-1'],
];
test.each(HARMLESS)('%s: %j is none', (name, text) => expect(secretsIn(name, Buffer.from(text))).toEqual([]));

test.each(['hashedPassword = "$6$abc"', 'initialPassword = "changeme"', 'psk = "hunter22"'])(
  'what a build shows anyway is told apart: %s',
  (binding) => {
    const text = `{ users.users.a.${binding}; }`;
    expect(secretsIn('a.nix', Buffer.from(text))).toEqual([]);
    const passwords = passwordsIn(Buffer.from(text));
    expect(passwords.map(({ span }) => text.slice(span.start, span.end))).toEqual([binding]);
  },
);

test.each([
  '# users.users.a.password = "x";',
  '{ a = 1; } # initialPassword = "x"',
  'hashedPasswordFile = "/run/secrets/a"',
  'password = "${config.sops.placeholder.a}"',
  'password = config.a',
  'passwordless = "x"',
])('no password option: %s', (text) => expect(passwordsIn(Buffer.from(text))).toEqual([]));
