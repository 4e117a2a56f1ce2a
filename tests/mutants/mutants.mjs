// The list of mutants, and the text of a source that one of them has broken.
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const folder = join(root, 'tests/mutants/list');

/** All mutants in the order of the files in list/: { id, file, old, now, hurts | equivalent, sample? }. */
export async function mutants() {
  const all = [];
  for (const name of readdirSync(folder).filter((f) => f.endsWith('.mjs')).sort()) all.push(...(await import(join(folder, name))).default);
  return all;
}

/** The source's text with the mutant in it. Throws if the old text is not there exactly once, or nothing would be different. */
export function mutated(mutant) {
  const text = readFileSync(join(root, 'server/core', mutant.file), 'utf8');
  const parts = text.split(mutant.old);
  if (parts.length !== 2) throw new Error(`${mutant.id}: the old text is ${parts.length - 1} times in server/core/${mutant.file}, it must be there once`);
  const bare = (code) => code.replace(/\s+/g, '');
  if (bare(mutant.old) === bare(mutant.now)) throw new Error(`${mutant.id}: changes nothing`);
  return parts.join(mutant.now);
}

/** What is wrong with the list itself. */
export function faults(all) {
  const found = [];
  const seen = new Set();
  for (const m of all) {
    if (!/^[a-z0-9]+(-[a-z0-9]+)*$/.test(m.id ?? '')) found.push(`${m.id}: an id is words with hyphens`);
    if (seen.has(m.id)) found.push(`${m.id}: there are two of that name`);
    seen.add(m.id);
    if (!m.hurts === !m.equivalent) found.push(`${m.id}: says either whom it hurts or why it is equivalent`);
    try {
      mutated(m);
    } catch (error) {
      found.push(error.message);
    }
  }
  return found;
}
