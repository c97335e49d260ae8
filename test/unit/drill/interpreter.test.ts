/** What a line of a script demands of the stack, and how it is told that it did otherwise. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { failureText } from '../../../src/drill/failure.ts';
import { runScript } from '../../../src/drill/interpreter.ts';
import { parseScript } from '../../../src/drill/parser.ts';

const LISTEN = `0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 5) = 0
`;
const ACCEPTED = `${LISTEN}+.1 < S 0:0(0) win 65535 <mss 1000>
+0 > S. 0:0(0) ack 1 <mss 1460>
+.1 < . 1:1(0) ack 1 win 65535
+0 accept(3, ..., ...) = 4
`;

/** The report of `script`, or null when it passes. */
function report(script: string): string | null {
  const { failure } = runScript(parseScript(script, 'a.pkt'));
  return failure === null ? null : failureText('a.pkt', failure);
}

function passes(script: string): void {
  assert.equal(report(script), null);
}

function fails(script: string, ...expected: (string | RegExp)[]): void {
  const text = report(script) ?? 'it passed';
  for (const part of expected) {
    if (typeof part === 'string') assert.ok(text.includes(part), text);
    else assert.match(text, part);
  }
}

describe('times', () => {
  const written = `${ACCEPTED}+0 write(4, ..., 100) = 100\n`;

  test('a packet may be off by the tolerance, and no more', () => {
    passes(`${written}+.004 > P. 1:101(100) ack 1`);
    fails(`${written}+.005 > P. 1:101(100) ack 1`, 'timing error', '0.205000 sec', '0.200000 sec');
    passes(`--tolerance_usecs=5000\n${written}+.005 > P. 1:101(100) ack 1`);
    fails(`--tolerance_usecs=0\n${written}+.000001 > P. 1:101(100) ack 1`, 'timing error');
  });

  test('ranges, absolute and relative, with the tolerance at both ends', () => {
    passes(`${written}+0~+.1 > P. 1:101(100) ack 1`);
    passes(`${written}0.1~0.3 > P. 1:101(100) ack 1`);
    passes(`${written}+.004~+.1 > P. 1:101(100) ack 1`);
    fails(`${written}+.01~+.1 > P. 1:101(100) ack 1`, '0.210000~0.300000 sec');
  });

  test('after * and ranges relative times count from what happened, after others from the script', () => {
    const twice = `${written}* > P. 1:101(100) ack 1\n* > P. 1:101(100) ack 1\n`;
    const { time } = runScript(parseScript(`${twice}+1 close(4) = 0`, 'a'));
    const sent = runScript(parseScript(twice, 'a')).time;
    assert.equal(time, sent + 1_000_000);
    passes(`${written}+.004 > P. 1:101(100) ack 1\n+.096 < . 1:1(0) ack 101 win 65535\n0.3 close(4) = 0`);
  });

  test('an event whose time is over is an error', () => {
    fails(`${ACCEPTED}0.1 close(4) = 0`, 'a.pkt:8: timing error: this should happen at 0.100000 sec');
  });

  test('a packet that never comes is told, with its line', () => {
    fails(
      `${ACCEPTED}+0 > . 1:1(0) ack 1`,
      'a.pkt:8: expected a packet that never came: . 1:1(0) ack 1 win *',
    );
  });

  test('what comes after the last line is nobody’s', () => passes(written));
});

describe('packets', () => {
  const data = `${ACCEPTED}+0 write(4, ..., 2500) = 2500\n`;

  test('a line takes together what is sent together, and only that', () => {
    passes(`${data}+0 > P. 1:2501(2500) ack 1`);
    passes(`${data}+0 > . 1:2001(2000) ack 1\n+0 > P. 2001:2501(500) ack 1`);
    fails(`${data}+0 > . 1:2501(2500) ack 1`, 'differs in flags');
    fails(`${data}+0 > P. 1:3501(3500) ack 1`, 'differs in sequence numbers', '1:2501(2500)');
  });

  test('every field that differs is marked', () => {
    assert.equal(
      report(`${ACCEPTED}+0 write(4, ..., 10) = 10\n+0 > . 1:11(10) ack 2 win 9 <nop,nop,TS val 1 ecr 2>`),
      [
        'a.pkt:9: the packet that was sent differs in flags, ack, win and options',
        'script packet: 0.200000 > .  1:11(10) ack 2 win 9     <nop, nop, TS val 1 ecr 2>',
        'actual packet: 0.200000 > P. 1:11(10) ack 1 win 65535',
        '                          ^^          ^^^^^ ^^^^^^^^^ ^^^^^ ^^^^ ^^^^^^^^^^^^^^^',
      ].join('\n'),
    );
  });

  test('a time to live and an ECN field that are named are checked', () => {
    passes(`${ACCEPTED}+0 write(4, ..., 10) = 10\n+0 > [noecn, ttl 64] P. 1:11(10) ack 1`);
    fails(
      `${ACCEPTED}+0 write(4, ..., 10) = 10\n+0 > [ect0, ttl 63] P. 1:11(10) ack 1`,
      'differs in ecn and ttl',
    );
  });

  test('a segment of another connection is none of the script’s', () => {
    const two = `${LISTEN}+.1 < 40001 > 8080 S 0:0(0) win 65535 <mss 1000>
+0 > 8080 > 40001 S. 0:0(0) ack 1 <mss 1460>
+.1 < 40002 > 8080 S 0:0(0) win 65535 <mss 1000>
`;
    passes(`${two}+0 > 8080 > 40002 S. 0:0(0) ack 1 <mss 1460>`);
    passes(`${two}+0 > S. 0:0(0) ack 1 <mss 1460>`);
    fails(`${two}+0 > 8080 > 40001 S. 0:0(0) ack 1 <mss 1460>`, 'differs in ports');
  });

  test('timestamps are names: the same name is the same value', () => {
    const open = `${LISTEN}+.1 < S 0:0(0) win 65535 <mss 1000,nop,nop,TS val 7 ecr 0>
+0 > S. 0:0(0) ack 1 <mss 1460,nop,nop,TS val 1000 ecr 7>
`;
    // PAWS would drop it, and RTTM see a negative time, if the echo were not ours.
    passes(`${open}+.1 < . 1:1(0) ack 1 win 65535 <nop,nop,TS val 8 ecr 1000>
+0 accept(3, ..., ...) = 4
+0 %{ assert tcpi_rtt == 100000, tcpi_rtt }%
+0 write(4, ..., 10) = 10
+0 > P. 1:11(10) ack 1 <nop,nop,TS val 5 ecr 8>`);
    fails(
      `${open}+.1 < . 1:1(0) ack 1 win 65535 <nop,nop,TS val 8 ecr 1000>
+0 accept(3, ..., ...) = 4
+0 write(4, ..., 10) = 10
+0 > P. 1:11(10) ack 1 <nop,nop,TS val 5 ecr 9>`,
      'differs in option TS',
      'TS val 5 ecr 8',
    );
  });

  test('a new SYN of the peer begins a new numbering of ours; the same SYN again does not', () => {
    const again = `${ACCEPTED}+0 close(3) = 0\n+0 close(4) = 0\n+0 > F. 1:1(0) ack 1
+.1 < R. 1:1(0) ack 2 win 0
+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0
+0 bind(3, ..., ...) = 0
+0 listen(3, 5) = 0
`;
    passes(`${again}+.1 < 53000 > 8080 S 900:900(0) win 65535 <mss 1000>
+0 > 8080 > 53000 S. 0:0(0) ack 901 <mss 1460>
+.5 < 53000 > 8080 S 900:900(0) win 65535 <mss 1000>
+0 > 8080 > 53000 S. 0:0(0) ack 901 <mss 1460>`);
  });

  test('an ICMP message that does not come is told as what it is', () => {
    fails(
      `${ACCEPTED}+0 write(4, ..., 10) = 10\n+0 > icmp unreachable port_unreachable`,
      'differs in protocol',
    );
  });
});

describe('system calls', () => {
  test('the script’s descriptors are its own names', () => {
    passes(`0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 77
+0 bind(77, ..., ...) = 0
+0 close(77) = 0
+0 close(78) = -1 EBADF (Bad file descriptor)`);
  });

  test('another result, another error, another value', () => {
    fails(`${ACCEPTED}+0 write(4, ..., 10) = 11`, 'a.pkt:8: write returned 10, not 11');
    fails(`${ACCEPTED}+0 close(9) = 0`, 'close returned -1 EBADF, not 0');
    fails(`${ACCEPTED}+0 close(9) = -1 EINVAL`, 'close returned -1 EBADF, not -1 EINVAL');
    fails(
      `${ACCEPTED}+0 getsockopt(4, SOL_TCP, TCP_MAXSEG, [999], [4]) = 0`,
      'getsockopt gave 1000, not 999',
    );
    fails(`${ACCEPTED}+0 ioctl(4, SIOCINQ, [1]) = 0`, 'ioctl gave 0, not 1');
    fails(
      `${ACCEPTED}+0 poll([{fd=4, events=POLLOUT, revents=POLLIN}], 1, 0) = 1`,
      'poll gave revents=0x4 in entry 0, not 0x1',
    );
  });

  test('a call that would wait needs the time of its end', () => {
    fails(`${ACCEPTED}+0 read(4, ..., 10) = 10`, 'read waits, and the script has no time for its end');
    fails(
      `${ACCEPTED}+0...1 read(4, ..., 10) = 10`,
      'a.pkt:8: read should return at 1.200000 sec and never did',
    );
  });

  test('a call that waits fails at its own line, also when a later line is reached first', () => {
    fails(
      `${ACCEPTED}+0...0.1 read(4, ..., 10) = 11\n+.1 < P. 1:11(10) ack 1 win 65535\n+1 close(4) = 0`,
      'a.pkt:8: read returned 10, not 11',
    );
  });

  test('the next call waits for the one before, and is late then', () => {
    fails(
      `${ACCEPTED}+0...0.2 read(4, ..., 10) = 10
+.1 read(4, ..., 10) = 10
+.1 < P. 1:11(10) ack 1 win 65535`,
      'a.pkt:8: read should return at 0.400000 sec and never did',
    );
  });

  test('code needs a connection with a descriptor', () => {
    fails(`${LISTEN}+0 %{ assert tcpi_rto }%`, 'the connection has no descriptor yet');
  });
});

test('a failure is told with the line of its event, after comments and options', () => {
  fails(`// head\n--mtu=1500\n${ACCEPTED}\n\n+0 close(9) = 0`, 'a.pkt:12:');
});
