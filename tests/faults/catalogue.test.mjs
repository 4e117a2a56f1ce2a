// The faults of the gateway link (catalogue.mjs) and of the database and its disk (store_catalogue.mjs), and the books after each. Those that take long run by tests/faults/run --all.
import { after, before, describe, test } from 'node:test';
import { Bench, faults } from './catalogue.mjs';
import { storeFaults } from './store_catalogue.mjs';

const names = process.env.PENSTOCK_FAULTS?.split(',') ?? []; // all, or some by their names
const known = [...faults, ...storeFaults].map((f) => f.id);
const seed = Number(process.env.SEED ?? 7);

const unknown = names.filter((name) => name !== 'all' && !known.includes(name));
if (unknown.length > 0) throw new Error(`PENSTOCK_FAULTS: no fault is called ${unknown.join(', ')}; there are all, ${known.join(', ')}`);

/** Why it does not run; false if it does. */
function whyNot(f) {
  if (names.length === 0 && !f.short) return 'takes long: tests/faults/run --all';
  if (names.length > 0 && !names.includes('all') && !names.includes(f.id)) return 'not asked for';
  return f.why?.() ?? false;
}

/** Declares a test for each; b: the bench that they share, if they do. */
function declare(list, b) {
  for (const f of list) {
    test(`${f.id}: ${f.what}`, { skip: whyNot(f) }, async () => {
      const begin = performance.now();
      try {
        await f.run(b, seed);
      } catch (e) {
        await b?.renew(); // what went wrong here is not to be found again by the next one
        throw e;
      }
      console.log(`${f.id}: ${((performance.now() - begin) / 1000).toFixed(1)} s`);
    });
  }
}

describe('faults of the link', { concurrency: false, skip: faults.every(whyNot) && 'none of them is wanted' }, () => {
  const b = new Bench();
  before(() => b.start());
  after(() => b.stop());
  declare(faults, b);
});

describe('faults of the database', { concurrency: false }, () => declare(storeFaults));
