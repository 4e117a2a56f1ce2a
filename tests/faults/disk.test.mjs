// The disk that can fail does what it says: without that, the faults that use it would prove nothing.
import assert from 'node:assert/strict';
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { Disk, SmallDisk, whyNoDisk, whyNoMount } from './disk.mjs';

function write(file, text, { sync }) {
  const fd = openSync(file, 'w');
  writeSync(fd, text);
  if (sync) fsyncSync(fd);
  closeSync(fd);
}

describe('the disk', { concurrency: false }, () => {
  test('after a power cut what was flushed is there, and nothing else', { skip: whyNoDisk() }, async () => {
    const disk = await new Disk().start({ mib: 64 });
    try {
      write(join(disk.path, 'kept'), 'kept', { sync: true });
      const dir = openSync(disk.path, 'r');
      fsyncSync(dir);
      closeSync(dir);
      write(join(disk.path, 'lost'), 'lost', { sync: false });
      await disk.cut();
      await disk.again();
      assert.equal(readFileSync(join(disk.path, 'kept'), 'utf8'), 'kept');
      assert.ok(!existsSync(join(disk.path, 'lost')) || readFileSync(join(disk.path, 'lost'), 'utf8') === '');
    } finally {
      disk.close();
    }
  });

  test('it can fail and heal, be slow and be full', { skip: whyNoDisk() }, async () => {
    const disk = await new Disk().start({ mib: 64 });
    try {
      disk.fail();
      assert.throws(() => write(join(disk.path, 'x'), 'x', { sync: true }), /EIO|EROFS/);
      disk.heal();
      await disk.again({ slowMs: 100 });
      const begin = performance.now();
      write(join(disk.path, 'y'), 'y', { sync: true });
      assert.ok(performance.now() - begin > 90);
      await disk.slow(0);
      assert.equal(readFileSync(join(disk.path, 'y'), 'utf8'), 'y');
      disk.fill();
      assert.throws(() => writeFileSync(join(disk.path, 'z'), Buffer.alloc(65536)), /ENOSPC/);
      disk.makeRoom();
      writeFileSync(join(disk.path, 'z'), Buffer.alloc(65536));
    } finally {
      disk.close();
    }
  });

  test('a small one is full when it is', { skip: whyNoMount() }, () => {
    const disk = new SmallDisk(4);
    try {
      disk.fill();
      assert.throws(() => writeFileSync(join(disk.path, 'z'), Buffer.alloc(65536)), /ENOSPC/);
      disk.makeRoom();
      writeFileSync(join(disk.path, 'z'), Buffer.alloc(65536));
    } finally {
      disk.close();
    }
  });
});
