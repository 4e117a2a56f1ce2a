import { useMemo } from 'preact/hooks';
import { hiddenMarks, isActive, worst } from '../../model/alarm-list.ts';
import { formatNumber } from '../../model/format.ts';
import { LOOKS } from '../../model/quality.ts';
import { trendOf } from '../../model/route.ts';
import { fraction } from '../../model/scale.ts';
import { type Box, layoutStation, type Placed, type Pump, stationOf, type Tank } from '../../model/station.ts';
import type { Alarm, Tag } from '../../model/types.ts';
import { limits } from '../../state/plant.ts';
import { t, tt } from '../../state/prefs.ts';
import { AlarmSymbol, HiddenMark } from '../alarm-symbol.tsx';
import { Go } from '../go.tsx';
import { useInStep } from '../in-step.ts';
import { LevelBar } from '../level-bar.tsx';
import { showTag } from '../tag-value.tsx';

interface AlarmFrameProps {
  readonly box: Box;
  readonly alarms: readonly Alarm[];
  readonly tags: readonly (Tag | undefined)[];
}

const BESIDE_PX = 20;

/**
 * Around an object with a standing alarm: a frame, and a flap with the symbol. What hides alarms of the object is marked beside it.
 * The frame of what waits flashes with its flap; of what has returned it is broken.
 */
function AlarmFrame({ box, alarms, tags }: AlarmFrameProps) {
  const names = new Set(tags.map((tag) => tag?.name));
  const own = alarms.filter((a) => a.tag !== null && names.has(a.tag));
  const most = worst(own);
  const marks = hiddenMarks(own);
  const waits = most?.letter === 'B';
  const root = useInStep<SVGGElement>(waits, most?.name ?? '');
  if (most === undefined && marks.length === 0) return null;
  const x = box.x - 13;
  const y = box.y - 13;
  const over = most !== undefined && !isActive(most.base);
  const name = ['alarm-frame', waits ? 'alarm-frame-wait' : '', over ? 'alarm-frame-over' : ''].join(' ');
  return (
    <g ref={root} class={name}>
      {most === undefined ? null : (
        <>
          <rect x={box.x - 3} y={box.y - 3} width={box.w + 6} height={box.h + 6} />
          <g transform={`translate(${x} ${y})`}>
            <AlarmSymbol priority={most.priority} letter={most.letter} untrusted={most.untrusted} drawn />
          </g>
        </>
      )}
      {marks.map(([letter, list], i) => (
        <g key={letter} transform={`translate(${x + (i + (most === undefined ? 0 : 1)) * BESIDE_PX + 4} ${y})`}>
          <HiddenMark letter={letter} alarms={list} size={16} drawn />
        </g>
      ))}
    </g>
  );
}

/** A value as text in the drawing; a click opens its trend. That the whole site is cut off is said above the drawing. */
function Reading({
  tag,
  x,
  y,
  big = false,
}: {
  readonly tag: Tag;
  readonly x: number;
  readonly y: number;
  readonly big?: boolean;
}) {
  const shown = showTag(tag);
  return (
    <Go to={trendOf([tag.name])} title={shown.title} testid={`mimic-${tag.name}`}>
      <text class={`m-value val-${shown.state} ${big ? 'm-big' : ''}`} x={x} y={y} data-quality={shown.state}>
        <tspan class="num">{shown.text}</tspan>
        <tspan class="unit" dx="4">
          {tag.type === 'bool' ? '' : tag.unit}
        </tspan>
        {shown.mark === '' || shown.state === 'cut' ? null : (
          <tspan class="mark" dx="4">
            {shown.mark}
          </tspan>
        )}
        {shown.age === '' || shown.state === 'cut' ? null : (
          <tspan class="age" dx="4">
            {shown.age}
          </tspan>
        )}
      </text>
    </Go>
  );
}

function PumpDrawing({ placed, alarms }: { readonly placed: Placed<Pump>; readonly alarms: readonly Alarm[] }) {
  const { item: pump, box } = placed;
  const run = pump.run === undefined ? null : showTag(pump.run);
  const known = run !== null && run.value !== null && LOOKS[run.state].shape === 'normal';
  const state = !known ? 'unknown' : run.value !== 0 ? 'running' : 'stopped';
  const y = box.y + box.h / 2;
  const x = box.x + 24;
  return (
    <g class={`pump pump-${state}`}>
      <path class="pipe" d={`M${box.x - 24} ${y}H${x - 18}M${x + 18} ${y}H${x + 22}M${box.x + box.w} ${y}h24`} />
      <path class="pipe pipe-thin" d={`M${x + 22} ${y}H${box.x + box.w}`} />
      <AlarmFrame
        box={{ x: x - 20, y: y - 20, w: 40, h: 40 }}
        alarms={alarms}
        tags={[pump.run, pump.flow, pump.power]}
      />
      <circle cx={x} cy={y} r="18" />
      <path class="pump-arrow" d={`M${x - 9} ${y - 12}L${x + 16} ${y}L${x - 9} ${y + 12}z`} />
      {known ? null : <circle class="hatch" cx={x} cy={y} r="18" />}
      <text class="m-label" x={x + 28} y={y - 7}>
        {pump.name}
      </text>
      {pump.run === undefined ? null : <Reading tag={pump.run} x={x + 84} y={y - 7} />}
      {pump.flow === undefined ? null : <Reading tag={pump.flow} x={x + 28} y={y + 18} />}
      {pump.power === undefined ? null : <Reading tag={pump.power} x={x + 122} y={y + 18} />}
    </g>
  );
}

const LABEL_PX = 12;

/** Both ends of the range, and each limit that has room beside them. */
function Scale({
  tag,
  x,
  y,
  height,
}: {
  readonly tag: Tag;
  readonly x: number;
  readonly y: number;
  readonly height: number;
}) {
  const at = (value: number): number => y + height * (1 - fraction(value, tag.low, tag.high));
  const marks = [tag.high, tag.low, ...(limits.value.get(tag.name) ?? []).map((limit) => limit.value)];
  const shown = marks.filter((value, i) =>
    marks.slice(0, i).every((other) => Math.abs(at(other) - at(value)) >= LABEL_PX),
  );
  return (
    <>
      {shown.map((value) => (
        <text key={value} class="m-scale" x={x} y={at(value) + 4}>
          {formatNumber(value, 1)}
        </text>
      ))}
    </>
  );
}

function TankDrawing({ placed, alarms }: { readonly placed: Placed<Tank>; readonly alarms: readonly Alarm[] }) {
  const { item: tank, box } = placed;
  const { level } = tank;
  const bar = { x: box.x + 4, y: box.y + 26, w: 58, h: box.h - 58 };
  return (
    <g class="tank">
      <AlarmFrame box={{ x: bar.x, y: bar.y, w: bar.w, h: bar.h }} alarms={alarms} tags={[level]} />
      <text class="m-label m-middle" x={bar.x + bar.w / 2} y={box.y + 15}>
        {tank.name}
      </text>
      <LevelBar tag={level} x={bar.x} y={bar.y} width={bar.w} height={bar.h} />
      <Scale tag={level} x={bar.x + bar.w + 8} y={bar.y} height={bar.h} />
      <Reading tag={level} x={bar.x} y={box.y + box.h - 8} big />
    </g>
  );
}

function Readout({
  placed,
  label,
  alarms,
}: {
  readonly placed: Placed<Tag>;
  readonly label: string;
  readonly alarms: readonly Alarm[];
}) {
  const { item: tag, box } = placed;
  return (
    <g class="readout">
      <AlarmFrame box={box} alarms={alarms} tags={[tag]} />
      <rect class="m-panel" x={box.x} y={box.y} width={box.w} height={box.h} />
      <text class="m-label m-small" x={box.x + 8} y={box.y + 16}>
        {label}
      </text>
      <Reading tag={tag} x={box.x + 8} y={box.y + 37} />
    </g>
  );
}

/** Below this its texts could not be read; then it is scrolled. */
const SCALE_MIN = 0.85;
const SCALE_MAX = 1.3;

/** The station as its tags describe it; water flows from left to right. */
export function Mimic({ tags, alarms }: { readonly tags: readonly Tag[]; readonly alarms: readonly Alarm[] }) {
  const layout = useMemo(() => layoutStation(stationOf(tags)), [tags]);
  const { headers } = layout;
  if (layout.pumps.length + layout.tanks.length + layout.suction.length + layout.discharge.length === 0) return null;
  const middle = layout.height / 2;
  const [suction] = layout.suction;
  const [after] = [...layout.discharge, ...layout.meters];
  const [tank] = layout.tanks;
  return (
    <svg
      class="mimic"
      viewBox={`0 0 ${layout.width} ${layout.height}`}
      style={{ minWidth: `${layout.width * SCALE_MIN}px`, maxWidth: `${layout.width * SCALE_MAX}px` }}
    >
      <title>{t('site.station')}</title>
      {headers === null ? null : (
        <g class="pipes">
          <path
            class="pipe"
            d={`M${headers.inX} ${Math.min(headers.top, middle)}V${Math.max(headers.bottom, middle)}M${headers.outX} ${Math.min(headers.top, middle)}V${Math.max(headers.bottom, middle)}`}
          />
          {suction === undefined ? null : (
            <path class="pipe" d={`M${suction.box.x + suction.box.w} ${middle}H${headers.inX}`} />
          )}
          {after === undefined ? null : <path class="pipe" d={`M${headers.outX} ${middle}H${after.box.x}`} />}
          {tank === undefined ? null : (
            <path
              class="pipe"
              d={`M${after === undefined ? headers.outX : after.box.x + after.box.w} ${middle}H${tank.box.x + 4}`}
            />
          )}
        </g>
      )}
      {layout.tanks.slice(1).map((placed, i) => {
        const before = layout.tanks[i];
        return before === undefined ? null : (
          <path key={placed.item.name} class="pipe" d={`M${before.box.x + 62} ${middle}H${placed.box.x + 4}`} />
        );
      })}
      {layout.suction.map((placed) => (
        <Readout key={placed.item.name} placed={placed} label={t('site.suction')} alarms={alarms} />
      ))}
      {layout.pumps.map((placed) => (
        <PumpDrawing key={placed.item.name} placed={placed} alarms={alarms} />
      ))}
      {layout.discharge.map((placed) => (
        <Readout key={placed.item.name} placed={placed} label={t('site.discharge')} alarms={alarms} />
      ))}
      {layout.meters.map((placed) => (
        <Readout key={placed.item.name} placed={placed} label={tt(placed.item.title)} alarms={alarms} />
      ))}
      {layout.tanks.map((placed) => (
        <TankDrawing key={placed.item.name} placed={placed} alarms={alarms} />
      ))}
    </svg>
  );
}
