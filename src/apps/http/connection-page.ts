/** The front page: the connection that carries it, seen from inside the stack. */

import type { ServiceConnection, ServiceStack } from '../service.ts';

interface Ends {
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

/** Always the same, bytes: load generators take a page whose length changes for a broken one. */
const PAGE_LENGTH = 1600;

const OTHER_PATHS = `
Other pages
  /big?kb=N      N KiB of data
  /close         the server closes first
  /slow          a line every half second
  /chunked       a body without a length
  PUT /upload    answers the SHA-256 of what you send
`;

/** As HTML for browsers, as plain text for curl. */
export function connectionPage(ends: Ends, stack: ServiceStack | null, html: boolean): string {
  const text = connectionText(ends, stack);
  if (!html) return text;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>This connection</title>
<style>body{font:16px/1.5 ui-monospace,monospace;margin:2rem;color-scheme:light dark}</style></head>
<body><pre>${escapeHtml(text)}</pre></body></html>
`;
}

function connectionText(ends: Ends, stack: ServiceStack | null): string {
  const local = endpoint(ends.localAddress, ends.localPort);
  const peer = endpoint(ends.remoteAddress, ends.remotePort);
  const found = stack?.connectionBetween(local, peer) ?? undefined;
  const rows: [string, string][] = [
    ['from', peer],
    ['to', local],
    ...(found === undefined ? [] : details(found)),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  const table = rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`).join('\n');
  const page = `This connection, seen from inside the stack\n\n${table}\n${OTHER_PATHS}`;
  return `${page}${' '.repeat(Math.max(0, PAGE_LENGTH - 1 - Buffer.byteLength(page)))}\n`;
}

/** Node's net listens on IPv6 too and maps IPv4 addresses into it. */
function endpoint(address: string | undefined, port: number | undefined): string {
  return `${String(address).replace(/^::ffff:/, '')}:${port}`;
}

type Numbers = Readonly<Record<string, unknown>> | null | undefined;

function details(found: ServiceConnection): [string, string][] {
  const { snd, rcv, rtt, options } = found as unknown as Record<'snd' | 'rcv' | 'rtt' | 'options', Numbers>;
  const path = found['path'];
  const rows: [string, string | null][] = [
    ['connection', `${String(found['id'])}, the ${ordinal(Number(found['inc']))} of these two ends`],
    ['state', found.state],
    ['so far', Array.isArray(path) ? path.join(' → ') : null],
    [
      'sending',
      sentence(snd, ['una', 'nxt', 'wnd', 'cwnd', 'ssthresh', 'inFlight', 'unsent', 'retransmits']),
    ],
    ['receiving', sentence(rcv, ['nxt', 'wnd', 'buffered'])],
    ['round trip', sentence(rtt, ['srttMs', 'rttvarMs', 'minMs', 'rtoMs'])],
    ['options', sentence(options, ['mss', 'wscale', 'sack', 'timestamps', 'ecn'])],
    ['timers', timers(found['timers'])],
  ];
  return rows.filter((row): row is [string, string] => row[1] !== null);
}

function sentence(numbers: Numbers, names: readonly string[]): string | null {
  if (numbers === null || numbers === undefined) return null;
  return names
    .filter((name) => numbers[name] !== undefined && numbers[name] !== null)
    .map((name) => `${name} ${String(numbers[name])}`)
    .join(', ');
}

function timers(list: unknown): string {
  if (!Array.isArray(list) || list.length === 0) return 'none is armed';
  return (list as { name: string; remainingMs: number }[])
    .map(({ name, remainingMs }) => `${name} in ${Math.round(remainingMs)} ms`)
    .join(', ');
}

function ordinal(n: number): string {
  return n === 1 ? 'first' : `${n}.`;
}

function escapeHtml(text: string): string {
  const entities: Record<string, string> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replace(/[&<>"']/g, (character) => entities[character] as string);
}
