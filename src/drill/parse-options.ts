/** TCP options between `<` and `>`: `mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7`. */

import { optionLength } from './option-length.ts';
import type { Scanner } from './scanner.ts';
import type { Direction, TcpOption } from './script.ts';

const ELLIPSIS_END = /\.\.\.\s*>/y;
const CLOSE = />/y;
const COMMA = /,/y;
const NUMBER = /\d+/y;
const WILDCARD = /\*|\.\.\./y;
const PLAIN = /(nop|eol|sackOK)\b/y;
const VALUE = /(mss|wscale)\b/y;
const SACK = /sack\b/y;
const BLOCK = /(\d+):(\d+)/y;
const TIMESTAMPS = /TS\b/y;
const VAL = /val\b/y;
const ECR = /ecr\b/y;
const FAST_OPEN = /(FOEXP|FO)\b/y;
const HEX = /(?:0x)?((?:[0-9a-fA-F]{2})+)\b/y;
const OTHER = /(\d+)\s*\(\s*(\d+)\s*\)/y;
const EQUALS = /=/y;
const MAX_OPTIONS_LENGTH = 40;

/** After `<`; takes the `>` too. Null for `<...>`. */
export function parseOptions(scanner: Scanner, direction: Direction): TcpOption[] | null {
  const offset = scanner.offset;
  if (scanner.take(ELLIPSIS_END) !== null) {
    if (direction === 'out') return null;
    scanner.fail('<...> stands only in packets that go out', offset);
  }
  const options: TcpOption[] = [];
  if (scanner.take(CLOSE) !== null) return options;
  do options.push(option(scanner, direction));
  while (scanner.take(COMMA) !== null);
  scanner.expect(CLOSE, '"," or ">" after an option');
  const length = options.reduce((sum, each) => sum + optionLength(each), 0);
  if (length % 4 !== 0) {
    scanner.fail(
      `the options have ${length} bytes, no multiple of 4: add ${4 - (length % 4)} nop or eol`,
      offset,
    );
  }
  if (length > MAX_OPTIONS_LENGTH) {
    scanner.fail(`the options have ${length} bytes: a TCP header has room for ${MAX_OPTIONS_LENGTH}`, offset);
  }
  return options;
}

function option(scanner: Scanner, direction: Direction): TcpOption {
  const plain = scanner.take(PLAIN)?.[1];
  if (plain !== undefined) return { kind: plain as 'nop' | 'eol' | 'sackOK' };
  const named = scanner.take(VALUE)?.[1] as 'mss' | 'wscale' | undefined;
  if (named !== undefined) {
    return { kind: named, value: numberOrAny(scanner, direction, named, named === 'mss' ? 0xffff : 0xff) };
  }
  if (scanner.take(SACK) !== null) return { kind: 'sack', blocks: blocks(scanner) };
  if (scanner.take(TIMESTAMPS) !== null) return timestamps(scanner, direction);
  const fastOpen = scanner.take(FAST_OPEN)?.[1] as 'FO' | 'FOEXP' | undefined;
  if (fastOpen !== undefined) return { kind: fastOpen, cookie: cookie(scanner, direction) };
  return other(scanner);
}

function numberOrAny(scanner: Scanner, direction: Direction, name: string, most: number): number | null {
  if (direction === 'out' && scanner.take(WILDCARD) !== null) return null;
  const value = Number(scanner.expect(NUMBER, `a number after ${name}`)[0]);
  return value <= most ? value : scanner.fail(`${name} is at most ${most}`);
}

function blocks(scanner: Scanner): [number, number][] {
  const found: [number, number][] = [];
  for (
    let match = scanner.expect(BLOCK, 'a block such as 1001:2001 after sack') as RegExpExecArray | null;
    match !== null;
  ) {
    found.push([Number(match[1]) >>> 0, Number(match[2]) >>> 0]);
    match = scanner.take(BLOCK);
  }
  return found;
}

function timestamps(scanner: Scanner, direction: Direction): TcpOption {
  scanner.expect(VAL, '"val" after TS');
  const val = numberOrAny(scanner, direction, 'val', 0xffff_ffff);
  scanner.expect(ECR, '"ecr" after TS val');
  return { kind: 'TS', val, ecr: numberOrAny(scanner, direction, 'ecr', 0xffff_ffff) };
}

function cookie(scanner: Scanner, direction: Direction): string | null {
  if (direction === 'out' && scanner.take(WILDCARD) !== null) return null;
  return scanner.take(HEX)?.[1]?.toLowerCase() ?? '';
}

/** `253(4) = 0xf989`: kind, the length byte as it is written, and the bytes that follow it. */
function other(scanner: Scanner): TcpOption {
  const offset = scanner.offset;
  const match = scanner.expect(
    OTHER,
    'an option: mss, wscale, sackOK, sack, TS, nop, eol, FO, FOEXP or kind(length)',
  );
  const [code, length] = [Number(match[1]), Number(match[2])];
  if (code > 255 || length > 255) scanner.fail('kind and length are bytes', offset);
  const written = scanner.take(EQUALS) === null ? null : scanner.expect(HEX, 'bytes in hexadecimal')[1];
  const data = written?.toLowerCase() ?? '00'.repeat(Math.max(0, Math.min(length, MAX_OPTIONS_LENGTH) - 2));
  return { kind: 'other', code, length, data };
}
