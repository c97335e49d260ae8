import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { http } from '../../../src/apps/http/http.ts';
import { resolveBelow } from '../../../src/apps/http/static-files.ts';
import type { NetService } from '../../../src/apps/net-service.ts';
import type { ServiceStack } from '../../../src/apps/service.ts';

const PATIENCE = { timeout: 20_000 };

async function start(
  t: TestContext,
  www: string | null = null,
  stack: ServiceStack | null = null,
): Promise<number> {
  const service = http({ port: 0, www }) as NetService;
  await service.start(stack, net);
  t.after(() => service.stop());
  return (service.address() as net.AddressInfo).port;
}

/** Sends `text`, half-closes, and returns all that comes back. */
async function raw(port: number, text: string): Promise<string> {
  const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.end(text);
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('latin1');
}

async function site(t: TestContext): Promise<string> {
  const top = await mkdtemp(join(tmpdir(), 'fourwave-www-'));
  t.after(() => rm(top, { recursive: true }));
  await mkdir(join(top, 'www', 'sub'), { recursive: true });
  await writeFile(join(top, 'secret.txt'), 'secret');
  await writeFile(join(top, 'www-other'), 'secret');
  await writeFile(join(top, 'www', 'a b.txt'), 'with a blank');
  await writeFile(join(top, 'www', 'empty.txt'), '');
  await writeFile(join(top, 'www', 'sub', 'index.html'), '<p>index</p>');
  await symlink(join(top, 'secret.txt'), join(top, 'www', 'link.txt'));
  await symlink('a b.txt', join(top, 'www', 'inside.txt'));
  return join(top, 'www');
}

test('a half-closed request is answered, also one that takes its time', PATIENCE, async (t) => {
  const port = await start(t);
  const page = await raw(port, 'GET / HTTP/1.0\r\n\r\n');
  assert.match(page, /^HTTP\/1\.1 200 OK\r\n/);
  assert.match(page, /from\s+127\.0\.0\.1:\d+/);
  assert.match(await raw(port, 'GET /chunked HTTP/1.1\r\nHost: s\r\n\r\n'), /third and last chunk/);
});

test('the front page shows the connection as the stack sees it', PATIENCE, async (t) => {
  const port = await start(t, null, {
    connectionBetween(local, peer) {
      assert.equal(local, `127.0.0.1:${port}`);
      assert.match(peer, /^127\.0\.0\.1:\d+$/);
      return {
        id: 'c7',
        inc: 1,
        local,
        peer,
        state: 'ESTABLISHED',
        path: ['LISTEN', '<ESTABLISHED>'],
        timers: [{ name: 'rto', remainingMs: 200.4 }],
        snd: { una: 1, nxt: 2, wnd: 3, cwnd: 14_600 },
        rcv: null,
        rtt: { srttMs: 0.4 },
        options: null,
      };
    },
  });
  const text = await (await fetch(`http://127.0.0.1:${port}/`)).text();
  assert.match(text, /connection\s+c7/);
  assert.match(text, /rto in 200 ms/);
  assert.match(text, /cwnd 14600/);
  const page = await fetch(`http://127.0.0.1:${port}/`, { headers: { accept: 'text/html' } });
  assert.match(page.headers.get('content-type') ?? '', /text\/html/);
  assert.match(await page.text(), /LISTEN → &lt;ESTABLISHED&gt;/);
});

test('/big is as long as asked, HEAD has no body, nonsense is refused', PATIENCE, async (t) => {
  const base = `http://127.0.0.1:${await start(t)}`;
  for (const kb of [0, 1, 64, 100]) {
    const response = await fetch(`${base}/big?kb=${kb}`);
    assert.equal(response.headers.get('content-length'), String(kb * 1024));
    assert.equal((await response.arrayBuffer()).byteLength, kb * 1024);
  }
  assert.equal((await fetch(`${base}/big`, { method: 'HEAD' })).headers.get('content-length'), '1024000');
  for (const kb of ['-1', '1e9', '99999999', 'x']) {
    assert.equal((await fetch(`${base}/big?kb=${kb}`)).status, 400, kb);
  }
});

test('/close has a length and closes first, although the client would go on', PATIENCE, async (t) => {
  const port = await start(t);
  const socket = net.connect(port, '127.0.0.1');
  socket.write('GET /close HTTP/1.1\r\nHost: s\r\n\r\n');
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  const [head, body] = Buffer.concat(chunks).toString().split('\r\n\r\n') as [string, string];
  assert.match(head, new RegExp(`^Content-Length: ${body.length}$`, 'm'));
  assert.match(head, /^Connection: close\r?$/m);
});

test('/slow takes its time and says its length', PATIENCE, async (t) => {
  const response = await fetch(`http://127.0.0.1:${await start(t)}/slow`);
  const text = await response.text();
  assert.equal(Number(response.headers.get('content-length')), text.length);
  assert.match(text, /line 10 of 10\n$/);
});

test('an upload is answered by its SHA-256 in lower case', PATIENCE, async (t) => {
  const port = await start(t);
  const body = Buffer.alloc(3_000_000, 'upload');
  const response = await fetch(`http://127.0.0.1:${port}/upload`, { method: 'PUT', body });
  assert.equal(await response.text(), createHash('sha256').update(body).digest('hex'));
  assert.equal((await fetch(`http://127.0.0.1:${port}/upload`)).status, 405);
  assert.equal((await fetch(`http://127.0.0.1:${port}/`, { method: 'DELETE' })).status, 405);
});

test('two requests use one connection', PATIENCE, async (t) => {
  const port = await start(t);
  const answers = await raw(
    port,
    'GET /big?kb=1 HTTP/1.1\r\nHost: s\r\n\r\nGET /none HTTP/1.1\r\nHost: s\r\n\r\n',
  );
  assert.deepEqual(answers.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 200', 'HTTP/1.1 404']);
});

test('what is no HTTP is refused', PATIENCE, async (t) => {
  assert.match(await raw(await start(t), 'nonsense\r\n\r\n'), /^HTTP\/1\.1 400 /);
});

test('static files are served, and only from below the directory', PATIENCE, async (t) => {
  const www = await site(t);
  const port = await start(t, www);
  const base = `http://127.0.0.1:${port}`;
  assert.equal(await (await fetch(`${base}/a%20b.txt`)).text(), 'with a blank');
  assert.equal(await (await fetch(`${base}/inside.txt`)).text(), 'with a blank');
  assert.equal(await (await fetch(`${base}/empty.txt`)).text(), '');
  assert.equal(await (await fetch(`${base}/sub/`)).text(), '<p>index</p>');
  for (const path of [
    '/../secret.txt',
    '/..%2fsecret.txt',
    '/%2e%2e/secret.txt',
    '/link.txt',
    '/sub/../../secret.txt',
    '/..%5csecret.txt',
    '/%00',
    '/%ff',
    '//etc/passwd',
    '/sub',
    '/none',
  ]) {
    const answer = await raw(port, `GET ${path} HTTP/1.1\r\nHost: s\r\nConnection: close\r\n\r\n`);
    assert.match(answer, /^HTTP\/1\.1 40[04] /, path);
    assert.doesNotMatch(answer, /secret\n?$/, path);
  }
});

test('no path leaves the directory', async (t) => {
  const www = await site(t);
  assert.equal(await resolveBelow(www, '/../www-other'), null);
  assert.equal(await resolveBelow(www, '/../www/sub'), null);
  assert.equal(await resolveBelow(www, '/link.txt'), null);
  assert.ok((await resolveBelow(www, '/./sub//index.html'))?.endsWith('/www/sub/index.html'));
});
