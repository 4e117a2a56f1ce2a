import { useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { type AlarmOrder, bulkAck, isUnacked, sortAlarms } from '../../model/alarm-list.ts';
import { parseTime } from '../../model/format.ts';
import { trendAround, trendOf } from '../../model/route.ts';
import type { Alarm, AlarmDo } from '../../model/types.ts';
import { scrollTo, visibleRows, windowOf } from '../../model/virtual.ts';
import { say } from '../../state/action.ts';
import { acknowledge, start } from '../../state/alarms.ts';
import { serverNow } from '../../state/clock.ts';
import { detailOf, helpOpen, openDetail } from '../../state/dock.ts';
import { useView } from '../../state/live.ts';
import { scale, t } from '../../state/prefs.ts';
import { navigate } from '../../state/router.ts';
import { may } from '../../state/session.ts';
import { AlarmRow, HEAD_PX, ROW_PX } from './alarm-row.tsx';
import { useHeldRows } from './use-held-rows.ts';

interface Props {
  readonly alarms: readonly Alarm[];
  /** What is said where there is none. */
  readonly empty: string;
}

const HEADS = [
  ['col.priority', ''],
  ['col.time', ''],
  ['col.site', ''],
  ['col.object', ''],
  ['col.message', ''],
  ['col.valueAt', 'cell-number'],
  ['col.valueNow', 'cell-number'],
  ['col.limit', 'cell-number'],
  ['col.unit', ''],
  ['col.state', ''],
  ['col.age', 'cell-number'],
  ['col.acked', ''],
] as const;

const PAGE_ROWS = 10;

function Head({ selected, onToggle }: { readonly selected: boolean; readonly onToggle: () => void }) {
  return (
    <div role="row" class="alarm-head" aria-rowindex={1}>
      <span role="columnheader">
        <input
          type="checkbox"
          tabIndex={-1}
          checked={selected}
          aria-label={t('alarms.tab.unacked')}
          onChange={onToggle}
        />
      </span>
      {HEADS.map(([key, name]) => (
        <span key={key} role="columnheader" class={name}>
          {t(key)}
        </span>
      ))}
      <span role="columnheader">{may('operator') ? t('col.ack') : ''}</span>
    </div>
  );
}

interface CriticalProps {
  readonly items: readonly Alarm[];
  readonly onConfirm: () => void;
  readonly onLeave: () => void;
}

function CriticalStep({ items, onConfirm, onLeave }: CriticalProps) {
  return (
    <div
      class="critical-step"
      role="alertdialog"
      aria-label={t('alarms.critical', { n: items.length })}
      data-testid="critical-step"
    >
      <span>
        {t('alarms.critical', { n: items.length })} <b>{items.map((item) => item.name).join(', ')}</b>
      </span>
      <button type="button" data-testid="critical-leave" onClick={onLeave}>
        {t('alarms.cancel')}
      </button>
      <button type="button" class="main" data-testid="critical-confirm" onClick={onConfirm}>
        {t('alarms.confirmCritical', { n: items.length })}
      </button>
    </div>
  );
}

/** Where the list is scrolled to and how much of it is in sight below its head, as state. */
function useScroll(headPx: number) {
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 600 });
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const read = () => setView({ top: element.scrollTop, height: Math.max(0, element.clientHeight - headPx) });
    const watcher = new ResizeObserver(read);
    watcher.observe(element);
    element.addEventListener('scroll', read, { passive: true });
    read();
    return () => {
      watcher.disconnect();
      element.removeEventListener('scroll', read);
    };
  }, [headPx]);
  return { box, view };
}

export function AlarmTable({ alarms, empty }: Props) {
  const [order, setOrder] = useState<AlarmOrder>('urgency');
  const [cursor, setCursor] = useState(0);
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [critical, setCritical] = useState<readonly Alarm[]>([]);
  const [comment, setComment] = useState('');
  const zoom = Number(scale.value) / 100;
  const rowPx = ROW_PX * zoom;
  const { box, view } = useScroll(HEAD_PX * zoom);
  const sorted = useMemo(() => sortAlarms(alarms, order), [alarms, order]);
  const { rows, fresh, hold, release, settling } = useHeldRows(sorted, order, selected.size > 0);
  const window = windowOf(rows.length, rowPx, view.top, view.height);
  const [visibleFirst, visibleEnd] = visibleRows(rows.length, rowPx, view.top, view.height);
  const visible = rows.slice(visibleFirst, visibleEnd).filter((row) => !row.gone);
  const at = Math.min(cursor, Math.max(0, rows.length - 1));

  // "Now" of just the rows in sight, in steps, so that scrolling does not subscribe at every pixel.
  const firstNamed = Math.max(0, window.first - (window.first % 20));
  const names = [...new Set(rows.slice(firstNamed, window.end + 20).flatMap((row) => row.alarm.tag ?? []))].sort();
  useView('tags', names);

  const ack = (list: readonly Alarm[]) => {
    void acknowledge(list, comment.trim());
    setComment('');
  };
  const ackMany = (list: readonly Alarm[]) => {
    const bulk = bulkAck(list);
    if (bulk.items.length > 0 || bulk.critical.length === 0) ack(bulk.items);
    setCritical(bulk.critical);
    setSelected(new Set());
  };
  const onAck = (alarm: Alarm, event: MouseEvent) => {
    event.stopPropagation();
    if (event.detail > 0 && settling()) say('plain', t('ack.settling'));
    else ack([alarm]);
  };
  const onSelect = (name: string) =>
    setSelected((before) => {
      const next = new Set(before);
      if (!next.delete(name)) next.add(name);
      return next;
    });
  const move = (to: number) => {
    const row = Math.min(Math.max(to, 0), Math.max(0, rows.length - 1));
    setCursor(row);
    if (box.current !== null) box.current.scrollTop = scrollTo(row, rowPx, view.top, view.height);
    const there = rows[row];
    // An open panel follows the cursor.
    if (detailOf.peek() !== null && there !== undefined) openDetail(there.alarm.name);
  };
  const current = rows[at];
  const startCurrent = (what: AlarmDo) => current !== undefined && !current.gone && start(what, current.alarm);
  const ackCurrent = () =>
    current !== undefined && !current.gone && ack(isUnacked(current.alarm) ? [current.alarm] : []);
  const trendCurrent = () => {
    const tag = current?.alarm.tag ?? null;
    if (current === undefined || tag === null) return;
    const raised = parseTime(current.alarm.raised);
    navigate(raised === null ? trendOf([tag]) : trendAround([tag], raised, serverNow()));
  };
  const keys: Readonly<Record<string, () => void>> = {
    ArrowDown: () => move(at + 1),
    ArrowUp: () => move(at - 1),
    PageDown: () => move(at + PAGE_ROWS),
    PageUp: () => move(at - PAGE_ROWS),
    Home: () => move(0),
    End: () => move(rows.length - 1),
    ' ': ackCurrent,
    a: ackCurrent,
    'shift a': () => ackMany(visible.map((row) => row.alarm)),
    x: () => current !== undefined && onSelect(current.alarm.name),
    Enter: () => current !== undefined && openDetail(current.alarm.name),
    h: () => current !== undefined && openDetail(current.alarm.name),
    g: () => current !== undefined && navigate({ page: 'site', site: current.alarm.site }),
    t: trendCurrent,
    l: () => startCurrent('shelve'),
    c: () => startCurrent('comment'),
    f: () => startCurrent('confirm'),
    r: () => startCurrent('reset'),
    Escape: () => {
      setCritical([]);
      setSelected(new Set());
      detailOf.value = null;
    },
  };
  const onKey = (event: KeyboardEvent) => {
    // By the keys that are down, not by the letter: with Caps Lock on, A is still one row.
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const action = keys[event.shiftKey && key === 'a' ? 'shift a' : key];
    if (action === undefined || event.ctrlKey || event.metaKey || event.altKey || event.target !== box.current) return;
    event.preventDefault();
    hold('keys');
    action();
  };

  const chosen = sorted.filter((a) => selected.has(a.name));
  const waiting = sorted.filter(isUnacked);
  return (
    <section class="panel alarm-list">
      <div class="toolbar">
        <label class="inline">
          {t('alarms.order')}
          <select
            data-testid="alarm-order"
            value={order}
            onChange={(event) => setOrder(event.currentTarget.value === 'time' ? 'time' : 'urgency')}
          >
            <option value="urgency">{t('alarms.order.urgency')}</option>
            <option value="time">{t('alarms.order.time')}</option>
          </select>
        </label>
        <span class="num" data-testid="alarm-count">
          {t('alarms.count', { n: rows.length })}
        </span>
        {may('operator') ? (
          <>
            <input
              class="comment"
              data-testid="ack-comment"
              maxLength={200}
              placeholder={t('alarms.comment')}
              aria-label={t('alarms.comment')}
              value={comment}
              onInput={(event) => setComment(event.currentTarget.value)}
            />
            <button
              type="button"
              data-testid="ack-selected"
              disabled={chosen.length === 0}
              onClick={() => ackMany(chosen)}
            >
              {t('alarms.ackSelected')}
              <span class="num"> {chosen.length}</span>
            </button>
            <button type="button" data-testid="ack-visible" onClick={() => ackMany(visible.map((row) => row.alarm))}>
              {t('alarms.ackVisible')}
            </button>
          </>
        ) : null}
        {fresh > 0 ? (
          // In the toolbar, so that the list does not move when it comes.
          <button type="button" class="fresh" data-testid="alarms-fresh" onClick={release}>
            {t('alarms.fresh', { n: fresh })}
          </button>
        ) : (
          <button type="button" class="flat hint" onClick={() => (helpOpen.value = true)}>
            {t('keys.title')} <kbd>?</kbd>
          </button>
        )}
      </div>
      <div
        ref={box}
        role="grid"
        class="alarm-grid"
        tabIndex={0}
        aria-label={t('alarms.title')}
        aria-rowcount={rows.length + 1}
        aria-multiselectable={true}
        aria-activedescendant={current === undefined ? undefined : `alarm-${at}`}
        data-testid="alarm-rows"
        onKeyDown={onKey}
        onPointerMove={() => hold('pointer')}
        onPointerLeave={() => hold('leaving')}
      >
        <Head
          selected={waiting.length > 0 && chosen.length >= waiting.length}
          onToggle={() => setSelected(chosen.length > 0 ? new Set() : new Set(waiting.map((a) => a.name)))}
        />
        <div role="rowgroup">
          <div style={{ height: `${window.above}px` }} />
          {rows.slice(window.first, window.end).map((row, i) => (
            <AlarmRow
              key={row.alarm.name}
              row={row}
              index={window.first + i}
              current={window.first + i === at}
              selected={selected.has(row.alarm.name)}
              onPoint={(row, open) => {
                setCursor(row);
                const there = rows[row];
                if (open && there !== undefined) openDetail(there.alarm.name);
              }}
              onSelect={onSelect}
              onAck={onAck}
            />
          ))}
          <div style={{ height: `${window.below}px` }} />
        </div>
        {rows.length === 0 ? <p class="page-note">{empty}</p> : null}
      </div>
      {critical.length === 0 ? null : (
        <CriticalStep
          items={critical}
          onLeave={() => setCritical([])}
          onConfirm={() => {
            ack(critical);
            setCritical([]);
          }}
        />
      )}
    </section>
  );
}
