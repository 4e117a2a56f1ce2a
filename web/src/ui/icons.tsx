/** Signs of the frame, drawn on a grid of 20. */
const PATHS = {
  overview: 'M2.5 3h6v6h-6zM11.5 3h6v6h-6zM2.5 11.5h6v6h-6zM11.5 11.5h6v6h-6z',
  alarms: 'M10 2.5a5 5 0 0 1 5 5v4.5l2 2.5H3l2-2.5V7.5a5 5 0 0 1 5-5zM8 17h4',
  trend: 'M2.5 2.5v15h15M5 13l3.5-4.5 3 2.5 5-6.5',
  gateways: 'M3 12.5h14v5H3zM6 15h.01M9 15h.01M10 12.5V9M6 7a5.6 5.6 0 0 1 8 0M3.5 4.5a9.2 9.2 0 0 1 13 0',
  settings: 'M2.5 5.5h8M15 5.5h2.5M12.5 3v5M2.5 14.5h3M10 14.5h7.5M7.5 12v5',
  revisions: 'M10 5.5V10l3 2M3 10a7 7 0 1 0 2.2-5.1L3 7M3 3v4h4',
  sound: 'M3 7.5h3l4-3.5v12l-4-3.5H3zM12.5 7a4.2 4.2 0 0 1 0 6M14.8 4.6a7.6 7.6 0 0 1 0 10.8',
  quiet: 'M3 7.5h3l4-3.5v12l-4-3.5H3zM12.5 7.5l5 5M17.5 7.5l-5 5',
  light:
    'M10 6.5a3.5 3.5 0 1 1 0 7a3.5 3.5 0 1 1 0-7zM10 1.5v2M10 16.5v2M1.5 10h2M16.5 10h2M4 4l1.4 1.4M14.6 14.6L16 16M4 16l1.4-1.4M14.6 5.4L16 4',
  dark: 'M16.5 12.5A7 7 0 0 1 7.5 3.5a7 7 0 1 0 9 9z',
  user: 'M10 3a3.5 3.5 0 1 1 0 7a3.5 3.5 0 1 1 0-7zM3 17.5c0-3.5 3-5.5 7-5.5s7 2 7 5.5',
  close: 'M5 5l10 10M15 5L5 15',
  back: 'M12.5 4L6.5 10l6 6',
  forward: 'M7.5 4l6 6-6 6',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 20 }: { readonly name: IconName; readonly size?: number }) {
  return (
    <svg class="icon" width={`${size / 16}rem`} height={`${size / 16}rem`} viewBox="0 0 20 20" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
