/** "Why is it on?": the subexpressions of a rule as lines with their values. */
import { formatNumber } from './format.ts';
import type { WhyPart } from './types.ts';

export interface WhyLine {
  readonly text: string;
  readonly depth: number;
  /** "true", "4.21 m"; what is not known is never shown as a number. */
  readonly value: string;
  readonly state: 'true' | 'false' | 'number' | 'unknown';
  readonly uncertain: boolean;
}

const DECIMALS = 3;

/** A number without the zeros that say nothing. */
const short = (value: number): string => formatNumber(value, DECIMALS).replace(/\.?0+$/, '');

export function whyLine(
  part: WhyPart,
  words: { readonly yes: string; readonly no: string; readonly unknown: string },
): WhyLine {
  const { text, depth, uncertain, value } = part;
  if (!part.known || value === null) return { text, depth, value: words.unknown, state: 'unknown', uncertain };
  if (part.type === 'bool' || typeof value === 'boolean') {
    const on = value === true || value === 1;
    return { text, depth, value: on ? words.yes : words.no, state: on ? 'true' : 'false', uncertain };
  }
  const number = Number.isInteger(value) ? String(value) : short(value);
  return { text, depth, value: part.unit === '' ? number : `${number} ${part.unit}`, state: 'number', uncertain };
}
