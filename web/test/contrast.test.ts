import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

const css = readFileSync(new URL('../../../src/style/tokens.css', import.meta.url), 'utf8');

function tokens(selector: string): Map<string, string> {
  const start = css.indexOf(`${selector} {`);
  const block = css.slice(start, css.indexOf('}', start));
  return new Map([...block.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})/g)].map((m) => [m[1] ?? '', m[2] ?? '']));
}

function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((i) => {
    const c = Number.parseInt(hex.slice(i, i + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [light = 0, dark = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x);
  return (light + 0.05) / (dark + 0.05);
}

const GROUNDS = ['bg', 'panel', 'raised', 'head', 'field', 'select', 'warn'];
/** What is drawn, and on what; lines and symbols. */
const SYMBOLS: readonly (readonly [string, readonly string[]])[] = [
  ['p-outline', ['bg', 'panel', 'head', 'raised', 'select']],
  ['symbol-line', ['panel', 'bg']],
  ['line-strong', ['panel', 'bg']],
  ['focus', ['bg', 'panel', 'head']],
  ['fill', ['panel', 'vessel', 'normal']],
  ['fill-top', ['vessel', 'normal']],
  ['hatch', ['panel', 'vessel']],
  ['warn-line', ['warn']],
  ...[1, 2, 3, 4, 5, 6, 7, 8].map((i) => [`pen-${i}`, ['panel']] as const),
];

for (const [theme, selector] of [
  ['light', ':root'],
  ['dark', ':root[data-theme="dark"]'],
] as const) {
  const color = (name: string): string => {
    const value = tokens(selector).get(name);
    assert.ok(value !== undefined, `--${name} is missing in the ${theme} theme`);
    return value;
  };
  const check = (a: string, b: string, least: number) => {
    const is = contrast(color(a), color(b));
    assert.ok(is >= least, `${theme}: --${a} on --${b} is ${is.toFixed(2)}, must be ${least}`);
  };

  test(`texts have a contrast of 7:1 on every ground of the ${theme} theme`, () => {
    for (const ground of GROUNDS) for (const text of ['text', 'text-2']) check(text, ground, 7);
    check('accent-text', 'accent', 7);
    check('panel', 'text', 7);
  });

  test(`symbols and lines have a contrast of 3:1 in the ${theme} theme`, () => {
    for (const [symbol, grounds] of SYMBOLS) for (const ground of grounds) check(symbol, ground, 3);
  });

  test(`running and stopped differ by 3:1 in the ${theme} theme, and numbers stand out on their symbols`, () => {
    check('run', 'stop', 3);
    for (const p of [1, 2, 3, 4]) check(`p${p}-number`, `p${p}`, 4);
  });
}
