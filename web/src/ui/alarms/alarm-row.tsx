import { isUnacked, type Row } from '../../model/alarm-list.ts';
import { whyNot } from '../../model/alarm-may.ts';
import { formatAge, formatNumber, formatShort, NONE, parseTime } from '../../model/format.ts';
import { trendAround, trendOf } from '../../model/route.ts';
import { type Alarm, isBelow, isOfValue } from '../../model/types.ts';
import { noteOf, pending } from '../../state/alarms.ts';
import { second } from '../../state/clock.ts';
import { tags } from '../../state/plant.ts';
import { lang, t, tt } from '../../state/prefs.ts';
import { may } from '../../state/session.ts';
import { AlarmSymbol } from '../alarm-symbol.tsx';
import { DoButton } from '../do-button.tsx';
import { Go } from '../go.tsx';
import { TagValue } from '../tag-value.tsx';
import { Marks, Untrusted } from './marks.tsx';

/** Heights at 100 %, as in tables.css. */
export const ROW_PX = 30;
export const HEAD_PX = 28;

interface Props {
  readonly row: Row;
  readonly index: number;
  readonly current: boolean;
  readonly selected: boolean;
  /** open: the click was not for something within the row. */
  readonly onPoint: (index: number, open: boolean) => void;
  readonly onSelect: (name: string) => void;
  readonly onAck: (alarm: Alarm, event: MouseEvent) => void;
}

function Age({ raised }: { readonly raised: number | null }) {
  return <>{raised === null ? '' : formatAge(second.value - raised, lang.value)}</>;
}

function numbersOf(alarm: Alarm): { readonly at: string; readonly limit: string } {
  const tag = alarm.tag === null ? undefined : tags.value.get(alarm.tag);
  const decimals = tag?.type === 'float' ? tag.decimals : 0;
  return {
    at: alarm.value === null ? '' : formatNumber(alarm.value, decimals),
    limit: alarm.limit === null ? '' : `${isBelow(alarm.kind) ? '<' : '>'} ${formatNumber(alarm.limit, decimals)}`,
  };
}

function Acked({ alarm, gone }: { readonly alarm: Alarm; readonly gone: boolean }) {
  const note = noteOf(alarm);
  if (gone) return <em class="row-note">{t('alarms.gone')}</em>;
  if (note !== null) {
    return (
      <em class="row-note" title={note} data-testid={`note-${alarm.name}`}>
        {note}
      </em>
    );
  }
  const at = parseTime(alarm.acked_at);
  return (
    <>{alarm.acked_by === null ? '' : `${alarm.acked_by}${at === null ? '' : ` ${formatShort(at, second.value)}`}`}</>
  );
}

interface AskCellProps {
  readonly alarm: Alarm;
  readonly gone: boolean;
  readonly onAck: Props['onAck'];
}

/** The one thing that the row waits for: an acknowledgement, a confirmation, a reset. */
function AskCell({ alarm, gone, onAck }: AskCellProps) {
  if (!may('operator') || gone) return null;
  if (isUnacked(alarm)) {
    return (
      <button
        type="button"
        class="ack"
        tabIndex={-1}
        data-testid={`alarm-ack-${alarm.name}`}
        disabled={pending.value.has(alarm.name)}
        aria-label={t('alarms.ackOne', { alarm: alarm.name })}
        onClick={(event) => onAck(alarm, event)}
      >
        {t('col.ack')}
      </button>
    );
  }
  if (alarm.confirm_due) return <DoButton what="confirm" alarm={alarm} class="ack" still />;
  if (whyNot('reset', alarm, 'operator') === null) return <DoButton what="reset" alarm={alarm} class="ack" still />;
  return null;
}

export function AlarmRow({ row, index, current, selected, onPoint, onSelect, onAck }: Props) {
  const { alarm, gone } = row;
  const raised = parseTime(alarm.raised);
  const tag = alarm.tag === null ? undefined : tags.value.get(alarm.tag);
  const numbers = numbersOf(alarm);
  const trend = (name: string) => (raised === null ? trendOf([name]) : trendAround([name], raised, second.peek()));
  const object = (alarm.tag ?? alarm.gateway ?? alarm.name).replace(`${alarm.site}/`, '');
  const name = ['alarm-row', current ? 'alarm-row-current' : '', gone ? 'alarm-row-gone' : ''].join(' ');
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the grid handles the keys of its rows
    <div
      id={`alarm-${index}`}
      role="row"
      class={name}
      aria-rowindex={index + 2}
      aria-selected={selected}
      data-testid={`alarm-row-${alarm.name}`}
      data-letter={gone ? 'A' : alarm.letter}
      onClick={(event) => {
        const on = event.target instanceof Element ? event.target.closest('a, button, input') : null;
        onPoint(index, on === null);
      }}
    >
      <span role="gridcell">
        <input
          type="checkbox"
          tabIndex={-1}
          checked={selected}
          data-testid={`alarm-select-${alarm.name}`}
          aria-label={t('alarms.selectRow', { alarm: alarm.name })}
          onChange={() => onSelect(alarm.name)}
        />
      </span>
      <span role="gridcell" class="cell-sym">
        <AlarmSymbol
          priority={alarm.priority}
          letter={gone ? 'C' : alarm.letter}
          untrusted={alarm.untrusted && !gone}
        />
      </span>
      <span role="gridcell" class="num">
        {raised === null ? NONE : formatShort(raised, second.value)}
      </span>
      <span role="gridcell">
        <Go to={{ page: 'site', site: alarm.site }}>{alarm.site}</Go>
      </span>
      <span role="gridcell">{tag === undefined ? object : <Go to={trend(tag.name)}>{object}</Go>}</span>
      <span role="gridcell" class="cell-text" title={alarm.name}>
        {gone ? null : <Untrusted alarm={alarm} />}
        <Marks alarm={alarm} />
        {tt(alarm.message)}
      </span>
      <span role="gridcell" class="cell-number num">
        {numbers.at}
      </span>
      <span role="gridcell" class="cell-number">
        {tag === undefined || !isOfValue(alarm.kind) ? null : <TagValue tag={tag} unit={false} />}
      </span>
      <span role="gridcell" class="cell-number num">
        {numbers.limit}
      </span>
      <span role="gridcell" class="unit">
        {alarm.unit}
      </span>
      <span role="gridcell">
        <b class="letter">{gone ? 'A' : alarm.letter}</b> {t(`letterShort.${gone ? 'A' : alarm.letter}`)}
      </span>
      <span role="gridcell" class="cell-number num">
        <Age raised={raised} />
      </span>
      <span role="gridcell" class="cell-text">
        <Acked alarm={alarm} gone={gone} />
      </span>
      <span role="gridcell">
        <AskCell alarm={alarm} gone={gone} onAck={onAck} />
      </span>
    </div>
  );
}
