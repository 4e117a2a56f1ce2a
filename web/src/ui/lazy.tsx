import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { t } from '../state/prefs.ts';

/** A screen that is fetched when it is first opened. If that fails it says so and can be tried again. */
export function lazy<P extends object>(load: () => Promise<ComponentType<P>>): ComponentType<P> {
  let loaded: ComponentType<P> | null = null;
  return function Lazy(props: P) {
    const [state, setState] = useState<'loading' | 'ready' | 'failed'>(loaded === null ? 'loading' : 'ready');
    useEffect(() => {
      if (state !== 'loading') return;
      load().then(
        (component) => {
          loaded = component;
          setState('ready');
        },
        () => setState('failed'),
      );
    }, [state]);
    if (loaded !== null) {
      const Loaded = loaded;
      return <Loaded {...props} />;
    }
    if (state === 'failed') {
      return (
        <p class="page-note">
          {t('error.network')}{' '}
          <button type="button" onClick={() => setState('loading')}>
            {t('app.retry')}
          </button>
        </p>
      );
    }
    return <p class="page-note">{t('app.loading')}</p>;
  };
}
