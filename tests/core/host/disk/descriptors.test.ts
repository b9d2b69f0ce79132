// Looking at what other processes have open ends well whatever they have open.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { expect, test } from '@jest/globals';
import { orGone, othersDescriptors } from '../../../../core/host/disk/descriptors.ts';

/** Opens a directory whose path has more bytes than the kernel tells, as any user can. */
const DEEP = `
my $name = 'x' x 200;
for (1 .. 30) { mkdir $name; chdir $name or die; }
open(my $dir, '<', '.') or opendir($dir, '.') or die;
$| = 1; print "ready\\n"; <STDIN>;
`;

test('a path that is too long to be told', async () => {
  const dir = mkdtempSync(`${tmpdir()}/reflake-deep-`);
  const child = spawn('perl', ['-e', DEEP], { cwd: dir, stdio: ['pipe', 'pipe', 'inherit'] });
  try {
    await once(child.stdout, 'data');
    const theirs = [...othersDescriptors()].filter(({ pid }) => pid === String(child.pid)).map(({ opened }) => opened);
    const codes = theirs.map((opened) => {
      try {
        return readlinkSync(opened) && 'told';
      } catch (thrown) {
        return (thrown as NodeJS.ErrnoException).code;
      }
    });
    expect(codes).toContain('ENAMETOOLONG');
    for (const opened of theirs) expect(() => orGone(() => readlinkSync(opened))).not.toThrow();
  } finally {
    child.kill('SIGKILL');
    await once(child, 'exit');
    // Node's own removal goes by whole paths.
    execFileSync('rm', ['-rf', dir]);
  }
});
