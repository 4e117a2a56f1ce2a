import { useMemo } from 'preact/hooks';
import { spanMs } from '../../model/route.ts';
import type { Tag } from '../../model/types.ts';
import { limits, tags } from '../../state/plant.ts';
import { Chart } from './chart.tsx';
import { usePens } from './use-pens.ts';

/** A small live trend beside a station: the levels of the last 8 hours. */
export function SiteTrend({ tags: names }: { readonly tags: readonly string[] }) {
  const known = tags.value;
  const list = useMemo(
    () => names.map((name) => known.get(name)).filter((tag): tag is Tag => tag !== undefined),
    [names, known],
  );
  const { pens, from, to } = usePens(list, spanMs('8h'), null);
  const [first] = list;
  return (
    <>
      <div class="site-trend">
        <Chart
          pens={pens}
          from={from}
          to={to}
          limits={first === undefined ? [] : (limits.value.get(first.name) ?? [])}
          wholeRange={false}
          testid="site-trend"
        />
      </div>
      <ul class="legend">
        {list.map((tag, i) => (
          <li key={tag.name}>
            <span class={`swatch pen-${i + 1}`} /> {tag.name.slice(tag.site.length + 1)}
          </li>
        ))}
      </ul>
    </>
  );
}
