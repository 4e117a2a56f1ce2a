import assert from 'node:assert/strict';
import test from 'node:test';
import {
  POINTS_MAX,
  partTiles,
  runsLoaded,
  TAGS_MAX,
  TILE_POINTS,
  type Tile,
  tileLength,
  tilesOf,
  wantedOf,
} from '../src/model/tiles.ts';
import type { SamplePoint } from '../src/model/types.ts';

const HOUR = 3600e6;
const YEAR = 365 * 24 * HOUR;

const point = (us: number): SamplePoint => [us, us, 1, 1, 1, 1, 1, 0, 0];

test('no more points are in sight than there are pixels, and not less than half of them', () => {
  for (const span of [600e6, HOUR, 8 * HOUR, 24 * HOUR, 30 * 24 * HOUR, YEAR]) {
    for (const pixels of [512, 1280, 1920, 3840]) {
      const shown = (span / tileLength(span, pixels)) * TILE_POINTS;
      assert.ok(shown <= pixels && shown > pixels / 2, `${shown} points on ${pixels} pixels`);
    }
  }
});

test('a year is a few tiles', () => {
  const { first, end } = tilesOf(0, YEAR, tileLength(YEAR, 1600));
  assert.ok(end - first <= 4, `${end - first} tiles`);
});

test('a view that moves within its tiles asks for nothing, one that leaves them for what came into sight', () => {
  const length = tileLength(HOUR, 1280);
  const loaded = tilesOf(10 * HOUR, 11 * HOUR, length);
  const isMissing = (_: string, i: number) => i < loaded.first || i >= loaded.end;
  assert.deepEqual(wantedOf(['a'], tilesOf(10 * HOUR, 11 * HOUR, length), isMissing), []);
  const moved = tilesOf(10.5 * HOUR, 11.5 * HOUR, length);
  assert.deepEqual(wantedOf(['a'], moved, isMissing), [{ tags: ['a'], range: { first: loaded.end, end: moved.end } }]);
});

test('tags that miss the same go together, and what is missing on both sides is asked for by itself', () => {
  const range = { first: 0, end: 5 };
  const wanted = wantedOf(['a', 'b', 'c'], range, (tag, i) => tag !== 'c' && i !== 2);
  assert.deepEqual(wanted, [
    { tags: ['a', 'b'], range: { first: 0, end: 2 } },
    { tags: ['a', 'b'], range: { first: 3, end: 5 } },
  ]);
});

test('no request has more tags, or more points, than the server takes', () => {
  const tags = Array.from({ length: TAGS_MAX + 3 }, (_, i) => `t${i}`);
  const wanted = wantedOf(tags, { first: 0, end: 1 }, () => true);
  assert.deepEqual(
    wanted.map((one) => one.tags.length),
    [TAGS_MAX, 3],
  );
  for (const { tags: some } of wantedOf(tags, { first: 0, end: 5 }, () => true))
    assert.ok(some.length * 5 * TILE_POINTS <= POINTS_MAX, `${some.length} tags`);
});

const answer = (points: readonly SamplePoint[], before: SamplePoint | null = null) => ({
  before,
  points,
  completeUs: 25,
  askedUs: 33,
  loadedMs: 7,
});

test('an answer is parted into its tiles; each knows what was before it, and whether more may come', () => {
  const tiles = partTiles(answer([point(12), point(19), point(31)], point(5)), { first: 1, end: 4 }, 10);
  assert.deepEqual(
    tiles.map((tile) => [tile.before?.[0], tile.points.map(([us]) => us), tile.knownUs, tile.complete]),
    [
      [5, [12, 19], 20, true],
      [19, [], 30, false],
      [19, [31], 33, false],
    ],
  );
});

test('neighbouring tiles are one run, a missing one parts them, and no point is there twice', () => {
  const tiles = new Map<number, Tile>();
  partTiles(answer([point(12), point(19), point(20), point(25)]), { first: 1, end: 3 }, 10).forEach((tile, n) => {
    tiles.set(1 + n, tile);
  });
  tiles.set(2, { ...(tiles.get(2) as Tile), points: [point(19), point(20), point(25)] });
  tiles.set(4, partTiles(answer([point(41)], point(25)), { first: 4, end: 5 }, 10)[0] as Tile);
  const runs = runsLoaded('a', { first: 0, end: 6 }, 10, (i) => tiles.get(i));
  assert.deepEqual(
    runs.map(({ samples }) => [samples.from, samples.to, samples.points.map(([us]) => us)]),
    [
      [10, 30, [12, 19, 20, 25]],
      [40, 50, [41]],
    ],
  );
  assert.equal(runs[1]?.samples.before?.[0], 25);
});
