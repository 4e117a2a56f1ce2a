import type { ReadonlySignal } from '@preact/signals';
import { formatNumber, NONE } from '../../model/format.ts';
import { reasonOf, stateOf } from '../../model/quality.ts';
import { averageOf, type Pen, readAt, saidBetween } from '../../model/trend.ts';
import {
  changePen,
  changeScale,
  hasRoom,
  movePen,
  PANES_MAX,
  removePen,
  type SetPane,
  type SetPen,
} from '../../model/trend-set.ts';
import type { Tag } from '../../model/types.ts';
import { t, tt } from '../../state/prefs.ts';
import { Go } from '../go.tsx';
import { Icon } from '../icons.tsx';
import { shownValue, TagValue } from '../tag-value.tsx';
import { ScaleCell } from './scale-cell.tsx';
import { w } from './words.ts';

/** A pen as it is drawn, and where. */
export interface PenRow {
  readonly pane: number;
  /** In its pane, from 0. */
  readonly place: number;
  readonly tag: Tag;
  readonly set: SetPen;
  readonly step: boolean;
  readonly pen: Pen;
  readonly overlay: Pen | null;
}

interface Props {
  readonly rows: readonly PenRow[];
  readonly panes: readonly SetPane[];
  /** Seconds. */
  readonly from: number;
  readonly to: number;
  /** Seconds; null: no cursor. */
  readonly cursor: ReadonlySignal<number | null>;
  readonly focus: string;
  readonly overlaid: string;
  readonly change: (panes: readonly SetPane[]) => void;
  readonly onFocus: (tag: string) => void;
}

function qualityWords(quality: number): string {
  const reason = t(`reason.${reasonOf(quality)}`);
  const state = t(`quality.${stateOf(quality)}`);
  return reason === '' || reason === state ? state : `${state}: ${reason}`;
}

interface CursorProps {
  readonly row: PenRow;
  readonly cursor: ReadonlySignal<number | null>;
  readonly overlaid: boolean;
}

/** The only cells that follow the pointer. */
function CursorCells({ row: { tag, pen, overlay }, cursor, overlaid }: CursorProps) {
  const at = cursor.value;
  const said = at === null ? null : readAt(pen, at);
  const past = at === null || overlay === null ? null : readAt(overlay, at);
  const shown = (value: number | null) => (value === null ? NONE : shownValue(tag, value));
  const span = said !== null && said.min !== said.max ? `${shown(said.min)} … ${shown(said.max)}` : undefined;
  return (
    <>
      <td class="cell-number num" title={span} data-testid={`pen-cursor-${tag.name}`}>
        {at === null ? '' : shown(said?.value ?? null)}
      </td>
      <td
        class="pen-quality"
        data-testid={`pen-quality-${tag.name}`}
        title={said === null ? '' : qualityWords(said.quality)}
      >
        {said === null ? '' : w(said.why)}
      </td>
      {overlaid ? <td class="cell-number num">{at === null ? '' : shown(past?.value ?? null)}</td> : null}
    </>
  );
}

function SpanCells({ row, from, to }: { readonly row: PenRow; readonly from: number; readonly to: number }) {
  const { tag, pen, step } = row;
  const extent = saidBetween(pen, from, to, step);
  const mean = averageOf(pen, from, to, step);
  // The mean of a state is the part of the time in which it was on.
  const meanText = tag.type === 'bool' ? `${formatNumber((mean ?? 0) * 100, 1)} %` : formatNumber(mean, tag.decimals);
  const reduced = pen.points.some((point) => point[6] > 2);
  return (
    <>
      <td class="cell-number num" data-testid={`pen-min-${tag.name}`}>
        {extent === null ? NONE : shownValue(tag, extent.min)}
      </td>
      <td class="cell-number num" data-testid={`pen-average-${tag.name}`} title={w('averageTitle')}>
        {mean === null ? NONE : `${reduced ? '≈ ' : ''}${meanText}`}
      </td>
      <td class="cell-number num" data-testid={`pen-max-${tag.name}`}>
        {extent === null ? NONE : shownValue(tag, extent.max)}
      </td>
    </>
  );
}

/** In which pane it is; choosing another moves it there. */
function PaneCell({ row, panes, change }: { readonly row: PenRow } & Pick<Props, 'panes' | 'change'>) {
  const fresh = panes.length < PANES_MAX && (panes[row.pane]?.pens.length ?? 0) > 1;
  const choices = fresh ? [...panes.keys(), panes.length] : [...panes.keys()];
  return (
    <td>
      <select
        aria-label={`${w('pane')}: ${row.tag.name}`}
        data-testid={`pen-pane-${row.tag.name}`}
        value={row.pane + 1}
        onChange={(event) => change(movePen(panes, row.pane, row.tag.name, Number(event.currentTarget.value) - 1))}
      >
        {choices.map((pane) => (
          <option key={pane} value={pane + 1} disabled={pane !== row.pane && !hasRoom(panes, pane)}>
            {pane === panes.length ? w('newPane') : pane + 1}
          </option>
        ))}
      </select>
    </td>
  );
}

function Row({ row, ...props }: { readonly row: PenRow } & Omit<Props, 'rows'>) {
  const { tag, pane, set, step } = row;
  const { panes, change, focus } = props;
  return (
    <tr data-testid={`pen-${tag.name}`} class={focus === tag.name ? 'row-current' : ''}>
      <td class="cell-sym">
        <button
          type="button"
          class="flat pen-focus"
          aria-pressed={focus === tag.name}
          aria-label={w('focus', { tag: tag.name })}
          title={w('focus', { tag: tag.name })}
          data-testid={`pen-focus-${tag.name}`}
          onClick={() => props.onFocus(focus === tag.name ? '' : tag.name)}
        >
          <span class={`swatch pen-${row.place + 1}`} />
        </button>
      </td>
      <PaneCell row={row} panes={panes} change={change} />
      <th scope="row">
        <Go to={{ page: 'site', site: tag.site }}>{tag.name}</Go>
      </th>
      <td class="cell-text pen-title" title={tag.stored ? undefined : w('notStored')}>
        {tt(tag.title)} {tag.stored ? null : <span class="hint">({w('calculated')})</span>}
      </td>
      <CursorCells row={row} cursor={props.cursor} overlaid={props.overlaid !== ''} />
      <SpanCells row={row} from={props.from} to={props.to} />
      <td class="cell-number">
        <TagValue tag={tag} unit={false} testid={`pen-value-${tag.name}`} />
      </td>
      <td class="unit">{tag.unit}</td>
      <td class="pen-scale">
        {tag.type === 'bool' ? null : (
          <ScaleCell tag={tag} set={set} onChange={(scale) => change(changeScale(panes, pane, tag.name, scale))} />
        )}
      </td>
      <td>
        <input
          type="checkbox"
          aria-label={w('stepsOf', { tag: tag.name })}
          data-testid={`pen-step-${tag.name}`}
          checked={step}
          onChange={() => change(changePen(panes, pane, tag.name, { draw: step ? 'line' : 'step' }))}
        />
      </td>
      <td>
        <button
          type="button"
          class="flat"
          data-testid={`pen-remove-${tag.name}`}
          aria-label={w('remove', { tag: tag.name })}
          onClick={() => change(removePen(panes, pane, tag.name))}
        >
          <Icon name="close" size={14} />
        </button>
      </td>
    </tr>
  );
}

/** What each pen is, says at the cursor, and said at least, on average and most. */
export function PenTable({ rows, ...props }: Props) {
  const number = (text: string, title?: string) => (
    <th scope="col" class="cell-number" title={title}>
      {text}
    </th>
  );
  return (
    <table class="table pens" aria-label={w('pens')}>
      <thead>
        <tr>
          <th scope="col" class="cell-sym">
            <span class="hidden">{w('pens')}</span>
          </th>
          <th scope="col">{w('pane')}</th>
          <th scope="col">{t('col.tag')}</th>
          <th scope="col">{t('col.title')}</th>
          {number(w('atCursor'))}
          <th scope="col">{w('quality')}</th>
          {props.overlaid === '' ? null : number(props.overlaid)}
          {number(w('minimum'))}
          {number(w('average'), w('averageTitle'))}
          {number(w('maximum'))}
          {number(w('now'))}
          <th scope="col">{t('col.unit')}</th>
          <th scope="col">{w('scale')}</th>
          <th scope="col">{w('steps')}</th>
          <th scope="col">
            <span class="hidden">{w('remove', { tag: '' })}</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <Row key={`${row.pane} ${row.tag.name}`} row={row} {...props} />
        ))}
      </tbody>
    </table>
  );
}
