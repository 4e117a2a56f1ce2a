import assert from 'node:assert/strict';
import test from 'node:test';
import { en, type Key } from '../src/i18n/en.ts';
import { inLanguage, textOf } from '../src/i18n/text.ts';
import { zh } from '../src/i18n/zh.ts';

const places = (text: string): string[] => [...text.matchAll(/\{\w+\}/g)].map((m) => m[0]).sort();

test('both languages fill in the same places', () => {
  for (const key of Object.keys(en) as Key[]) assert.deepEqual(places(zh[key]), places(en[key]), key);
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
