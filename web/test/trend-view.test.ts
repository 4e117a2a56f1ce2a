import assert from 'node:assert/strict';
import test from 'node:test';
import {
  formatSpan,
  overlayShift,
  pan,
  parseSpan,
  SPAN_MAX_MS,
  SPAN_MIN_MS,
  SPANS,
  spanMs,
  viewOf,
  zoom,
} from '../src/model/trend-view.ts';

const NOW = Date.UTC(2026, 10, 24, 10);
const HOUR = 3_600_000;

test('usual spans have their names, others their seconds; both are read again', () => {
  for (const span of SPANS) assert.equal(parseSpan(formatSpan(spanMs(span))), spanMs(span));
  assert.equal(formatSpan(5_400_000), '5400s');
  assert.equal(parseSpan('5400s'), 5_400_000);
  assert.equal(parseSpan('2h'), 2 * HOUR);
  assert.equal(parseSpan('90m'), 1.5 * HOUR);
  assert.equal(parseSpan('1s'), SPAN_MIN_MS);
  assert.equal(parseSpan('999999999s'), SPAN_MAX_MS);
  for (const wrong of ['', '9y', '-5s', '5.5s', null]) assert.equal(parseSpan(wrong), null);
});

test('a view moves by parts of its span, and follows the present where it would go beyond it', () => {
  const live = { spanMs: HOUR, until: null };
  assert.deepEqual(pan(live, -0.5, NOW), { spanMs: HOUR, until: NOW - HOUR / 2 });
  assert.deepEqual(pan({ spanMs: HOUR, until: NOW - HOUR / 2 }, 0.5, NOW), live);
  assert.deepEqual(pan(live, 3, NOW), live);
});

test('zooming keeps what is under the pointer where it is', () => {
  const held = { spanMs: 4 * HOUR, until: NOW - HOUR };
  const at = 0.25;
  const timeAt = (v: { spanMs: number; until: number | null }) => (v.until ?? NOW) - (1 - at) * v.spanMs;
  const closer = zoom(held, 0.5, at, NOW);
  assert.equal(closer.spanMs, 2 * HOUR);
  assert.equal(timeAt(closer), timeAt(held));
  assert.deepEqual(
    zoom({ spanMs: HOUR, until: null }, 2, 1, NOW),
    { spanMs: 2 * HOUR, until: null },
    'live stays live',
  );
  assert.equal(zoom(held, 1e-9, 0.5, NOW).spanMs, SPAN_MIN_MS);
  assert.equal(zoom(held, 1e9, 0.5, NOW).spanMs, SPAN_MAX_MS);
});

test('a stretch is marked from either end', () => {
  const wanted = { spanMs: HOUR, until: NOW - HOUR };
  assert.deepEqual(viewOf(NOW - 2 * HOUR, NOW - HOUR, NOW), wanted);
  assert.deepEqual(viewOf(NOW - HOUR, NOW - 2 * HOUR, NOW), wanted);
  assert.equal(viewOf(NOW - HOUR, NOW + HOUR, NOW).until, null);
});

test('yesterday is the same time of the clock, also where the clock was changed', () => {
  assert.equal(overlayShift('day', NOW), 24 * HOUR);
  assert.equal(overlayShift('week', NOW), 7 * 24 * HOUR);
  const zone = process.env['TZ'];
  process.env['TZ'] = 'Europe/Berlin';
  try {
    // On 29 March 2026 the clock went from 2 to 3, on 25 October 2026 from 3 to 2.
    assert.equal(overlayShift('day', Date.UTC(2026, 2, 29, 10)), 23 * HOUR);
    assert.equal(overlayShift('day', Date.UTC(2026, 9, 25, 10)), 25 * HOUR);
    assert.equal(overlayShift('week', Date.UTC(2026, 9, 25, 10)), (7 * 24 + 1) * HOUR);
  } finally {
    if (zone === undefined) delete process.env['TZ'];
    else process.env['TZ'] = zone;
  }
});
