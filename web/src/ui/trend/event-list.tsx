import { formatDateTime, formatNumber } from '../../model/format.ts';
import { type Mark, marksWithin } from '../../model/marks.ts';
import type { AlarmLetter } from '../../model/types.ts';
import { openDetail } from '../../state/dock.ts';
import { settings, tags } from '../../state/plant.ts';
import { AlarmSymbol } from '../alarm-symbol.tsx';
import type { AlarmMarks } from './use-alarm-marks.ts';
import { w } from './words.ts';

/** More is the alarm history's. */
const SHOWN_MAX = 200;

/** As the state that began then looks elsewhere. */
const LETTERS: Readonly<Record<Mark['kind'], AlarmLetter>> = { raise: 'B', ack: 'C', rtn: 'D' };

interface Props {
  readonly alarms: AlarmMarks;
  /** Seconds; no `to`: the view follows the present. */
  readonly from: number;
  readonly to: number | null;
  readonly onPick: (at: number) => void;
}

function measured({ record }: Mark): string {
  const tagName = settings.value.find((s) => s.name === record.alarm)?.tag;
  const tag = tagName === undefined ? undefined : tags.value.get(tagName);
  if (record.value === null) return '';
  return `${formatNumber(record.value, tag?.decimals ?? 2)} ${record.unit ?? tag?.unit ?? ''}`.trim();
}

/** What the marks over the charts say, in words; a press puts the cursor there. */
export function EventList({ alarms, from, to, onPick }: Props) {
  const seen = marksWithin(alarms.marks, from, to);
  const shown = seen.slice(-SHOWN_MAX).reverse();
  return (
    <details class="trend-events" data-testid="trend-events">
      <summary>{w('events', { n: seen.length })}</summary>
      {alarms.failed === '' ? null : <p class="fault">{alarms.failed}</p>}
      {alarms.cut || seen.length > SHOWN_MAX ? <p class="panel-note">{w('eventsCut')}</p> : null}
      {seen.length === 0 ? <p class="panel-note">{w('noEvents')}</p> : null}
      <ul>
        {shown.map((mark) => (
          <li key={`${mark.record.seq} ${mark.record.n}`} data-kind={mark.kind}>
            <span class="still">
              <AlarmSymbol priority={mark.priority} letter={LETTERS[mark.kind]} size={16} />
            </span>
            <button type="button" class="link num" onClick={() => onPick(mark.at)}>
              {formatDateTime(mark.at * 1000)}
            </button>
            <button type="button" class="link" onClick={() => openDetail(mark.record.alarm ?? '')}>
              {mark.record.alarm}
            </button>
            <span>
              {w(`mark.${mark.kind}`)} {measured(mark)} {mark.kind === 'ack' ? (mark.record.actor ?? '') : ''}
            </span>
          </li>
        ))}
      </ul>
    </details>
  );
}
