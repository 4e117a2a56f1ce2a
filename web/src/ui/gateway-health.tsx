import { formatAge, formatBytes, formatCount, NONE, parseTime } from '../model/format.ts';
import type { Gateway, GatewayHealth } from '../model/types.ts';
import { second } from '../state/clock.ts';
import { lang, t } from '../state/prefs.ts';

/** Told every ten seconds; when it is older than this, it says how things were. */
const OLD_MS = 30_000;

type Devices = GatewayHealth['devices'];

export function devicesUp(devices: Devices): string {
  return devices.length === 0 ? NONE : `${devices.filter((d) => d.up).length}/${devices.length}`;
}

function figuresOf(health: GatewayHealth): readonly (readonly [name: HealthName, text: string, odd: boolean])[] {
  const show = (n: number | null, unit = '') => (n === null ? NONE : `${formatCount(n)}${unit}`);
  const oldest = health.oldest_s;
  return [
    ['link', health.link === null ? NONE : t(health.link ? 'gateways.up' : 'gateways.down'), health.link === false],
    ['buffer_records', show(health.buffer_records), false],
    ['buffer_bytes', health.buffer_bytes === null ? NONE : formatBytes(health.buffer_bytes), false],
    ['oldest_s', oldest === null || oldest === 0 ? NONE : formatAge(oldest * 1000, lang.value), (oldest ?? 0) > 60],
    ['lost', show(health.lost), (health.lost ?? 0) > 0],
    ['clock_offset_ms', show(health.clock_offset_ms, ' ms'), Math.abs(health.clock_offset_ms ?? 0) > 2000],
    [
      'certificate_days',
      health.certificate_days === null ? NONE : t('identity.days', { n: health.certificate_days }),
      (health.certificate_days ?? 365) < 20,
    ],
  ];
}

type HealthName = Exclude<keyof GatewayHealth, 'at' | 'devices'>;

/** What a gateway tells of itself and of its devices, and how old that is. */
export function HealthPanel({ gateway }: { readonly gateway: Gateway }) {
  const { health } = gateway;
  const at = health === null ? null : parseTime(health.at);
  if (health === null || at === null) return <p class="panel-note">{t('health.none')}</p>;
  const age = Math.max(0, second.value - at);
  return (
    <div data-testid="gateway-health" data-old={age > OLD_MS} class={age > OLD_MS ? 'health health-old' : 'health'}>
      <p class="panel-note">{t('health.age', { age: formatAge(age, lang.value) })}</p>
      <dl class="health-figures">
        {figuresOf(health).map(([name, text, odd]) => (
          <div key={name}>
            <dt>{t(`health.${name}`)}</dt>
            <dd data-testid={`health-${name}`} class={odd ? 'num cell-odd' : 'num'}>
              {text}
            </dd>
          </div>
        ))}
        {health.devices.map((device) => (
          <div key={device.name}>
            <dt>{t('health.device', { name: device.name })}</dt>
            <dd data-testid={`health-device-${device.name}`} class={device.up ? '' : 'cell-odd'}>
              {t(device.up ? 'health.answers' : 'health.silent')}
            </dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
