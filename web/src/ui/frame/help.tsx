import { useRef } from 'preact/hooks';
import type { Key } from '../../i18n/en.ts';
import { helpOpen } from '../../state/dock.ts';
import { t } from '../../state/prefs.ts';
import { useFocus } from '../use-focus.ts';

const GROUPS: readonly (readonly [title: Key, keys: readonly (readonly [key: string, text: Key])[]])[] = [
  [
    'keys.everywhere',
    [
      ['F8', 'keys.f8'],
      ['S', 'keys.s'],
      ['Esc', 'keys.esc'],
      ['/', 'keys.slash'],
      ['?', 'keys.help'],
    ],
  ],
  [
    'keys.list',
    [
      ['↑ ↓ PgUp PgDn Home End', 'keys.move'],
      ['A · Space', 'keys.ack'],
      ['Shift+A', 'keys.ackPage'],
      ['X', 'keys.select'],
      ['Enter · H', 'keys.enter'],
      ['L', 'keys.shelve'],
      ['C', 'keys.comment'],
      ['F', 'keys.confirm'],
      ['R', 'keys.reset'],
      ['T', 'keys.trend'],
      ['G', 'keys.site'],
    ],
  ],
  [
    'keys.charts',
    [
      ['← →', 'keys.cursor'],
      ['Shift+← → · PgUp PgDn', 'keys.pan'],
      ['+ −', 'keys.zoom'],
      ['End', 'keys.live'],
      ['Shift+drag', 'keys.stretch'],
    ],
  ],
];

function Overlay() {
  const close = useRef<HTMLButtonElement>(null);
  useFocus(close);
  const shut = () => {
    helpOpen.value = false;
  };
  return (
    <div class="help" role="dialog" aria-modal="true" aria-label={t('keys.title')} data-testid="help">
      <div class="panel">
        <h2>
          {t('keys.title')}
          <button ref={close} type="button" data-testid="help-close" onClick={shut}>
            {t('dock.close')}
          </button>
        </h2>
        {GROUPS.map(([title, keys]) => (
          <section key={title}>
            <h3>{t(title)}</h3>
            <dl>
              {keys.map(([key, text]) => (
                <div key={key}>
                  <dt>
                    <kbd>{key}</kbd>
                  </dt>
                  <dd>{t(text)}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </div>
  );
}

export function Help() {
  return helpOpen.value ? <Overlay /> : null;
}
