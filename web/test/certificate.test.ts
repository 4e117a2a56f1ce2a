import assert from 'node:assert/strict';
import { test } from 'node:test';
import { daysUntil } from '../src/model/certificate.ts';

test('days until a certificate ends are whole, and negative behind it', () => {
  const now = Date.parse('2026-11-29T12:00:00Z');
  assert.equal(daysUntil('2026-11-30T12:00:00Z', now), 1);
  assert.equal(daysUntil('2026-11-30T11:59:59Z', now), 0);
  assert.equal(daysUntil('2026-11-29T11:59:59Z', now), -1);
  assert.equal(daysUntil('2027-02-27T11:55:00Z', now), 89);
  assert.equal(daysUntil('', now), null);
});
