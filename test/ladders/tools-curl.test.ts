/** curl at the kernel's end and Python's HTTP server there, and who closes first. */

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import type { Connected } from '../support/ladder/ends.ts';
import { HANDSHAKE, NO_TIMESTAMPS } from '../support/ladder/moves.ts';
import { ladder, type Scene } from '../support/ladder/scene.ts';
import { eventually, type Program, STACK } from '../support/running-stack.ts';

const PORT = 80;
/** Four segments with the header, the last one not full. */
const LONG = 5820;

const FOR_CURL = { ...NO_TIMESTAMPS, roles: ['kernel'], programs: ['curl'] } as const;
const FOR_PYTHON = { ...NO_TIMESTAMPS, roles: ['stack'] } as const;

const PYTHON_SERVER = `
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = sys.argv[1]
    def do_GET(self):
        body = b'x' * int(sys.argv[2])
        self.send_response_only(200)
        self.send_header('Content-Length', str(len(body)))
        if sys.argv[3] == 'close':
            self.send_header('Connection', 'close')
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words):
        pass
http.server.HTTPServer(('10.9.0.1', ${PORT}), Handler).serve_forever()
`;

interface Request {
  readonly curl: Program;
  readonly server: Connected;
  /** Where the stream of curl stands behind its request. */
  readonly next: number;
}

/** curl has asked our server. */
async function asked(scene: Scene): Promise<Request> {
  const listening = await scene.B.listen(PORT);
  const curl = scene.namespace.start('curl', '-s', `http://${STACK}/`);
  const server = await listening.accept();
  const request = await server.receive();
  assert.match(request, /^GET \/ HTTP\/1.1\r\n[\s\S]*\r\n\r\n$/);
  return { curl, server, next: request.length + 1 };
}

interface Answer {
  readonly client: Connected;
  readonly text: string;
  readonly next: number;
}

/** Our client has the answer of Python's server. */
async function answered(scene: Scene, version: string, length: number, how: string): Promise<Answer> {
  const python = scene.namespace.start('python3', '-c', PYTHON_SERVER, version, `${length}`, how);
  await eventually(
    async () => (await scene.namespace.run('ss', ['-ltnH'])).stdout.toString().includes(`:${PORT} `),
    () => `the server listens: ${python.stderr}`,
  );
  const client = await scene.A.connect(PORT);
  const request = 'GET / HTTP/1.1\r\n\r\n';
  await client.send(request);
  let text = '';
  while (!text.endsWith('x'.repeat(length))) text += await client.receive();
  return { client, text, next: request.length + 1 };
}

describe('HTTP', () => {
  ladder(
    'B32 [ladder 34]: HTTP/1.0: the last data carries the FIN; three waves',
    { ...FOR_CURL, delay: 30, config: { 'lab.finWithData': 'on' } },
    async (scene) => {
      const { curl, server, next } = await asked(scene);
      const header = 'HTTP/1.0 200 OK\r\n\r\n';
      await server.send(`${header}${'x'.repeat(LONG)}`);
      await server.close();
      const { code, stdout } = await curl.end(5000);
      assert.deepEqual([code, stdout.length], [0, LONG]);
      const end = header.length + LONG + 1;
      await scene.expect(`
        ${HANDSHAKE}
        A>B ACK,PSH 1:${next} ack 1
        ? B>A ACK 1 ack ${next}
        B>A ACK 1:1461 ack ${next}
        B>A ACK 1461:2921 ack ${next}
        B>A ACK 2921:4381 ack ${next}
        B>A FIN,ACK,PSH 4381:${end} ack ${next}
        ? A>B ACK ${next} ack 1461
        ? A>B ACK ${next} ack 2921
        ? A>B ACK ${next} ack 4381
        ? A>B ACK ${next} ack ${end + 1}
        A>B FIN,ACK ${next} ack ${end + 1}
        B>A ACK ${end + 1} ack ${next + 1}`);
      await scene.states('CLOSED', 'TIME-WAIT');
    },
  );

  ladder(
    'B32 [ladder 34]: HTTP/1.0 from Python: the last data carries the FIN; three waves',
    { ...FOR_PYTHON, delay: 30 },
    async (scene) => {
      const { client, text, next } = await answered(scene, 'HTTP/1.0', LONG, 'by itself');
      const header = text.length - LONG + 1;
      assert.equal(await client.receive(), '');
      await client.close();
      const end = header + LONG;
      await scene.expect(`
        ${HANDSHAKE}
        A>B ACK,PSH 1:${next} ack 1
        B>A ACK 1 ack ${next}
        B>A ACK,PSH 1:${header} ack ${next}
        B>A ACK ${header}:${header + 1460} ack ${next}
        B>A ACK ${header + 1460}:${header + 2920} ack ${next}
        B>A ACK ${header + 2920}:${header + 4380} ack ${next}
        B>A FIN,ACK,PSH ${header + 4380}:${end} ack ${next}
        ? A>B ACK ${next} ack ${header}
        ? A>B ACK ${next} ack ${header + 1460}
        ? A>B ACK ${next} ack ${header + 2920}
        ? A>B ACK ${next} ack ${header + 4380}
        ? A>B ACK ${next} ack ${end + 1}
        A>B FIN,ACK ${next} ack ${end + 1}
        B>A ACK ${end + 1} ack ${next + 1}`);
      await scene.states('CLOSED', 'TIME-WAIT');
    },
  );

  ladder(
    'B13 B31 B48 [ladder curl, keep-alive]: curl closes first and has TIME-WAIT',
    FOR_CURL,
    async (scene) => {
      const { curl, server, next } = await asked(scene);
      const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello\n';
      await server.send(answer);
      assert.equal(await server.receive(), '');
      await server.close();
      assert.deepEqual([(await curl.end(5000)).code, curl.text], [0, 'hello\n']);
      const end = answer.length + 1;
      await scene.expect(`
      ${HANDSHAKE}
      A>B ACK,PSH 1:${next} ack 1
      ? B>A ACK 1 ack ${next}
      B>A ACK,PSH 1:${end} ack ${next}
      A>B ACK ${next} ack ${end}
      A>B FIN,ACK ${next} ack ${end}
      B>A FIN,ACK ${end} ack ${next + 1}
      A>B ACK ${next + 1} ack ${end + 1}`);
      await scene.states('TIME-WAIT', 'CLOSED');
    },
  );

  ladder(
    'B13 B31 [ladder curl, keep-alive]: so does our client, of a server that keeps open',
    FOR_PYTHON,
    async (scene) => {
      const { client, text, next } = await answered(scene, 'HTTP/1.1', 6, 'keep-alive');
      await client.close();
      const end = text.length + 1;
      const header = end - 6;
      await scene.expect(`
      ${HANDSHAKE}
      A>B ACK,PSH 1:${next} ack 1
      B>A ACK 1 ack ${next}
      B>A ACK,PSH 1:${header} ack ${next}
      ? A>B ACK ${next} ack ${header}
      B>A ACK,PSH ${header}:${end} ack ${next}
      ? A>B ACK ${next} ack ${end}
      A>B FIN,ACK ${next} ack ${end}
      ? B>A ACK ${end} ack ${next + 1}
      B>A FIN,ACK ${end} ack ${next + 1}
      A>B ACK ${next + 1} ack ${end + 1}`);
      await scene.states('TIME-WAIT', 'CLOSED');
    },
  );

  ladder(
    'B13 B14 [ladder curl, Connection: close]: the server closes first, or curl at the same time',
    FOR_CURL,
    async (scene) => {
      const { curl, server, next } = await asked(scene);
      const answer = 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 6\r\n\r\nhello\n';
      await server.send(answer);
      await server.close();
      assert.deepEqual([(await curl.end(5000)).code, curl.text], [0, 'hello\n']);
      const end = answer.length + 1;
      // Whether curl has our FIN when it closes is a race that both can win.
      const rungs = await scene.expect(`
      ${HANDSHAKE}
      A>B ACK,PSH 1:${next} ack 1
      ? B>A ACK 1 ack ${next}
      B>A ACK,PSH 1:${end} ack ${next}
      B>A FIN,ACK ${end} ack ${next}
      A>B ACK ${next} ack ${end}
      ? A>B ACK ${next} ack ${end + 1}
      ? A>B FIN,ACK ${next} ack ${end}
      ? A>B FIN,ACK ${next} ack ${end + 1}
      ? A>B ACK ${next + 1} ack ${end + 1}
      B>A ACK ${end + 1} ack ${next + 1}
      ? A>B ACK ${next + 1} ack ${end + 1}`);
      const fins = rungs.filter(({ from, flags }) => from === 'A' && flags.includes('FIN'));
      assert.equal(fins.length, 1);
      await scene.states(fins[0]?.ack === end ? 'TIME-WAIT' : 'CLOSED', 'TIME-WAIT');
    },
  );

  ladder(
    'B14 B33 [ladder curl, Connection: close]: their FINs cross: both ends are in TIME-WAIT',
    FOR_CURL,
    async (scene) => {
      const { curl, server, next } = await asked(scene);
      const answer = 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 6\r\n\r\nhello\n';
      const end = answer.length + 1;
      scene.hold(`B>A FIN,ACK ${end} ack ${next}`, 300);
      scene.hold(`A>B FIN,ACK ${next} ack ${end}`, 300);
      await server.send(answer);
      await server.close();
      assert.deepEqual([(await curl.end(5000)).code, curl.text], [0, 'hello\n']);
      await scene.states('TIME-WAIT', 'TIME-WAIT');
    },
  );
});
