/** Files below one directory, and nothing above it. */

import { type FileHandle, open, realpath } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';

const TYPES: ReadonlyMap<string, string> = new Map([
  ['.html', 'text/html; charset=utf-8'],
  ['.txt', 'text/plain; charset=utf-8'],
  ['.md', 'text/plain; charset=utf-8'],
  ['.css', 'text/css; charset=utf-8'],
  ['.js', 'text/javascript; charset=utf-8'],
  ['.json', 'application/json'],
  ['.svg', 'image/svg+xml'],
  ['.png', 'image/png'],
  ['.jpg', 'image/jpeg'],
]);

/**
 * The real path of `path` (percent-encoded, from a URL) below `root`; null when there is none, or
 * when it leaves `root` by `..`, by an encoded slash or by a symbolic link.
 */
export async function resolveBelow(root: string, path: string): Promise<string | null> {
  try {
    const decoded = decodeURIComponent(path);
    const parts = decoded.split('/');
    if (decoded.includes('\0') || decoded.includes('\\') || parts.includes('..')) return null;
    const base = await realpath(root);
    const real = await realpath(join(base, ...parts));
    return real === base || real.startsWith(base.endsWith(sep) ? base : base + sep) ? real : null;
  } catch {
    return null;
  }
}

/** False when there is no such file; then nothing was written. A directory serves its index.html. */
export async function serveFile(
  root: string,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<boolean> {
  const name = await resolveBelow(root, path);
  if (name === null) return false;
  const file = await openFile(name);
  if (file === null) return path.endsWith('/') && serveFile(root, `${path}index.html`, request, response);
  try {
    response.setHeader('Content-Type', TYPES.get(extname(name).toLowerCase()) ?? 'application/octet-stream');
    response.setHeader('X-Content-Type-Options', 'nosniff');
    const { size } = await file.stat();
    response.setHeader('Content-Length', size);
    if (request.method === 'HEAD' || size === 0) response.end();
    else await pipeline(file.createReadStream({ start: 0, end: size - 1, autoClose: false }), response);
  } finally {
    await file.close();
  }
  return true;
}

/** Only a regular file: a FIFO would block, a device may never end. */
async function openFile(name: string): Promise<FileHandle | null> {
  const { O_RDONLY, O_NONBLOCK } = (await import('node:fs')).constants;
  const file = await open(name, O_RDONLY | O_NONBLOCK).catch(() => null);
  if (file === null) return null;
  if ((await file.stat()).isFile()) return file;
  await file.close();
  return null;
}
