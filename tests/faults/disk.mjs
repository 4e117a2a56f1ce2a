// A disk that can fail: nbdkit serves an image, nbdfuse shows it as a file, a loop device makes a disk of that, and ext4 lies on it. What was
// written and not flushed is in nbdkit's memory alone: to kill it is to cut the power. It can also answer every request with an I/O error, and
// be slow. And one that is merely small. Both need root; without, or without the programs, `why` says what is missing and the test is skipped.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, rmdirSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sleep, until } from '../lib/penstock.mjs';

const run = (...words) => execFileSync(words[0], words.slice(1), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
const tried = (...words) => {
  try {
    return run(...words);
  } catch {
    return null;
  }
};
const open = new Set(); // disks that a test that broke off would leave behind
process.on('exit', () => { for (const disk of open) disk.closeNow(); });
for (const [signal, n] of [['SIGHUP', 1], ['SIGINT', 2], ['SIGTERM', 15]]) process.on(signal, () => process.exit(128 + n));

/** What is missing for a small disk; false if nothing is. It is tried: root in a container may not mount anything. */
export function whyNoMount() {
  if (process.getuid() !== 0) return 'mounting needs root';
  const dir = mkdtempSync(join(tmpdir(), 'penstock-disk-'));
  const mounted = tried('mount', '-t', 'tmpfs', 'none', dir) !== null && tried('umount', dir) !== null;
  rmdirSync(dir);
  return mounted ? false : 'nothing can be mounted here: a container needs CAP_SYS_ADMIN for that';
}

/** … for a disk that can fail. */
export function whyNoDisk() {
  const why = whyNoMount();
  if (why) return why;
  const missing = ['nbdkit', 'nbdfuse', 'losetup', 'mkfs.ext4'].filter((name) => tried('sh', '-c', `command -v ${name}`) === null);
  if (missing.length > 0) return `not installed: ${missing.join(', ')}`;
  const devices = ['/dev/fuse', '/dev/loop-control'].filter((path) => !existsSync(path));
  if (devices.length > 0) return `not here: ${devices.join(', ')}`;
  return false;
}

class Mounted {
  constructor() {
    this.dir = mkdtempSync(join(tmpdir(), 'penstock-disk-'));
    this.path = join(this.dir, 'mnt');
    mkdirSync(this.path);
    chmodSync(this.dir, 0o755);
    open.add(this);
  }

  free() {
    const s = statfsSync(this.path);
    return s.bavail * s.bsize;
  }

  /** Nobody else can write anything any more. */
  fill() {
    const filler = join(this.path, 'filler');
    tried('fallocate', '-l', String(Math.max(4096, this.free())), filler); // as far as it goes
    tried('dd', 'if=/dev/zero', `of=${filler}`, 'bs=4k', 'oflag=append', 'conv=notrunc');
    assert.equal(this.free(), 0, 'the disk is full');
  }

  makeRoom() {
    rmSync(join(this.path, 'filler'), { force: true });
  }

  close() {
    this.closeNow();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** So many MiB, and no more. */
export class SmallDisk extends Mounted {
  constructor(mib) {
    super();
    run('mount', '-t', 'tmpfs', '-o', `size=${mib}m,mode=755`, 'none', this.path);
  }

  closeNow() {
    tried('umount', '-l', this.path);
    open.delete(this);
  }
}

export class Disk extends Mounted {
  async start({ mib = 1500, slowMs = 0 } = {}) {
    this.image = join(this.dir, 'disk.img');
    this.trigger = join(this.dir, 'trigger');
    this.fuse = join(this.dir, 'fuse');
    mkdirSync(this.fuse);
    writeFileSync(this.image, '');
    truncateSync(this.image, mib * 1024 * 1024);
    await this.attach(slowMs);
    run('mkfs.ext4', '-q', '-E', 'nodiscard', this.loop);
    this.mount();
    return this;
  }

  async attach(slowMs) {
    const socket = join(this.dir, 'nbd.sock');
    rmSync(socket, { force: true });
    const quiet = { stdio: 'ignore' };
    this.nbdkit = spawn('nbdkit', ['-f', '-U', socket, '--filter=error', '--filter=delay', '--filter=cache', 'file', this.image,
      'cache=writeback', 'error=EIO', 'error-rate=100%', `error-file=${this.trigger}`, `wdelay=${slowMs}ms`], quiet);
    await until('nbdkit serves the image', () => existsSync(socket));
    this.nbdfuse = spawn('nbdfuse', [join(this.fuse, 'disk'), '--unix', socket], quiet);
    await until('nbdfuse shows it', () => tried('stat', join(this.fuse, 'disk')) !== null);
    this.loop = run('losetup', '-f', '--show', join(this.fuse, 'disk'));
  }

  mount() {
    run('mount', '-o', 'noatime', this.loop, this.path);
    chmodSync(this.path, 0o755);
  }

  detach() {
    tried('umount', '-l', this.path);
    if (this.loop) tried('losetup', '-d', this.loop);
    this.loop = undefined;
    this.nbdfuse?.kill('SIGKILL');
    tried('umount', '-l', this.fuse);
  }

  /** What was installed long ago is on the disk. */
  sync() {
    run('sync', '-f', this.path);
  }

  /** All that was not flushed is gone, at this instant. Who has files open on it is to be ended before `again`. */
  async cut() {
    await this.endServer('SIGKILL');
  }

  /** It has ended before another one takes the image. */
  async endServer(signal) {
    if (this.nbdkit.exitCode !== null || this.nbdkit.signalCode !== null) return;
    const ended = new Promise((done) => this.nbdkit.on('exit', done));
    this.nbdkit.kill(signal);
    await ended;
  }

  /** The machine is there again, with what was on the disk. */
  async again({ slowMs = 0 } = {}) {
    this.detach();
    await this.endServer('SIGTERM');
    await this.attach(slowMs);
    this.mount();
  }

  /** An orderly end, and the same disk with another speed. */
  async slow(slowMs) {
    run('umount', this.path);
    run('losetup', '-d', this.loop);
    this.loop = undefined;
    await sleep(100);
    this.nbdfuse.kill('SIGTERM');
    await this.endServer('SIGTERM');
    tried('umount', '-l', this.fuse);
    await this.attach(slowMs);
    this.mount();
  }

  fail() {
    writeFileSync(this.trigger, '');
  }

  heal() {
    rmSync(this.trigger, { force: true });
  }

  closeNow() {
    this.heal();
    this.detach();
    this.nbdkit?.kill('SIGKILL');
    open.delete(this);
  }
}
