/** Pure part of the catalogues: which text, with what filled in. */
import type { Lang } from '../model/format.ts';
import type { Text } from '../model/types.ts';
import { en, type Key } from './en.ts';
import { zh } from './zh.ts';

export type Params = Readonly<Record<string, string | number>>;

const CATALOGUES: Readonly<Record<Lang, Readonly<Record<Key, string>>>> = { en, zh };

/** `{name}` becomes what is given for it. */
export function filled(text: string, params: Params = {}): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = params[name];
    return value === undefined ? whole : String(value);
  });
}

export function textOf(lang: Lang, key: Key, params?: Params): string {
  return filled(CATALOGUES[lang][key], params);
}

/** A text of the configuration; where a language is missing, the other is better than nothing. */
export function inLanguage(text: Text, lang: Lang): string {
  const chosen = lang === 'zh' ? text.zh : text.en;
  return chosen === '' ? text.en || text.zh : chosen;
}
