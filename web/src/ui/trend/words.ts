import { filled, type Params } from '../../i18n/text.ts';
import { en, type TrendKey } from '../../i18n/trend-en.ts';
import { zh } from '../../i18n/trend-zh.ts';
import { lang } from '../../state/prefs.ts';

/** A text of the trends; follows the language where it is read in a component. */
export function w(key: TrendKey, params?: Params): string {
  return filled((lang.value === 'zh' ? zh : en)[key], params);
}
