import type { Site } from '../../model/types.ts';
import { useView } from '../../state/live.ts';
import { plantLoaded, stations } from '../../state/plant.ts';
import { t } from '../../state/prefs.ts';
import { Needs } from './needs.tsx';
import { Tile } from './tile.tsx';

/** Areas by name, sites by name within: never by severity, since the place of a site is what one remembers. */
function byArea(list: readonly Site[]): readonly (readonly [string, readonly Site[]])[] {
  const areas = new Map<string, Site[]>();
  for (const site of list) {
    const area = areas.get(site.area);
    if (area === undefined) areas.set(site.area, [site]);
    else area.push(site);
  }
  return [...areas].sort(
    ([a], [b]) => Number(a === '') - Number(b === '') || a.localeCompare(b, 'en', { numeric: true }),
  );
}

/** Beyond this many sites the tiles show less, so that more of them are in sight. */
const ROOMY_MAX = 24;

export function Overview() {
  useView('overview');
  if (!plantLoaded.value) return <p class="page-note">{t('app.loading')}</p>;
  if (stations.value.length === 0) return <p class="page-note">{t('overview.empty')}</p>;
  const areas = byArea(stations.value);
  return (
    <div class="overview">
      <div class={stations.value.length > ROOMY_MAX ? 'areas areas-dense' : 'areas'}>
        <h1 class="hidden">{t('overview.title')}</h1>
        {areas.map(([area, list]) => (
          <section key={area}>
            {areas.length === 1 && area === '' ? null : <h2>{area === '' ? t('overview.noArea') : area}</h2>}
            <div class="tiles">
              {list.map((site) => (
                <Tile key={site.name} site={site} />
              ))}
            </div>
          </section>
        ))}
      </div>
      <Needs />
    </div>
  );
}
