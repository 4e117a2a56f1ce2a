/** Sums over tags, with what is known about their quality. */
import { isUsable } from '../model/quality.ts';
import type { Tag } from '../model/types.ts';
import { liveValue } from './live.ts';

export interface Total {
  readonly sum: number;
  /** How many are not zero. */
  readonly active: number;
  /** None was missing or bad. */
  readonly whole: boolean;
  /** None at all was usable: there is no sum. */
  readonly none: boolean;
}

/** Follows its tags where it is read. */
export function totalOf(tags: readonly Tag[]): Total {
  let sum = 0;
  let active = 0;
  let usable = 0;
  for (const tag of tags) {
    const live = liveValue(tag.name).value;
    if (live.value === null || !isUsable(live.quality)) continue;
    usable += 1;
    sum += live.value;
    if (live.value !== 0) active += 1;
  }
  return { sum, active, whole: usable === tags.length, none: usable === 0 };
}
