/** The charts as one PNG picture, with what they show: title, time, pens. */
import { formatDateTime } from '../../model/format.ts';
import { DASHES, readPalette } from './chart-draw.ts';

export interface PictureLine {
  readonly text: string;
  /** Of the pen, from 0; null for words alone. */
  readonly place: number | null;
}

export interface PicturePane {
  readonly canvas: HTMLCanvasElement;
  readonly lines: readonly PictureLine[];
}

const EDGE = 16;
const TITLE = 34;
const LINE = 20;

function heightOf(panes: readonly PicturePane[], px: number): number {
  const each = panes.map(({ canvas, lines }) => canvas.height / px + lines.length * LINE + EDGE);
  return 2 * EDGE + TITLE + LINE + each.reduce((sum, height) => sum + height, 0);
}

/** Of what is taken away, by the right edge of the view (in seconds); its kind comes behind it. */
export const fileName = (to: number): string => `trend-${formatDateTime(to * 1000).replace(/[: ]/g, '-')}`;

/** In the colours that are on the screen. `time`: of what, in words. */
export function drawPicture(title: string, time: string, panes: readonly PicturePane[]): HTMLCanvasElement {
  const px = devicePixelRatio;
  const palette = readPalette();
  const family = palette.font.slice(palette.font.indexOf(' ') + 1);
  const whole = document.createElement('canvas');
  whole.width = Math.max(...panes.map(({ canvas }) => canvas.width)) + 2 * EDGE * px;
  whole.height = heightOf(panes, px) * px;
  const ctx = whole.getContext('2d');
  if (ctx === null) return whole;
  ctx.scale(px, px);
  ctx.fillStyle = palette.paper;
  ctx.fillRect(0, 0, whole.width, whole.height);
  ctx.fillStyle = palette.text;
  ctx.textBaseline = 'top';
  ctx.font = `600 18px ${family}`;
  ctx.fillText(title, EDGE, EDGE);
  ctx.font = `13px ${family}`;
  ctx.fillText(time, EDGE, EDGE + TITLE - 8);
  let y = EDGE + TITLE + LINE;
  for (const { canvas, lines } of panes) {
    ctx.drawImage(canvas, EDGE, y, canvas.width / px, canvas.height / px);
    y += canvas.height / px;
    for (const { text, place } of lines) {
      if (place !== null) {
        ctx.strokeStyle = palette.pens[place] ?? palette.text;
        ctx.lineWidth = 3;
        ctx.setLineDash([...(DASHES[place] ?? [])]);
        ctx.beginPath();
        ctx.moveTo(EDGE + 8, y + LINE / 2);
        ctx.lineTo(EDGE + 36, y + LINE / 2);
        ctx.stroke();
      }
      ctx.fillStyle = palette.text;
      ctx.fillText(text, EDGE + 44, y + 3);
      y += LINE;
    }
    y += EDGE;
  }
  return whole;
}

/** Offered to the person as a file. False: it could not be made. */
export async function savePicture(canvas: HTMLCanvasElement, name: string): Promise<boolean> {
  const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, 'image/png'));
  if (blob === null) return false;
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
  return true;
}
