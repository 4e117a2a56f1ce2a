// The faults of the gateway link (catalogue.mjs) and of the database and its disk (store_catalogue.mjs), and the books after each. Those that take long run by tests/faults/run --all.
import { after, before, describe, test } from 'node:test';
import { Bench, faults } from './catalogue.mjs';
import { storeFaults } from './store_catalogue.mjs';

const wanted = process.env.PENSTOCK_FAULTS?.split(','); // all, or some by their names
const seed = Number(process.env.SEED ?? 7);

/** Declares a test for each; b: the bench that they share, if they do. */
function declare(list, b) {
  for (const f of list) {
    const runs = wanted ? wanted.includes('all') || wanted.includes(f.id) : f.short;
    const skip = runs ? f.why?.() ?? false : 'takes long: tests/faults/run --all';
    test(`${f.id}: ${f.what}`, { skip }, async () => {
      const begin = performance.now();
      await f.run(b, seed);
      console.log(`${f.id}: ${((performance.now() - begin) / 1000).toFixed(1)} s`);
    });
  }
}

const any = (list) => list.some((f) => (wanted ? wanted.includes('all') || wanted.includes(f.id) : f.short));

describe('faults of the link', { concurrency: false, skip: !any(faults) && 'none of them is wanted' }, () => {
  const b = new Bench();
  before(() => b.start());
  after(() => b.stop());
  declare(faults, b);
});

describe('faults of the database', { concurrency: false }, () => declare(storeFaults));
