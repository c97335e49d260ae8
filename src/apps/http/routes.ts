/** What each path answers. */

import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceStack } from '../service.ts';
import { connectionPage } from './connection-page.ts';
import { serveFile } from './static-files.ts';

export interface HttpSite {
  readonly www: string | null;
  readonly stack: ServiceStack | null;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly site: HttpSite;
}
type Route = (exchange: Exchange) => Promise<void> | void;

const PLAIN = 'text/plain; charset=utf-8';
const KILOBYTE = 1024;
const LARGEST_KB = 4 * 1024 * 1024;
const DEFAULT_KB = 1000;
const SLOW_LINES = 10;
const SLOW_PAUSE = 500;

const READ_ROUTES: ReadonlyMap<string, Route> = new Map<string, Route>([
  ['/', front],
  ['/big', big],
  ['/close', close],
  ['/slow', slow],
  ['/chunked', chunked],
]);

/** Answers one request. Never rejects: a client that leaves is no error of ours. */
export async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  site: HttpSite,
): Promise<void> {
  try {
    const url = new URL(request.url ?? '/', 'http://stack');
    await routeOf(request.method ?? 'GET', url.pathname)({ request, response, url, site });
  } catch {
    if (response.headersSent) response.destroy();
    else refuse(response, 400, 'bad request');
  }
}

function routeOf(method: string, path: string): Route {
  if (path === '/upload') return method === 'PUT' || method === 'POST' ? upload : notAllowed;
  if (method !== 'GET' && method !== 'HEAD') return notAllowed;
  return READ_ROUTES.get(path) ?? file;
}

/** This connection, seen from inside the stack. */
function front({ request, response, site }: Exchange): void {
  const html = (request.headers.accept ?? '').includes('text/html');
  const body = connectionPage(request.socket, site.stack, html);
  response.setHeader('Cache-Control', 'no-store');
  // The page shows a client's own words nowhere and loads nothing.
  response.setHeader('Content-Security-Policy', "default-src 'none'; style-src 'unsafe-inline'");
  send(response, html ? 'text/html; charset=utf-8' : PLAIN, body);
}

/** `?kb=N`: N times 1,024 bytes of a repeating pattern. */
async function big({ request, response, url }: Exchange): Promise<void> {
  const text = url.searchParams.get('kb') ?? String(DEFAULT_KB);
  const kilobytes = /^\d{1,9}$/.test(text) ? Number(text) : -1;
  if (kilobytes < 0 || kilobytes > LARGEST_KB) {
    refuse(response, 400, `kb must be a whole number up to ${LARGEST_KB}`);
    return;
  }
  response.setHeader('Content-Type', 'application/octet-stream');
  response.setHeader('Content-Length', kilobytes * KILOBYTE);
  if (request.method === 'HEAD') response.end();
  else await pipeline(Readable.from(blocks(kilobytes), { objectMode: false }), response);
}

/** What `/big` sends over and over. */
const BLOCK_KB = 64;
const BLOCK = Uint8Array.from({ length: BLOCK_KB * KILOBYTE }, (_, index) => 0x21 + (index % 93));

function* blocks(kilobytes: number): Generator<Uint8Array> {
  for (let left = kilobytes; left > 0; left -= BLOCK_KB) {
    yield left >= BLOCK_KB ? BLOCK : BLOCK.subarray(0, left * KILOBYTE);
  }
}

/** A body of known length, then the server closes first: TIME-WAIT is ours. */
function close({ response }: Exchange): void {
  response.setHeader('Connection', 'close');
  send(response, PLAIN, 'The server closes first: look for TIME-WAIT on its side.\n');
}

/** A line every half second; the length is known from the start. */
async function slow({ request, response }: Exchange): Promise<void> {
  const lines = Array.from({ length: SLOW_LINES }, (_, index) => `line ${index + 1} of ${SLOW_LINES}\n`);
  response.setHeader('Content-Type', PLAIN);
  response.setHeader('Content-Length', lines.join('').length);
  await sendLines(request, response, lines);
}

/** The same without a length: chunked transfer coding. */
async function chunked({ request, response }: Exchange): Promise<void> {
  response.setHeader('Content-Type', PLAIN);
  await sendLines(request, response, ['first chunk\n', 'second chunk\n', 'third and last chunk\n']);
}

async function sendLines(request: IncomingMessage, response: ServerResponse, lines: string[]): Promise<void> {
  if (request.method !== 'HEAD') {
    for (const line of lines) {
      if (response.destroyed) return;
      response.write(line);
      await sleep(SLOW_PAUSE);
    }
  }
  response.end();
}

/** Answers the SHA-256 of the body in lower-case hexadecimal digits. */
async function upload({ request, response }: Exchange): Promise<void> {
  const hash = createHash('sha256');
  for await (const chunk of request) hash.update(chunk as Uint8Array);
  send(response, PLAIN, hash.digest('hex'));
}

async function file({ request, response, url, site }: Exchange): Promise<void> {
  const served = site.www !== null && (await serveFile(site.www, url.pathname, request, response));
  if (!served) refuse(response, 404, 'no such page');
}

function notAllowed({ request, response }: Exchange): void {
  request.resume();
  refuse(response, 405, 'method not allowed');
}

function refuse(response: ServerResponse, status: number, why: string): void {
  response.statusCode = status;
  send(response, PLAIN, `${why}\n`);
}

function send(response: ServerResponse, type: string, body: string): void {
  response.setHeader('Content-Type', type);
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Content-Length', Buffer.byteLength(body));
  response.end(body);
}
