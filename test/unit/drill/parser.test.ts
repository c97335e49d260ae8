/** The language of scripts: what is read as what, and how each mistake is told. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { scriptHead } from '../../../src/drill/head.ts';
import { parseScript } from '../../../src/drill/parser.ts';
import { ScriptError } from '../../../src/drill/scanner.ts';
import type { EventBody, EventTime, PacketLine, SystemCall, TcpLine } from '../../../src/drill/script.ts';

function bodyOf(line: string): EventBody {
  return parseScript(line, 'a.pkt').events[0]?.body as EventBody;
}

function packetOf(line: string): PacketLine {
  const body = bodyOf(line);
  assert.equal(body.kind, 'packet');
  return (body as { packet: PacketLine }).packet;
}

function callOf(line: string): SystemCall {
  const body = bodyOf(line);
  assert.equal(body.kind, 'call');
  return (body as { call: SystemCall }).call;
}

describe('times', () => {
  const times: [string, EventTime][] = [
    ['0', { kind: 'at', relative: false, start: 0 }],
    ['1.5', { kind: 'at', relative: false, start: 1_500_000 }],
    ['+.1', { kind: 'at', relative: true, start: 100_000 }],
    ['+0.000001', { kind: 'at', relative: true, start: 1 }],
    ['*', { kind: 'any' }],
    ['1.0~1.2', { kind: 'range', relative: false, start: 1_000_000, end: 1_200_000 }],
    ['+0~+.2', { kind: 'range', relative: true, start: 0, end: 200_000 }],
    ['+.1 ~ +.2', { kind: 'range', relative: true, start: 100_000, end: 200_000 }],
  ];
  for (const [text, time] of times) {
    test(`${text}`, () => assert.deepEqual(parseScript(`${text} close(3) = 0`, 'a').events[0]?.time, time));
  }

  test('START...END of a call, each from the same zero', () => {
    assert.equal(callOf('0.1...0.3 read(4, ..., 10) = 5').end, 300_000);
    assert.equal(callOf('+0...+.25 read(4, ..., 10) = 5').end, 250_000);
  });
});

describe('packets', () => {
  test('all parts of a TCP packet', () => {
    const line = packetOf(
      '0 > [ect0, ttl 64] FP.W 1:1001(1000) ack 7 win 229 urg 3 <nop,nop,TS val 100 ecr 200,nop,nop,sack 5:9 11:15>',
    );
    assert.deepEqual(line, {
      protocol: 'tcp',
      ip: { ecn: 'ect0', tos: null, ttl: 64 },
      ports: null,
      flags: 'FP.W',
      seq: 1,
      length: 1000,
      ack: 7,
      win: 229,
      urg: 3,
      options: [
        { kind: 'nop' },
        { kind: 'nop' },
        { kind: 'TS', val: 100, ecr: 200 },
        { kind: 'nop' },
        { kind: 'nop' },
        {
          kind: 'sack',
          blocks: [
            [5, 9],
            [11, 15],
          ],
        },
      ],
    });
  });

  test('flags in any order; "-" is none; SEW is a SYN that offers ECN', () => {
    assert.equal((packetOf('0 < .PF 1:1(0) ack 1 win 0') as TcpLine).flags, 'FP.');
    assert.equal((packetOf('0 < - 1:1(0) win 0') as TcpLine).flags, '');
    assert.equal((packetOf('0 < SEW 0:0(0) win 0') as TcpLine).flags, 'SEW');
  });

  test('what is left out: no win is any, no options are none, <...> and * are any', () => {
    const bare = packetOf('0 > . 1:1(0) ack 1') as TcpLine;
    assert.equal(bare.win, null);
    assert.deepEqual(bare.options, []);
    assert.equal((packetOf('0 > . 1(0) ack * win * <...>') as TcpLine).options, null);
    assert.equal((packetOf('0 > . 1(0) ack * win * <...>') as TcpLine).ack, null);
    assert.deepEqual((packetOf('0 > S 0:0(0) <mss *,nop,nop,TS val * ecr *>') as TcpLine).options?.at(-1), {
      kind: 'TS',
      val: null,
      ecr: null,
    });
  });

  test('sequence numbers wrap', () => {
    const line = packetOf('0 < . 4294967290:4(10) ack 1 win 0') as TcpLine;
    assert.equal(line.seq, 4_294_967_290);
  });

  test('fast open cookies, and options that nobody knows, whatever their length byte', () => {
    const { options } = packetOf(
      '0 < S 0:0(0) win 1 <FO 0123abCD,nop,nop,253(4) = 0xf989,8(0),eol,eol>',
    ) as TcpLine;
    assert.deepEqual(options?.slice(0, 1), [{ kind: 'FO', cookie: '0123abcd' }]);
    assert.deepEqual(options?.slice(3, 5), [
      { kind: 'other', code: 253, length: 4, data: 'f989' },
      { kind: 'other', code: 8, length: 0, data: '' },
    ]);
  });

  test('ports, an extension', () => {
    assert.deepEqual(packetOf('0 < 40001 > 8080 S 0:0(0) win 1').ports, { source: 40001, destination: 8080 });
  });

  test('ICMP with its type, code, MTU and the segment that it quotes', () => {
    assert.deepEqual(packetOf('0 < icmp unreachable frag_needed mtu 1200 [1:1461(1460)]'), {
      protocol: 'icmp',
      ports: null,
      type: 3,
      code: 4,
      name: 'unreachable frag_needed',
      mtu: 1200,
      quoted: { seq: 1, length: 1460 },
    });
  });
});

describe('system calls', () => {
  test('names are numbers, "|" joins them; a note is no part of the result', () => {
    const call = callOf('0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0 (flags O_RDWR)');
    assert.deepEqual(
      call.arguments.map((argument) => (argument.kind === 'integer' ? argument.value : null)),
      [3, 4, 0o4002],
    );
  });

  test('an error after -1', () => {
    const call = callOf('0 connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)');
    assert.equal(call.errno, 'EINPROGRESS');
  });

  test('structs with names or without, lists, and names in a message header', () => {
    const call = callOf('0 sendmsg(3, {msg_name(...)=..., msg_iov(1)=[{..., 10}], msg_flags=0}, 0) = 10');
    const message = call.arguments[1];
    assert.equal(message?.kind, 'struct');
    assert.deepEqual(
      message.fields.map(({ name }) => name),
      ['msg_name', 'msg_iov', 'msg_flags'],
    );
  });
});

describe('the rest', () => {
  test('options, comments, command blocks: what is ignored is told', () => {
    const script = parseScript(
      '// one\n# two\n/* three */\n--tolerance_usecs=10\n--mss=1000 --speed 1Gbps\n' +
        '--config congestion=reno\n--config profile=strict\n' +
        '`../common/defaults.sh; sysctl -q net.ipv4.tcp_sack=0 net.ipv4.tcp_ecn=1`\n0 close(3) = 0\n+1 `ls`\n',
      'a.pkt',
    );
    const { tolerance, mtu, profile, config } = script.setting;
    assert.deepEqual([tolerance, mtu, profile], [10, 1040, 'strict']);
    assert.deepEqual(config, { sack: 'off', ecn: 'on', congestion: 'reno' });
    assert.deepEqual(script.notices, [
      '--speed has no effect',
      '2 command blocks are not run; what sysctl sets there is set if there is an option for it',
    ]);
  });

  test('the profile is linux unless the script says otherwise', () => {
    assert.equal(parseScript('0 close(3) = 0', 'a').setting.profile, 'linux');
  });

  test('lines are counted from 1, comments included', () => {
    const script = parseScript('// a\n/* b\n c */\n0 close(3) = 0\n\n+1 close(4) = 0', 'a');
    assert.deepEqual(
      script.events.map(({ line }) => line),
      [4, 6],
    );
  });

  test('the head is all comments before anything else', () => {
    assert.equal(
      scriptHead('// RFC 9293 MUST-13:\n//  more\n\n/* and\nmore */ # too\n0 close(3) = 0 // not this'),
      'RFC 9293 MUST-13: more and more too',
    );
    assert.equal(scriptHead('0 close(3) = 0 // not this'), '');
  });
});

describe('mistakes are one sentence with file, line and column', () => {
  const mistakes: [string, string][] = [
    ['', '1:1: the script has no event: expected a time such as 0 or +.1'],
    ['x', '1:1: expected a time in seconds such as 0, 1.5, +.1 or *, not "x"'],
    ['0\n  frobnicate(3) = 0', '2:3: the system call frobnicate is not supported'],
    ['0 close(3, 4) = 0', '1:3: close has 1 arguments, not 2'],
    ['0 close(3)', '1:11: expected "=" and the result of close, not the end of the script'],
    ['0 close(3) = 0 EBADF', '1:21: a call that fails with EBADF returns -1'],
    ['0 close(3) = -1 EFOO', '1:21: there is no error called EFOO'],
    ['0 close(foo|1) = 0', '1:9: "|" stands between numbers and names that are known'],
    ['0 socket(AF_INET6, SOCK_STREAM, 0) = 3', '1:3: only sockets of AF_INET are supported'],
    ['0 socket(..., SOCK_DGRAM, 0) = 3', '1:3: only sockets of SOCK_STREAM are supported'],
    ['0 < X 1:1(0) win 1', '1:5: expected TCP flags (letters of FSRP.UEW, or - for none), or icmp, not "X"'],
    ['0 < SS 0:0(0) win 1', '1:5: a flag stands twice in SS'],
    ['0 < S 0:5(0) win 1', '1:7: 0:5(0) does not add up'],
    ['0 < S 0:0(0)', '1:5: a packet that comes in needs "win" and a number'],
    ['0 > . 1:1(0)', '1:5: a packet with the flag "." needs "ack" and a number'],
    ['0 > S 1:1(0) ack 2', '1:5: "ack" needs the flag "."'],
    ['0 < S 0:0(0) win 70000', '1:23: 70000 is more than 65535'],
    ['0 < S 0:0(0) win 1 <sackOK>', '1:21: the options have 2 bytes, no multiple of 4: add 2 nop or eol'],
    ['0 < S 0:0(0) win 1 <...>', '1:21: <...> stands only in packets that go out'],
    ['0 < S 0:0(0) win 1 <mss>', '1:24: expected a number after mss, not ">"'],
    ['0 < udp (100)', '1:5: "udp" packets are not supported: only TCP and ICMP over IPv4 are'],
    [
      '0 < icmp nonsense [1(1)]',
      '1:10: there is no ICMP type nonsense: expected unreachable, source_quench, redirect, time_exceeded, parameter_problem',
    ],
    [
      '0 < icmp unreachable',
      '1:21: an ICMP message that comes in needs the segment that it quotes, such as [1:1001(1000)]',
    ],
    ['1~+2 > . 1(0) ack 1', '1:3: both ends of a range are relative (+1~+2), or none is'],
    ['+2~+1 > . 1(0) ack 1', '1:4: a range ends after it has begun'],
    ['1...2 > . 1(0) ack 1', '1:7: only a system call has a time after "..."'],
    ['2...1 close(3) = 0', '1:1: a call ends after it has begun: expected START...END'],
    ['--frobnicate=1\n0 close(3) = 0', '1:1: there is no option --frobnicate'],
    [
      '--ip_version=ipv6\n0 close(3) = 0',
      '1:1: --ip_version expected ipv4: IPv6 is not supported, not "ipv6"',
    ],
    [
      '--local_ip=fd3d::1\n0 close(3) = 0',
      '1:1: --local_ip expected an IPv4 address such as 192.0.2.1 (IPv6 is not supported), not "fd3d::1"',
    ],
    [
      '--config msl=30\n0 close(3) = 0',
      /1:1: --config expected a known option: msl must be a duration/.source,
    ],
    ['0 `ls', '1:3: a command ends with a second `'],
    ['0 %{ assert 1', '1:3: code ends with }%'],
    [
      '0 %{ if x: pass }%',
      '1:6: expected assert, print or NAME = VALUE, not "if": only these are understood',
    ],
    ['0 %{ assert tcpi_nothing == 1 }%', '1:13: tcpi_nothing is no field of TCP_INFO and no constant'],
    ['0 %{ assert len(1) }%', '1:13: len() is not understood: only abs, min, max, int, float, round are'],
    ['0 %{ assert 1 == 1 2 }%', '1:20: expected the end of the statement, not "2"'],
  ];
  for (const [text, expected] of mistakes) {
    test(`${JSON.stringify(text)}: ${expected.slice(0, 60)}`, () => {
      assert.throws(
        () => parseScript(text, 'a.pkt'),
        (error) => {
          assert.ok(error instanceof ScriptError);
          assert.doesNotMatch(error.message, /\n/);
          assert.ok(error.message.startsWith(`a.pkt:${expected}`), error.message);
          return true;
        },
      );
    });
  }

  test('brackets inside of each other have an end', () => {
    const calls = `0 read(${'['.repeat(20_000)}`;
    assert.throws(() => parseScript(calls, 'a'), /too many brackets/);
    assert.throws(() => parseScript(`0 %{ assert ${'('.repeat(20_000)} }%`, 'a'), /too many brackets/);
    assert.throws(() => parseScript(`0 %{ assert ${'not '.repeat(20_000)} }%`, 'a'), ScriptError);
    assert.throws(() => parseScript(`0 %{ assert ${'-'.repeat(20_000)} }%`, 'a'), ScriptError);
  });
});
