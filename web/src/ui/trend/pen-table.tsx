import { NONE } from '../../model/format.ts';
import { extentOf, valueAt } from '../../model/trend.ts';
import { t, tt } from '../../state/prefs.ts';
import { Go } from '../go.tsx';
import { Icon } from '../icons.tsx';
import { shownValue, TagValue } from '../tag-value.tsx';
import type { Pens } from './use-pens.ts';

interface Props {
  readonly pens: Pens;
  /** Seconds; null: no cursor. */
  readonly cursor: number | null;
  readonly onRemove: (name: string) => void;
}

/** What each pen is, says at the cursor, and said at least and most. */
export function PenTable({ pens, cursor, onRemove }: Props) {
  return (
    <table class="table pens" aria-label={t('trend.pens')}>
      <thead>
        <tr>
          <th scope="col" class="cell-sym">
            <span class="hidden">{t('trend.pens')}</span>
          </th>
          <th scope="col">{t('col.tag')}</th>
          <th scope="col">{t('col.title')}</th>
          <th scope="col" class="cell-number">
            {t('col.cursor')}
          </th>
          <th scope="col" class="cell-number">
            {t('col.min')}
          </th>
          <th scope="col" class="cell-number">
            {t('col.max')}
          </th>
          <th scope="col" class="cell-number">
            {t('col.valueNow')}
          </th>
          <th scope="col">{t('col.unit')}</th>
          <th scope="col">
            <span class="hidden">{t('trend.remove', { tag: '' })}</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {pens.pens.map(({ tag, pen }, i) => {
          const extent = extentOf(pen, pens.from, pens.to);
          const at = cursor === null ? undefined : valueAt(pen, cursor);
          return (
            <tr key={tag.name} data-testid={`pen-${tag.name}`}>
              <td class="cell-sym">
                <span class={`swatch pen-${i + 1}`} />
              </td>
              <th scope="row">
                <Go to={{ page: 'site', site: tag.site }}>{tag.name}</Go>
              </th>
              <td class="cell-text">
                {tt(tag.title)}
                {pens.failures.has(tag.name) ? <em class="row-note"> {pens.failures.get(tag.name)}</em> : null}
              </td>
              <td class="cell-number num">{at === undefined ? '' : at === null ? NONE : shownValue(tag, at)}</td>
              <td class="cell-number num">{extent === null ? NONE : shownValue(tag, extent.min)}</td>
              <td class="cell-number num">{extent === null ? NONE : shownValue(tag, extent.max)}</td>
              <td class="cell-number">
                <TagValue tag={tag} unit={false} testid={`pen-value-${tag.name}`} />
              </td>
              <td class="unit">{tag.unit}</td>
              <td>
                <button
                  type="button"
                  class="flat"
                  data-testid={`pen-remove-${tag.name}`}
                  aria-label={t('trend.remove', { tag: tag.name })}
                  onClick={() => onRemove(tag.name)}
                >
                  <Icon name="close" size={14} />
                </button>
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
