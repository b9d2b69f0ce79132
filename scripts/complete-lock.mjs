// Completes package-lock.json after `npm install` with a registry that lacks the binary packages of other platforms: npm then
// leaves them out of the lock, and `npm ci` refuses it everywhere. This adds them again, from their names.
import { readFileSync, writeFileSync } from 'node:fs';

const file = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(file, 'utf8'));
const OS = [
  'android',
  'darwin',
  'linux',
  'win32',
  'freebsd',
  'openbsd',
  'netbsd',
  'sunos',
  'aix',
  'openharmony',
  'wasm32',
];
const CPU = { eabi: 'arm', gnueabihf: 'arm', musleabihf: 'arm' };
const CPUS = ['arm64', 'x64', 'arm', 'ia32', 'ppc64', 's390x', 'riscv64', 'loong64', 'mips64el', 'wasm32'];

let added = 0;
for (const [, { optionalDependencies = {}, dev }] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    const words = name.split('/').at(-1).split('-');
    const os = words.find((word) => OS.includes(word));
    const cpu = words.find((word) => CPUS.includes(word)) ?? words.map((word) => CPU[word]).find(Boolean);
    // Only a package that is bound to a platform and has an exact version can be added without asking the registry.
    if (lock.packages[`node_modules/${name}`] || !os || !cpu || !/^\d+\.\d+\.\d+/.test(version)) continue;
    const libc = words.includes('musl') ? ['musl'] : os === 'linux' && words.includes('gnu') ? ['glibc'] : undefined;
    lock.packages[`node_modules/${name}`] = {
      version,
      cpu: [cpu],
      ...(dev && { dev }),
      ...(libc && { libc }),
      optional: true,
      os: [os],
    };
    added++;
  }
}
const [root, ...rest] = Object.entries(lock.packages);
lock.packages = Object.fromEntries([root, ...rest.sort(([a], [b]) => (a < b ? -1 : 1))]);
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${added} packages named again`);
