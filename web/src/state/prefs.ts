/** What belongs to the workstation, not to the person: theme (the light in the room), language, size of text. */
import { effect, signal } from '@preact/signals';
import type { Key } from '../i18n/en.ts';
import { inLanguage, type Params, textOf } from '../i18n/text.ts';
import type { Lang } from '../model/format.ts';
import type { Text } from '../model/types.ts';

export type Theme = 'light' | 'dark';
export const SCALES = ['100', '125', '150'] as const;
export type Scale = (typeof SCALES)[number];

function stored<T extends string>(key: string, allowed: readonly T[], fallback: T): T {
  try {
    const text = localStorage.getItem(`penstock.${key}`);
    return allowed.find((value) => value === text) ?? fallback;
  } catch {
    return fallback;
  }
}

function store(key: string, value: string): void {
  try {
    localStorage.setItem(`penstock.${key}`, value);
  } catch {
    // A workstation without storage still works; it forgets at reload.
  }
}

/** Which operators' position this workstation is the ears of: '' all of them, NO_SOUND none. */
export const NO_SOUND = '-';

function storedText(key: string): string {
  try {
    return localStorage.getItem(`penstock.${key}`) ?? '';
  } catch {
    return '';
  }
}

export const theme = signal<Theme>(stored('theme', ['light', 'dark'], 'light'));
export const lang = signal<Lang>(stored('lang', ['en', 'zh'], navigator.language.startsWith('zh') ? 'zh' : 'en'));
export const scale = signal<Scale>(stored('scale', SCALES, '100'));

effect(() => {
  document.documentElement.dataset['theme'] = theme.value;
  store('theme', theme.value);
});
effect(() => {
  document.documentElement.lang = lang.value === 'zh' ? 'zh-CN' : 'en';
  store('lang', lang.value);
});
effect(() => {
  document.documentElement.dataset['scale'] = scale.value;
  store('scale', scale.value);
});

export const position = signal(storedText('position'));
effect(() => store('position', position.value));

/** A text of the catalogue; follows the language where it is read in a component. */
export function t(key: Key, params?: Params): string {
  return textOf(lang.value, key, params);
}

/** A text of the configuration. */
export function tt(text: Text): string {
  return inLanguage(text, lang.value);
}
