import { useMemo } from 'preact/hooks';
import { countAlarms, hiddenMarks, PRIORITIES, worst } from '../../model/alarm-list.ts';
import { formatNumber, formatSince } from '../../model/format.ts';
import { isUsable } from '../../model/quality.ts';
import { type Pump, type Station, stationOf, type Tank } from '../../model/station.ts';
import type { Alarm, Site, Tag } from '../../model/types.ts';
import { alarmsBySite } from '../../state/alarms.ts';
import { second } from '../../state/clock.ts';
import { liveValue, link as pageLink } from '../../state/live.ts';
import { siteLink, tagsBySite } from '../../state/plant.ts';
import { t, tt } from '../../state/prefs.ts';
import { totalOf } from '../../state/totals.ts';
import { AlarmSymbol, HiddenMark } from '../alarm-symbol.tsx';
import { Go } from '../go.tsx';
import { LevelBar } from '../level-bar.tsx';
import { Spark } from '../spark.tsx';
import { TagNote, TagValue } from '../tag-value.tsx';

const NO_TAGS: readonly Tag[] = [];
const NO_ALARMS: readonly Alarm[] = [];
const BAR = { w: 16, h: 76 };

/** The worst symbol of each priority with how many stand, and a mark for each way in which some are hidden. */
function TileAlarms({ alarms }: { readonly alarms: readonly Alarm[] }) {
  const marks = hiddenMarks(alarms);
  if (worst(alarms) === undefined && marks.length === 0) return null;
  const { standing } = countAlarms(alarms);
  return (
    <span class="tile-alarms">
      {PRIORITIES.map((p) => {
        const most = worst(alarms.filter((a) => a.priority === p));
        return most === undefined ? null : (
          <span key={p} class="tile-count">
            <AlarmSymbol priority={p} letter={most.letter} untrusted={most.untrusted} size={18} />
            <span class="num">{standing[p]}</span>
          </span>
        );
      })}
      {marks.map(([letter, list]) => (
        <span key={letter} class="tile-count">
          <HiddenMark letter={letter} alarms={list} size={14} />
          <span class="num">{list.length}</span>
        </span>
      ))}
    </span>
  );
}

function TileTank({ tank }: { readonly tank: Tank }) {
  return (
    <div class="tile-tank" title={tank.level.name}>
      <svg width={BAR.w + 6} height={BAR.h + 2} viewBox={`-1 -1 ${BAR.w + 6} ${BAR.h + 2}`} aria-hidden="true">
        <LevelBar tag={tank.level} width={BAR.w} height={BAR.h} />
      </svg>
      <div>
        <span class="label">{tank.name}</span>
        <TagValue tag={tank.level} testid={`value-${tank.level.name}`} brief />
        <TagNote tag={tank.level} />
      </div>
    </div>
  );
}

function PumpDot({ pump }: { readonly pump: Pump }) {
  const live = pump.run === undefined ? null : liveValue(pump.run.name).value;
  const known = live !== null && isUsable(live.quality) && live.value !== null;
  const state = !known ? 'unknown' : live.value !== 0 ? 'running' : 'stopped';
  const text = `${pump.name}: ${t(`state.${state}`)}`;
  return (
    <span
      class={`dot dot-${state}`}
      title={text}
      data-testid={pump.run === undefined ? undefined : `dot-${pump.run.name}`}
      data-state={state}
    >
      <svg width="14" height="14" viewBox="0 0 14 14" role="img" aria-label={text}>
        <circle cx="7" cy="7" r="5.5" />
      </svg>
      {pump.name}
    </span>
  );
}

function Reading({ label, tag }: { readonly label: string; readonly tag: Tag }) {
  return (
    <div>
      <dt class="label">
        {label} <TagNote tag={tag} />
      </dt>
      <dd>
        <TagValue tag={tag} testid={`value-${tag.name}`} brief />
      </dd>
    </div>
  );
}

/** Of all pumps together. Without one usable part there is no sum; with one missing it is marked. */
function Sum({ label, tags }: { readonly label: string; readonly tags: readonly Tag[] }) {
  const [first] = tags;
  if (first === undefined || tags.some((tag) => tag.unit !== first.unit)) return null;
  const total = totalOf(tags);
  return (
    <div>
      <dt class="label">{label}</dt>
      <dd>
        <span class={total.none ? 'val val-initial' : 'val'}>
          <span class="num">{formatNumber(total.none ? null : total.sum, first.decimals)}</span>
          <span class="unit">{first.unit}</span>
          {total.whole || total.none ? null : <span class="mark">?</span>}
        </span>
      </dd>
    </div>
  );
}

const isTag = (tag: Tag | undefined): tag is Tag => tag !== undefined;

function Readings({ station }: { readonly station: Station }) {
  const numbered = (label: string, list: readonly Tag[]) =>
    list.map((tag, i) => <Reading key={tag.name} label={list.length > 1 ? `${label} ${i + 1}` : label} tag={tag} />);
  return (
    <dl class="tile-readings">
      {numbered(t('site.discharge'), station.discharge)}
      {numbered(t('site.suction'), station.suction)}
      <Sum label={t('site.flow')} tags={station.pumps.map((pump) => pump.flow).filter(isTag)} />
      <Sum label={t('site.power')} tags={station.pumps.map((pump) => pump.power).filter(isTag)} />
    </dl>
  );
}

function TileLink({ site }: { readonly site: Site }) {
  const link = siteLink(site);
  // While this page itself hears nothing it must not say of any site that it is live.
  if (pageLink.value.state !== 'live') return <span>{t('link.notLive')}</span>;
  if (link.state === 'up' || link.state === 'none') return <span>{link.state === 'up' ? t('tile.live') : ''}</span>;
  return (
    <span class="tile-cut" data-testid={`cut-${site.name}`}>
      {t('tile.cut', { time: formatSince(link.since, second.value) })}
    </span>
  );
}

export function Tile({ site }: { readonly site: Site }) {
  const tags = tagsBySite.value.get(site.name) ?? NO_TAGS;
  const station = useMemo(() => stationOf(tags), [tags]);
  const alarms = alarmsBySite.value.get(site.name) ?? NO_ALARMS;
  const cut = siteLink(site).state === 'cut';
  const [first] = station.tanks;
  return (
    <Go
      to={{ page: 'site', site: site.name }}
      class={cut ? 'tile tile-is-cut' : 'tile'}
      testid={`site-tile-${site.name}`}
    >
      <header class="tile-head">
        <b>{site.name}</b>
        <span class="tile-title">{tt(site.title) === site.name ? '' : tt(site.title)}</span>
        <TileAlarms alarms={alarms} />
      </header>
      <div class="tile-body">
        <div class="tile-tanks">
          {station.tanks.map((tank) => (
            <TileTank key={tank.name} tank={tank} />
          ))}
        </div>
        <Readings station={station} />
      </div>
      <div class="tile-pumps">
        {station.pumps.map((pump) => (
          <PumpDot key={pump.name} pump={pump} />
        ))}
      </div>
      <footer class="tile-foot">
        <TileLink site={site} />
        {first === undefined ? null : <Spark tag={first.level} width={150} height={22} span="8h" />}
      </footer>
    </Go>
  );
}
