// Puts NAME.gz beside each text file that the server sends, and holds what a first visit loads to its budget.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const dist = fileURLToPath(new URL('../dist', import.meta.url));
const budget = { js: 80 * 1024, css: 15 * 1024, all: 200 * 1024 };

const packed = new Map();
for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !/\.(js|css|html|svg)$/.test(entry.name)) continue;
  const file = join(entry.parentPath, entry.name);
  // Level 9 and no time stamp: the same sources give the same bytes.
  const bytes = gzipSync(readFileSync(file), { level: 9 });
  writeFileSync(`${file}.gz`, bytes);
  packed.set(relative(dist, file), bytes.length);
}

const html = readFileSync(join(dist, 'index.html'), 'utf8');
const first = [...html.matchAll(/(?:src|href)="\/(assets\/[^"]+)"/g)].map((match) => match[1]);
const sum = (names) => names.reduce((bytes, name) => bytes + (packed.get(name) ?? 0), 0);
const sizes = {
  js: sum(first.filter((name) => name.endsWith('.js'))),
  css: sum(first.filter((name) => name.endsWith('.css'))),
  all: sum([...packed.keys()]),
};
for (const [what, max] of Object.entries(budget)) {
  const kib = (bytes) => (bytes / 1024).toFixed(1);
  console.log(`${what === 'all' ? 'everything' : `first load ${what}`}: ${kib(sizes[what])} of ${kib(max)} KiB, gzip`);
  if (sizes[what] > max) {
    console.error(`over the budget: make it smaller, or load it when it is needed`);
    process.exitCode = 1;
  }
}
