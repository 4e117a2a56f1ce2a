import type { ComponentChildren } from 'preact';
import { formatRoute, type Route } from '../model/route.ts';
import { follow } from '../state/router.ts';

interface Props {
  readonly to: Route;
  readonly children: ComponentChildren;
  readonly class?: string;
  readonly title?: string;
  readonly testid?: string;
  readonly current?: boolean;
}

/** A link to another screen: a real one, so that it can be opened in a new window or copied. */
export function Go({ to, children, class: name, title, testid, current }: Props) {
  return (
    <a
      href={formatRoute(to)}
      class={name}
      title={title}
      data-testid={testid}
      aria-current={current === true ? 'page' : undefined}
      onClick={(event) => follow(event, to)}
    >
      {children}
    </a>
  );
}
