import { useMemo } from 'preact/hooks';
import { type AxisPen, drawsSteps } from '../../model/axes.ts';
import { penOfTag } from '../../model/trend-set.ts';
import { spanMs } from '../../model/trend-view.ts';
import type { Tag } from '../../model/types.ts';
import { limits, tags } from '../../state/plant.ts';
import { Chart } from './chart.tsx';
import { useTrend } from './use-trend.ts';
import './trend.css';

const PIXELS = 512;
const VIEW = { spanMs: spanMs('8h'), until: null };

/** A small live trend beside a station: the levels of the last 8 hours. */
export function SiteTrend({ tags: names }: { readonly tags: readonly string[] }) {
  const known = tags.value;
  const wishes = useMemo(
    () =>
      names
        .map((name) => known.get(name))
        .filter((tag): tag is Tag => tag !== undefined)
        .map((tag) => ({ tag, step: drawsSteps(tag, { draw: 'tag' }) })),
    [names, known],
  );
  const data = useTrend(wishes, VIEW, '', PIXELS);
  const pens = wishes.map(
    (wish): AxisPen => ({ ...wish, set: penOfTag(wish.tag.name), pen: data.penOf(wish), overlay: null }),
  );
  const [only] = wishes.length === 1 ? wishes : [];
  return (
    <>
      <div class="site-trend">
        <Chart
          pens={pens}
          oneAxis={false}
          from={data.from}
          to={data.to}
          limits={only === undefined ? null : { tag: only.tag.name, list: limits.value.get(only.tag.name) ?? [] }}
          alarms={null}
          focus=""
          slots={1}
          times={true}
          testid="site-trend"
        />
      </div>
      <ul class="legend">
        {wishes.map(({ tag }, i) => (
          <li key={tag.name}>
            <span class={`swatch pen-${i + 1}`} /> {tag.name.slice(tag.site.length + 1)}
          </li>
        ))}
      </ul>
    </>
  );
}
