// kill -9 of the server, of gateways and of PostgreSQL at random moments: nothing is lost, doubled or invented. SEED=n repeats a run.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { killScenario } from './kill.mjs';

const seeds = process.env.SEED ? [Number(process.env.SEED)] : [1, 2];

for (const seed of seeds) {
  test(`every sample and every alarm transition is stored exactly once, SEED=${seed}`, async () => {
    const result = await killScenario({ seed, rounds: 10 });
    console.log(`SEED=${seed} killed: ${result.log.join(' ')}; ${result.produced} samples produced, ${result.packed} in chunks, ${result.alarms} alarm transitions`);
    assert.deepEqual(result.breaches, []);
    assert.ok(result.produced > 50, 'the gateways produced something');
    assert.ok(result.alarms > 5, 'alarms came and went');
  });
}

test('a server that acknowledges before the commit is caught', async () => {
  // On a busy machine nothing may be under way whenever it is killed.
  let result;
  for (let seed = 3; seed < 15 && !result?.breaches.length; seed++) result = await killScenario({ seed, rounds: 4, mutant: true });
  console.log(`killed: ${result.log.join(' ')}; ${result.breaches.length} breaches, the first: ${result.breaches[0]}`);
  assert.notEqual(result.breaches.length, 0, 'the mutant lost nothing: this test would not notice a real one');
});
