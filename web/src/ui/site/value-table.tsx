import { hiddenMarks, worst } from '../../model/alarm-list.ts';
import { formatAge } from '../../model/format.ts';
import { reasonOf } from '../../model/quality.ts';
import { trendOf } from '../../model/route.ts';
import type { Alarm, Tag } from '../../model/types.ts';
import { second } from '../../state/clock.ts';
import { liveValue } from '../../state/live.ts';
import { lang, t, tt } from '../../state/prefs.ts';
import { AlarmSymbol, HiddenMark } from '../alarm-symbol.tsx';
import { Go } from '../go.tsx';
import { Spark } from '../spark.tsx';
import { showTag } from '../tag-value.tsx';

function Age({ name }: { readonly name: string }) {
  const { at } = liveValue(name).value;
  return <>{at === null ? '' : formatAge(second.value - at, lang.value)}</>;
}

function ValueRow({ tag, alarms }: { readonly tag: Tag; readonly alarms: readonly Alarm[] }) {
  const shown = showTag(tag);
  const reason = t(`reason.${reasonOf(liveValue(tag.name).value.quality)}`);
  const own = alarms.filter((a) => a.tag === tag.name);
  const most = worst(own);
  return (
    <tr>
      <td class="cell-sym">
        {most === undefined ? null : (
          <AlarmSymbol priority={most.priority} letter={most.letter} untrusted={most.untrusted} size={16} />
        )}
        {hiddenMarks(own).map(([letter, list]) => (
          <HiddenMark key={letter} letter={letter} alarms={list} size={14} />
        ))}
      </td>
      <th scope="row">
        <Go to={trendOf([tag.name])}>{tag.name.slice(tag.site.length + 1)}</Go>
      </th>
      <td class="cell-text">{tt(tag.title)}</td>
      <td class="cell-number">
        <Go to={trendOf([tag.name])} class={`val val-${shown.state}`} title={shown.title}>
          <span class="num" data-testid={`value-${tag.name}`} data-quality={shown.state}>
            {shown.text}
          </span>
          {shown.mark === '' ? null : <span class="mark">{shown.mark}</span>}
        </Go>
      </td>
      <td class="unit">{tag.unit}</td>
      <td class="cell-quality" data-testid={`quality-${tag.name}`}>
        {t(`quality.${shown.state}`)}
        {reason === '' || shown.state === 'stale' || shown.state === 'initial' ? '' : `: ${reason}`}
      </td>
      <td class="cell-number num">
        <Age name={tag.name} />
      </td>
      <td class="cell-spark">{tag.type === 'bool' ? null : <Spark tag={tag} width={120} height={18} span="1h" />}</td>
    </tr>
  );
}

/** Every value of a site, with what is known about its quality in words. */
export function ValueTable({ tags, alarms }: { readonly tags: readonly Tag[]; readonly alarms: readonly Alarm[] }) {
  return (
    <table class="table values">
      <thead>
        <tr>
          <th class="cell-sym" scope="col">
            <span class="hidden">{t('col.priority')}</span>
          </th>
          <th scope="col">{t('col.tag')}</th>
          <th scope="col">{t('col.title')}</th>
          <th scope="col" class="cell-number">
            {t('col.value')}
          </th>
          <th scope="col">{t('col.unit')}</th>
          <th scope="col">{t('col.quality')}</th>
          <th scope="col" class="cell-number">
            {t('col.age')}
          </th>
          <th scope="col">{t('col.trend')}</th>
        </tr>
      </thead>
      <tbody>
        {tags.map((tag) => (
          <ValueRow key={tag.name} tag={tag} alarms={alarms} />
        ))}
      </tbody>
    </table>
  );
}
