import assert from 'node:assert/strict';
import test from 'node:test';
import { en, type Key } from '../src/i18n/en.ts';
import { en as storeEn } from '../src/i18n/store-en.ts';
import { zh as storeZh } from '../src/i18n/store-zh.ts';
import { inLanguage, textOf } from '../src/i18n/text.ts';
import { en as trendEn } from '../src/i18n/trend-en.ts';
import { zh as trendZh } from '../src/i18n/trend-zh.ts';
import { zh } from '../src/i18n/zh.ts';

const places = (text: string): string[] => [...text.matchAll(/\{\w+\}/g)].map((m) => m[0]).sort();

test('both languages fill in the same places', () => {
  for (const key of Object.keys(en) as Key[]) assert.deepEqual(places(zh[key]), places(en[key]), key);
});

/** Fetched with their screens. */
const FAR: readonly (readonly [Readonly<Record<string, string>>, Readonly<Record<string, string>>])[] = [
  [trendEn, trendZh],
  [storeEn, storeZh],
];

test('so do the texts that are fetched with their screens, and none is left in the other language', () => {
  for (const [english, chinese] of FAR) {
    for (const [key, text] of Object.entries(english)) {
      assert.deepEqual(places(chinese[key] ?? ''), places(text), key);
      assert.match(chinese[key] ?? '', /[\u4e00-\u9fff]/, key);
    }
  }
});

test('every Chinese text is Chinese, but for names and those without words', () => {
  const same = Object.keys(en).filter((key) => zh[key as Key] === en[key as Key]);
  assert.deepEqual(same, ['app.name', 'reason.none', 'clockSource.ntp', 'clockSource.ptp', 'clockSource.gnss']);
});

test('what is not given stays visible as a place', () => {
  assert.equal(textOf('en', 'banner.more', { n: 3 }), '3 more');
  assert.equal(textOf('en', 'banner.more'), '{n} more');
});

test('a text that lacks one language is shown in the other', () => {
  assert.equal(inLanguage({ en: 'a', zh: 'b' }, 'zh'), 'b');
  assert.equal(inLanguage({ en: 'a', zh: '' }, 'zh'), 'a');
  assert.equal(inLanguage({ en: '', zh: 'b' }, 'en'), 'b');
});
