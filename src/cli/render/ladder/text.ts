/** Words of events as cells of a known width. */

import { numeric, word } from '../../printable.ts';

/** Characters that take one column each; whatever else a log holds is spelled out. */
const OTHERS = /[^\x20-\x7e§→≤≥–…×°µ⇄]/gu;

/** Any value as text of as many columns as it has characters. */
export function plain(value: unknown): string {
  if (value === null || value === undefined) return '';
  return word(value).replace(OTHERS, (character) => `\\u${(character.codePointAt(0) ?? 0).toString(16)}`);
}

export function numberOf(value: unknown): number {
  const number = numeric(value);
  return Number.isFinite(number) ? number : 0;
}

/** `250ms`, `2s`, `1.5s`, `60s`. */
export function durationText(ms: number): string {
  if (ms < 999.5) return `${ms < 9.95 ? trim(ms.toFixed(1)) : Math.round(ms)}ms`;
  const seconds = ms / 1000;
  return seconds < 99.95 ? `${trim(seconds.toFixed(1))}s` : `${Math.round(seconds)}s`;
}

function trim(text: string): string {
  return text.endsWith('.0') ? text.slice(0, -2) : text;
}

/** At most `width` columns. */
export function fit(text: string, width: number, ellipsis: string): string {
  if (text.length <= width) return text;
  return text.slice(0, Math.max(0, width - ellipsis.length)) + ellipsis.slice(0, Math.max(0, width));
}

export function centred(text: string, width: number, fill = ' '): string {
  const before = Math.max(0, (width - text.length) >> 1);
  return (fill.repeat(before) + text).padEnd(width, fill);
}

/** Lines of at most `width` columns, broken between words where that is possible; at most `most`. */
export function wrapped(text: string, width: number, ellipsis: string, most = 4): string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > width && lines.length < most - 1) {
    const space = rest.lastIndexOf(' ', width);
    const cut = space > width / 2 ? space : width;
    lines.push(rest.slice(0, cut));
    rest = rest.slice(cut).trimStart();
  }
  lines.push(fit(rest, width, ellipsis));
  return lines;
}
