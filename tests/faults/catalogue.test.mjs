// The faults of the gateway link (catalogue.mjs), and the books after each. Those that take long run by tests/faults/run --all.
import { after, before, describe, test } from 'node:test';
import { Bench, faults } from './catalogue.mjs';

const wanted = process.env.PENSTOCK_FAULTS?.split(','); // all, or some by their names
const seed = Number(process.env.SEED ?? 7);

describe('faults of the link', { concurrency: false }, () => {
  const b = new Bench();
  before(() => b.start());
  after(() => b.stop());
  for (const f of faults) {
    const runs = wanted ? wanted.includes('all') || wanted.includes(f.id) : f.short;
    const skip = !runs && 'takes long: tests/faults/run --all';
    test(`${f.id}: ${f.what}`, { skip }, async () => {
      const begin = performance.now();
      await f.run(b, seed);
      console.log(`${f.id}: ${((performance.now() - begin) / 1000).toFixed(1)} s`);
    });
  }
});
