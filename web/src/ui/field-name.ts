/** Fields of a setting in the operator's language; one that nobody has named yet stands as it is stored. */
import { en, type Key } from '../i18n/en.ts';
import { t } from '../state/prefs.ts';

const isKey = (text: string): text is Key => Object.hasOwn(en, text);

export function fieldName(field: string): string {
  const key = `field.${field}`;
  return isKey(key) ? t(key) : field;
}
