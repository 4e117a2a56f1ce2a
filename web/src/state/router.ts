/** The address as a signal. Each screen is an address; back and forward are the browser's. */
import { signal } from '@preact/signals';
import { formatRoute, parseRoute, type Route } from '../model/route.ts';

const read = (): Route => parseRoute(location.pathname, location.search);

export const route = signal<Route>(read());

window.addEventListener('popstate', () => {
  route.value = read();
});

export function navigate(to: Route, how: 'push' | 'replace' = 'push'): void {
  const address = formatRoute(to);
  if (how === 'replace' || address === location.pathname + location.search) history.replaceState(null, '', address);
  else history.pushState(null, '', address);
  route.value = to;
}

/** For the click on a real link: plain clicks stay in the page, all others are the browser's. */
export function follow(event: MouseEvent, to: Route): void {
  if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  navigate(to);
}
