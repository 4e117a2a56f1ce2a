/** What is configured: sites, tags, limits. Loaded once, and again when the server says that it changed. */
import { batch, computed, signal } from '@preact/signals';
import type { Status, StoreState } from '../model/protocol.ts';
import { type LimitsByTag, limitsByTag } from '../model/scale.ts';
import type { AlarmSetting, Site, Tag } from '../model/types.ts';
import { get } from './http.ts';
import { tt } from './prefs.ts';
import { login } from './session.ts';

export const sites = signal<readonly Site[]>([]);

/** The site that stands for the server itself: it has alarms, and nothing to look at. */
const SERVER_SITE = '_server';
export const stations = computed(() => sites.value.filter((site) => site.name !== SERVER_SITE));
export const tags = signal<ReadonlyMap<string, Tag>>(new Map());
export const settings = signal<readonly AlarmSetting[]>([]);
/** False until the first load is complete: an empty list is not yet "no sites". */
export const plantLoaded = signal(false);

export const limits = computed<LimitsByTag>(() => limitsByTag(settings.value));

export const tagsBySite = computed(() => {
  const map = new Map<string, Tag[]>();
  for (const tag of tags.value.values()) {
    const list = map.get(tag.site);
    if (list === undefined) map.set(tag.site, [tag]);
    else list.push(tag);
  }
  return map as ReadonlyMap<string, readonly Tag[]>;
});

export interface GatewayLink {
  readonly up: boolean;
  readonly since: number;
}

export const gatewayLinks = signal<ReadonlyMap<string, GatewayLink>>(new Map());

export interface Store {
  readonly state: StoreState;
  readonly text: string;
  /** Server time at which it left "ok", or was first seen so. */
  readonly since: number;
}

export const store = signal<Store>({ state: 'ok', text: '', since: 0 });

export function takeStatus(status: Status): void {
  const was = store.peek();
  batch(() => {
    gatewayLinks.value = new Map(status.gateways.map(([name, up, since]) => [name, { up, since }]));
    store.value = {
      state: status.store,
      text: status.text,
      since: was.state === status.store && was.since !== 0 ? was.since : status.T,
    };
  });
}

export interface SiteLink {
  readonly state: 'up' | 'partly' | 'cut' | 'none';
  /** Since when it is cut: of the gateway that was lost last. */
  readonly since: number;
}

export function siteLink(site: Site): SiteLink {
  const links = site.gateways.map((name) => gatewayLinks.value.get(name)).filter((link) => link !== undefined);
  if (links.length === 0) return { state: 'none', since: 0 };
  const down = links.filter((link) => !link.up);
  const since = down.reduce((newest, link) => Math.max(newest, link.since), 0);
  if (down.length === 0) return { state: 'up', since: 0 };
  return { state: down.length === links.length ? 'cut' : 'partly', since };
}

/** What a site is called, where that says more than its name. */
export function siteTitle(name: string): string {
  const site = sites.value.find((s) => s.name === name);
  const title = site === undefined ? name : tt(site.title);
  return title === name ? '' : title;
}

const PAGE = 5000;
const RETRY_MS = 2_000;

async function loadTags(): Promise<ReadonlyMap<string, Tag>> {
  const all = new Map<string, Tag>();
  let after: string | null = '';
  while (after !== null) {
    const from: string = after === '' ? '' : `&after=${encodeURIComponent(after)}`;
    const page: { tags: readonly Tag[]; next: string | null } = await get(`/tags?limit=${PAGE}${from}`);
    for (const tag of page.tags) all.set(tag.name, tag);
    after = page.next;
  }
  return all;
}

let loads = 0;

export async function loadPlant(): Promise<void> {
  const mine = ++loads;
  try {
    const [siteList, tagMap, settingList] = await Promise.all([
      get<{ sites: readonly Site[] }>('/sites'),
      loadTags(),
      get<{ settings: readonly AlarmSetting[] }>('/alarm-settings'),
    ]);
    if (mine !== loads) return;
    batch(() => {
      sites.value = [...siteList.sites].sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
      tags.value = tagMap;
      settings.value = settingList.settings;
      plantLoaded.value = true;
    });
  } catch {
    if (mine === loads && login.peek().state === 'in') setTimeout(() => void loadPlant(), RETRY_MS);
  }
}
