/** Every kind of line of the ladder, from events made by hand: what is drawn, column by column. */

import { draws } from './draws.ts';
import type { HandMade } from './hand-made.ts';

/** Three segments, each with what it brings about. */
function opening(log: HandMade): void {
  const syn = log.received('SYN 0:1', { conn: null });
  log.open('passive', syn);
  log.state('LISTEN', 'SYN-RECEIVED', syn);
  log.timer('set', 'syn-ack', syn, 1000);
  log.judged('accepted', 'ACCEPTED', syn);
  log.sent('SYN,ACK 0:1 1', { cause: syn, trigger: 'syn-ack' });
  log.peer('ESTABLISHED', 'inferred', syn);
  log.t = 0.001;
  const ack = log.received('ACK 1 1');
  log.timer('cancel', 'syn-ack', ack);
  log.state('SYN-RECEIVED', 'ESTABLISHED', ack);
  log.judged('accepted', 'ACCEPTED', ack);
}

draws(
  'an opening, 80 columns',
  {},
  opening,
  `
   0.000 c1   10.9.0.1:40012 ──── passive open ──── 10.9.0.2:13 LISTEN
   0.000 c1                │─ SYN 0:1 win 512 ───────────────▶│ SYN-RECEIVED
         c1                │                       syn-ack 1s ├──────────────╮
   0.000 c1   ESTABLISHED? │◀───── SYN,ACK 0:1 ack 1 win 512 ─│              │
   0.001 c1                │─ ACK 1 ack 1 win 512 ───────────▶│ ESTABLISHED  │
         c1                │                      syn-ack off ├──────────────╯
`,
);

draws(
  'an opening in ASCII',
  { ascii: true },
  opening,
  `
   0.000 c1   10.9.0.1:40012 ---- passive open ---- 10.9.0.2:13 LISTEN
   0.000 c1                |- SYN 0:1 win 512 --------------->| SYN-RECEIVED
         c1                |                       syn-ack 1s +--------------\\
   0.000 c1   ESTABLISHED? |<----- SYN,ACK 0:1 ack 1 win 512 -|              |
   0.001 c1                |- ACK 1 ack 1 win 512 ----------->| ESTABLISHED  |
         c1                |                      syn-ack off +--------------/
`,
);

draws(
  'an opening, 132 columns: microseconds, and the timers beside their columns',
  { width: 132 },
  opening,
  `
   0.000000 c1   10.9.0.1:40012 ──────────── passive open ──────────── 10.9.0.2:13 LISTEN
   0.000000 c1                │─ SYN 0:1 win 512 ───────────────────────────────▶│ SYN-RECEIVED ╮     syn-ack 1s
   0.000000 c1   ESTABLISHED? │◀───────────────────── SYN,ACK 0:1 ack 1 win 512 ─│              │
   0.001000 c1                │─ ACK 1 ack 1 win 512 ───────────────────────────▶│ ESTABLISHED  ╯     syn-ack off
`,
);

draws(
  'an opening in 132 columns of ASCII, of one connection',
  { width: 132, ascii: true, connections: new Set(['c1']) },
  opening,
  `
   0.000000 10.9.0.1:40012 -------------- passive open --------------- 10.9.0.2:13 LISTEN
   0.000000              |- SYN 0:1 win 512 ------------------------------------>| SYN-RECEIVED \\     syn-ack 1s
   0.000000 ESTABLISHED? |<-------------------------- SYN,ACK 0:1 ack 1 win 512 -|              |
   0.001000              |- ACK 1 ack 1 win 512 -------------------------------->| ESTABLISHED  /     syn-ack off
`,
);

draws(
  'sequence numbers as on the wire',
  { raw: true },
  (log) => {
    log.received('PSH,ACK 1:32 1');
  },
  `
   0.000 c1                │─ PSH,ACK 4294967293:28 ack 99 ──▶│
`,
);

function close(log: HandMade): void {
  log.open('passive');
  log.t = 1;
  log.add('app:write', { bytes: 27 });
  const shut = log.add('app:shutdown', { bytes: 0 });
  log.state('ESTABLISHED', 'FIN-WAIT-1', shut);
  log.sent('FIN,ACK 28:29 1', { cause: shut, trigger: 'fin' });
  log.timer('set', 'rto', shut, 1000);
  log.t = 1.04;
  const ack = log.received('ACK 1 29');
  log.timer('cancel', 'rto', ack);
  log.state('FIN-WAIT-1', 'FIN-WAIT-2', ack);
  log.peer('CLOSE-WAIT', 'observed');
  log.t = 3;
  const fin = log.received('FIN,ACK 1:2 29');
  log.state('FIN-WAIT-2', 'TIME-WAIT', fin);
  log.peer('LAST-ACK', 'inferred', fin);
  const answer = log.sent('ACK 29 2', { cause: fin, trigger: 'ack-now' });
  log.peer('CLOSED', 'inferred', fin);
  const hit = log.add(
    'fault:hit',
    { number: 1, rule: 'x', hits: 1, left: 0, what: 'dropped' },
    { conn: null },
  );
  log.fate('dropped', 'ACK 29 2', {
    rule: 'drop out where ack-only && state==TIME-WAIT times 1',
    cause: hit,
  });
  log.timer('set', 'time-wait', fin, 4000);
  void answer;
  log.t = 3.2;
  const again = log.received('FIN,ACK 1:2 29');
  log.timer('set', 'time-wait', again, 4000, true);
  log.judged('duplicate', 'TCP_OLD_SEQUENCE', again);
  log.sent('ACK 29 2', { cause: again, trigger: 'ack-now' });
  log.t = 5;
  log.received('ACK 2 29');
  log.t = 7.2;
  const end = log.timer('fire', 'time-wait', 0);
  log.state('TIME-WAIT', 'CLOSED', end);
  log.add('conn:closed', { reason: 'timewait-done', error: null }, { cause: end });
}

draws(
  'B37 B40: the last ACK is lost, the peer sends its FIN again, ours goes again, 2MSL begins anew',
  {},
  close,
  `
   0.000 c1   10.9.0.1:40012 ──── passive open ──── 10.9.0.2:13 LISTEN
                           ┊               ⋮ 1s               ┊
   1.000 c1                │               write 27, shutdown │ FIN-WAIT-1
   1.000 c1                │◀─── FIN,ACK 28:29 ack 1 win 512 ─│
         c1                │                           rto 1s ├──────────────╮
   1.040 c1                │─ ACK 1 ack 29 win 512 ──────────▶│ FIN-WAIT-2   │
         c1                │                          rto off ├──────────────╯
   1.040 c1   CLOSE-WAIT!  │                                  │
                           ┊               ⋮ 2s               ┊
   3.000 c1   LAST-ACK?    │─ FIN,ACK 1:2 ack 29 win 512 ────▶│ TIME-WAIT
   3.000 c1                │   ✗ · · ·  ACK 29 ack 2 win 512 ─│
         c1                │  lost by rule#1: drop out where  │
         c1                │    ack-only && state==TIME-WAIT  │
         c1                │    times 1                       │
         c1                │              time-wait 4s (2MSL) ├──────────────╮
   3.200 c1                │─ ↻ FIN,ACK 1:2 ack 29 win 512 ──▷│              │
         c1                │  duplicate: TCP_OLD_SEQUENCE     │              │
         c1                │    (RFC 9293 §3.10.7.4)          │              │
         c1                │   time-wait again 4s (3.8s left) ├──────────────↻
   3.200 c1   CLOSED?      │◀────────── ACK 29 ack 2 win 512 ─│              │
                           ┊  ⋮ 1.8s, 2.2s of time-wait left  ┊              │
   5.000 c1                │─ ACK 2 ack 29 win 512 ──────────▶│              │
                           ┊              ⋮ 2.2s              ┊              │
   7.200 c1                │                                  │ CLOSED       │
         c1                │                  time-wait fires ◀──────────────●
`,
);

draws(
  'the same in ASCII',
  { ascii: true },
  close,
  `
   0.000 c1   10.9.0.1:40012 ---- passive open ---- 10.9.0.2:13 LISTEN
                           :               : 1s               :
   1.000 c1                |               write 27, shutdown | FIN-WAIT-1
   1.000 c1                |<--- FIN,ACK 28:29 ack 1 win 512 -|
         c1                |                           rto 1s +--------------\\
   1.040 c1                |- ACK 1 ack 29 win 512 ---------->| FIN-WAIT-2   |
         c1                |                          rto off +--------------/
   1.040 c1   CLOSE-WAIT!  |                                  |
                           :               : 2s               :
   3.000 c1   LAST-ACK?    |- FIN,ACK 1:2 ack 29 win 512 ---->| TIME-WAIT
   3.000 c1                |   X . . .  ACK 29 ack 2 win 512 -|
         c1                |  lost by rule#1: drop out where  |
         c1                |    ack-only && state==TIME-WAIT  |
         c1                |    times 1                       |
         c1                |              time-wait 4s (2MSL) +--------------\\
   3.200 c1                |- @ FIN,ACK 1:2 ack 29 win 512 --)|              |
         c1                |  duplicate: TCP_OLD_SEQUENCE     |              |
         c1                |    (RFC 9293 section 3.10.7.4)   |              |
         c1                |   time-wait again 4s (3.8s left) +--------------@
   3.200 c1   CLOSED?      |<---------- ACK 29 ack 2 win 512 -|              |
                           :  : 1.8s, 2.2s of time-wait left  :              |
   5.000 c1                |- ACK 2 ack 29 win 512 ---------->|              |
                           :              : 2.2s              :              |
   7.200 c1                |                                  | CLOSED       |
         c1                |                  time-wait fires <--------------o
`,
);

draws(
  'the same, 132 columns',
  { width: 132 },
  close,
  `
   0.000000 c1   10.9.0.1:40012 ──────────── passive open ──────────── 10.9.0.2:13 LISTEN
                              ┊                       ⋮ 1s                       ┊
   1.000000 c1                │                               write 27, shutdown │ FIN-WAIT-1
   1.000000 c1                │◀─────────────────── FIN,ACK 28:29 ack 1 win 512 ─│              ╮     rto 1s
   1.040000 c1                │─ ACK 1 ack 29 win 512 ──────────────────────────▶│ FIN-WAIT-2   ╯     rto off
   1.040000 c1   CLOSE-WAIT!  │                                                  │
                              ┊                       ⋮ 2s                       ┊
   3.000000 c1   LAST-ACK?    │─ FIN,ACK 1:2 ack 29 win 512 ────────────────────▶│ TIME-WAIT
   3.000000 c1                │   ✗ · · · · · · · · · · ·  ACK 29 ack 2 win 512 ─│              ╮     time-wait 4s (2MSL)
            c1                │  lost by rule#1: drop out where ack-only &&      │              │
            c1                │    state==TIME-WAIT times 1                      │              │
   3.200000 c1                │─ ↻ FIN,ACK 1:2 ack 29 win 512 ──────────────────▷│              ↻     time-wait again 4s (3.8s left)
            c1                │  duplicate: TCP_OLD_SEQUENCE (RFC 9293           │              │
            c1                │    §3.10.7.4)                                    │              │
   3.200000 c1   CLOSED?      │◀────────────────────────── ACK 29 ack 2 win 512 ─│              │
                              ┊          ⋮ 1.8s, 2.2s of time-wait left          ┊              │
   5.000000 c1                │─ ACK 2 ack 29 win 512 ──────────────────────────▶│              │
                              ┊                      ⋮ 2.2s                      ┊              │
   7.200000 c1                │                                                  │ CLOSED       ●     time-wait fires
`,
);

draws(
  'the same from 3.1 s on: how things stand there, and what was before is not drawn',
  { since: 3.1 },
  close,
  `
   3.200 c1   LAST-ACK?    │─ ↻ FIN,ACK 1:2 ack 29 win 512 ──▷│ TIME-WAIT    │
         c1                │  duplicate: TCP_OLD_SEQUENCE     │              │
         c1                │    (RFC 9293 §3.10.7.4)          │              │
         c1                │   time-wait again 4s (3.8s left) ├──────────────↻
   3.200 c1   CLOSED?      │◀────────── ACK 29 ack 2 win 512 ─│              │
                           ┊  ⋮ 1.8s, 2.2s of time-wait left  ┊              │
   5.000 c1                │─ ACK 2 ack 29 win 512 ──────────▶│              │
                           ┊              ⋮ 2.2s              ┊              │
   7.200 c1                │                                  │ CLOSED       │
         c1                │                  time-wait fires ◀──────────────●
`,
);

draws(
  'delayed either way: once when it is sent, once when it arrives',
  {},
  (log) => {
    log.open('passive');
    const first = log.fate('delayed', 'PSH,ACK 1:4 1', { dir: 'in', until: 2, rule: 'delay in 2s' });
    const seg = log.lastSegment;
    log.t = 0.1;
    log.sent('PSH,ACK 1:9 1');
    log.fate('delayed', 'PSH,ACK 1:9 1', { until: 0.4, by: 'rule#2', rule: 'delay out 300ms' });
    log.t = 0.3;
    log.sent('PSH,ACK 1:9 1', { retransmission: true, trigger: 'tlp', retransOf: 2, copyNo: 2 });
    log.t = 2;
    log.received('PSH,ACK 1:4 1', { seg });
    void first;
  },
  `
   0.000 c1   10.9.0.1:40012 ──── passive open ──── 10.9.0.2:13 LISTEN
   0.000 c1                │─ PSH,ACK 1:4 ack 1 win 512 ──⧗   │
         c1                │  delayed by rule#1 for 2s:       │
         c1                │    delay in 2s                   │
   0.100 c1                │   ⧗── PSH,ACK 1:9 ack 1 win 512 ─│
         c1                │  delayed by rule#2 for 300ms:    │
         c1                │    delay out 300ms               │
   0.300 c1                │◀─────── ↻ PSH,ACK 1:9 ack 1 tlp ─│
   0.400 c1                │◀─── ⧗ PSH,ACK 1:9 ack 1 win 512 ─│
                           ┊              ⋮ 1.6s              ┊
   2.000 c1                │─ ⧗ PSH,ACK 1:4 ack 1 win 512 ───▶│
`,
);

draws(
  'copied either way',
  {},
  (log) => {
    log.open('passive');
    log.fate('duplicated', 'PSH,ACK 1:4 1', { dir: 'in', until: 0.02 });
    const seg = log.lastSegment;
    log.received('PSH,ACK 1:4 1', { seg });
    log.t = 0.02;
    const copy = log.received('PSH,ACK 1:4 1', { seg });
    log.judged('duplicate', 'TCP_OLD_SEQUENCE', copy);
    log.sent('PSH,ACK 1:9 4');
    log.fate('duplicated', 'PSH,ACK 1:9 4');
    log.t = 0.03;
    log.received('ACK 4 9');
  },
  `
   0.000 c1   10.9.0.1:40012 ──── passive open ──── 10.9.0.2:13 LISTEN
   0.000 c1                │─ PSH,ACK 1:4 ack 1 win 512 ─────▶│
         c1                │  copied by rule#1, to arrive     │
         c1                │    after 20ms: drop out where fin│
   0.020 c1                │─ ⧉ PSH,ACK 1:4 ack 1 win 512 ───▷│
         c1                │  duplicate: TCP_OLD_SEQUENCE     │
         c1                │    (RFC 9293 §3.10.7.4)          │
   0.020 c1                │◀───── PSH,ACK 1:9 ack 4 win 512 ─│
         c1                │  copied by rule#1                │
   0.020 c1                │◀─── ⧉ PSH,ACK 1:9 ack 4 win 512 ─│
   0.030 c1                │─ ACK 4 ack 9 win 512 ───────────▶│
`,
);

draws(
  'held and released either way',
  {},
  (log) => {
    log.open('passive');
    log.fate('held', 'FIN,ACK 1:2 1', { dir: 'in', rule: 'hold in where fin as f1' });
    const seg = log.lastSegment;
    log.sent('FIN,ACK 1:2 1', { trigger: 'fin' });
    log.fate('held', 'FIN,ACK 1:2 1', { by: 'rule#2', rule: 'hold out where fin as f2' });
    log.t = 0.4;
    log.fate('released', 'FIN,ACK 1:2 1', { dir: 'in', seg, by: 'command', rule: 'release f1' });
    log.received('FIN,ACK 1:2 1', { seg });
    log.fate('released', 'FIN,ACK 1:2 1', { by: 'command', rule: 'release f2' });
  },
  `
   0.000 c1   10.9.0.1:40012 ──── passive open ──── 10.9.0.2:13 LISTEN
   0.000 c1                │─ ‖ FIN,ACK 1:2 ack 1 win 512 ─⧗  │
         c1                │  held by rule#1: hold in where   │
         c1                │    fin as f1                     │
   0.000 c1                │  ⧗─ ‖ FIN,ACK 1:2 ack 1 win 512 ─│
         c1                │  held by rule#2: hold out where  │
         c1                │    fin as f2                     │
   0.400 c1                │─ ‖ FIN,ACK 1:2 ack 1 win 512 ───▶│
         c1                │  released: release f1            │
   0.400 c1                │◀─── ‖ FIN,ACK 1:2 ack 1 win 512 ─│
         c1                │  released: release f2            │
`,
);

draws(
  'overtaken: one of ours waits, another passes, and it goes on',
  {},
  (log) => {
    log.open('passive');
    log.sent('ACK 1:101 1');
    const seg = log.lastSegment;
    log.fate('reordered', 'ACK 1:101 1', { rule: 'reorder out gap 1' });
    log.sent('ACK 101:201 1');
    log.fate('delivered', 'ACK 1:101 1', { rule: 'reorder out gap 1', seg });
    log.received('ACK 1 201');
  },
  `
   0.000 c1   10.9.0.1:40012 ──── passive open ──── 10.9.0.2:13 LISTEN
   0.000 c1                │   ⧗──── ACK 1:101 ack 1 win 512 ─│
         c1                │  waits to be overtaken by        │
         c1                │    rule#1: reorder out gap 1     │
   0.000 c1                │◀───── ACK 101:201 ack 1 win 512 ─│
   0.000 c1                │◀───── ⧗ ACK 1:101 ack 1 win 512 ─│
   0.000 c1                │─ ACK 1 ack 201 win 512 ─────────▶│
`,
);

draws(
  'out of order: what comes early, and what fills the hole',
  {},
  (log) => {
    log.open('passive');
    log.fate('reordered', 'ACK 1:101 1', { dir: 'in', rule: 'reorder in gap 1' });
    const seg = log.lastSegment;
    const early = log.received('ACK 101:201 1');
    log.judged('queued-ooo', 'ACCEPTED', early);
    log.received('ACK 1:101 1', { seg });
    log.received('ACK 301:401 1');
    log.received('ACK 201:301 1');
  },
  `
   0.000 c1   10.9.0.1:40012 ──── passive open ──── 10.9.0.2:13 LISTEN
   0.000 c1                │─ ACK 1:101 ack 1 win 512 ────⧗   │
         c1                │  waits to be overtaken by        │
         c1                │    rule#1: reorder in gap 1      │
   0.000 c1                │─ ◇ ACK 101:201 ack 1 win 512 ───▶│
   0.000 c1                │─ ⧗ ACK 1:101 ack 1 win 512 ─────▶│
   0.000 c1                │─ ACK 301:401 ack 1 win 512 ─────▶│
   0.000 c1                │─ ◇ ACK 201:301 ack 1 win 512 ───▶│
`,
);

draws(
  'corrupted, changed, kept and injected',
  {},
  (log) => {
    log.open('passive');
    log.fate('corrupted', 'PSH,ACK 1:4 1', { dir: 'in', rule: 'corrupt in' });
    const broken = log.received('PSH,ACK 1:4 1', { seg: log.lastSegment });
    log.judged('dropped', 'TCP_CSUM', broken, 'RFC 9293 §3.1');
    log.sent('FIN,ACK 1:2 1', { trigger: 'fin' });
    log.fate('mutated', 'FIN,ACK 1:2 1', { by: 'rule#2', rule: 'mutate out where fin set win=0' });
    log.sent('ACK 2 4');
    log.fate('copied', 'ACK 2 4', { by: 'rule#3', rule: 'copy out as a1' });
    log.fate('injected', 'RST 6', { dir: 'in', by: 'command', rule: 'inject rst on c1 seq+5' });
    const forged = log.received('RST 6', { seg: log.lastSegment });
    log.judged('dropped', 'TCP_RST_CHALLENGE', forged, 'RFC 5961 §3.2');
    log.sent('ACK 2 4', { cause: forged, trigger: 'challenge-ack' });
    log.fate('injected', 'ACK 2 4', { seg: 99, by: 'command', rule: 'inject a1' });
  },
  `
   0.000 c1   10.9.0.1:40012 ──── passive open ──── 10.9.0.2:13 LISTEN
   0.000 c1                │─ ≠ PSH,ACK 1:4 ack 1 win 512 ───▷│
         c1                │  corrupted by rule#1: corrupt    │
         c1                │    in                            │
         c1                │  rejected: TCP_CSUM (RFC 9293    │
         c1                │    §3.1)                         │
   0.000 c1                │◀─── ± FIN,ACK 1:2 ack 1 win 512 ─│
         c1                │  changed by rule#2: mutate out   │
         c1                │    where fin set win=0           │
   0.000 c1                │◀───────── ⊕ ACK 2 ack 4 win 512 ─│
         c1                │  kept by rule#3: copy out as a1  │
   0.000 c1                │─ ⚑ RST 6 win 512 ───────────────▷│
         c1                │  injected: inject rst on c1      │
         c1                │    seq+5                         │
         c1                │  rejected: TCP_RST_CHALLENGE     │
         c1                │    (RFC 5961 §3.2)               │
   0.000 c1                │◀───── ACK 2 ack 4 challenge-ack ─│
   0.000 c1                │◀───────── ⚑ ACK 2 ack 4 win 512 ─│
         c1                │  injected: inject a1             │
`,
);

draws(
  'lost and answered with a RST; a packet that is no segment',
  {},
  (log) => {
    log.open('passive');
    log.sent('ACK 1 1');
    log.fate('reset', 'ACK 1 1', { rule: 'reset out where old' });
    const raw = { src: '10.9.0.1', dst: '10.9.0.2' };
    log.add('wire:fate', {
      dir: 'in',
      fate: 'dropped',
      by: 'rule#2',
      rule: 'drop icmp',
      protocol: 1,
      len: 84,
      raw,
    });
  },
  `
   0.000 c1   10.9.0.1:40012 ──── passive open ──── 10.9.0.2:13 LISTEN
   0.000 c1                │   ✗ · · · · ACK 1 ack 1 win 512 ─│
         c1                │  lost, and answered with a RST   │
         c1                │    by rule#1: reset out where old│
   0.000 c1                │ the peer's packet of 84 bytes    │
         c1                │   lost by rule#2: drop icmp      │
`,
);

draws(
  'rejected, partly new, and a RST of ours with its reason',
  {},
  (log) => {
    log.open('passive');
    const half = log.received('PSH,ACK 1:4 1');
    log.judged('partial', 'TCP_OLD_DATA', half);
    const far = log.received('PSH,ACK 90001:90004 1');
    log.judged('dropped', 'TCP_OVERWINDOW', far);
    const raw = { seq: 7, ack: 0, src: '10.9.0.9', sport: 9, dst: '10.9.0.2', dport: 99 };
    const lost = log.received('SYN 0:1', { conn: null, raw });
    log.judged('dropped', 'NO_SOCKET', lost, 'RFC 9293 §3.10.7.1');
    log.add(
      'rst:why',
      { reason: 'NO_SOCKET', rfc: 'RFC 9293 §3.10.7.1', local: 'x', peer: 'y' },
      { cause: lost, conn: null },
    );
    log.sent('RST,ACK 0 8', {
      cause: lost,
      trigger: 'rst',
      conn: null,
      raw: { ...raw, src: '10.9.0.2', sport: 99, dst: '10.9.0.9', dport: 9 },
    });
  },
  `
   0.000 c1   10.9.0.1:40012 ──── passive open ──── 10.9.0.2:13 LISTEN
   0.000 c1                │─ PSH,ACK 1:4 ack 1 win 512 ─────▶│
         c1                │  partly new: TCP_OLD_DATA (RFC   │
         c1                │    9293 §3.10.7.4)               │
   0.000 c1                │─ PSH,ACK 90001:90004 ack 1 ─────▷│
         c1                │  rejected: TCP_OVERWINDOW (RFC   │
         c1                │    9293 §3.10.7.4)               │
   0.000                   │─ SYN 0:1 win 512 ───────────────▷│
                           │  from 10.9.0.9:9 to 10.9.0.2:99  │
                           │  rejected: NO_SOCKET (RFC 9293   │
                           │    §3.10.7.1)                    │
                           │  RST because NO_SOCKET (RFC      │
                           │    9293 §3.10.7.1)               │
   0.000                   │◀─────── RST,ACK 0 ack 1 win 512 ─│
`,
);

draws(
  'a timer that fires and backs off, and the retransmission that it brings',
  {},
  (log) => {
    log.open('active');
    const sent = log.sent('PSH,ACK 1:9 1');
    log.timer('set', 'rto', sent, 1000);
    log.t = 1;
    const fire = log.timer('fire', 'rto', 0);
    log.sent('PSH,ACK 1:9 1', { cause: fire, retransmission: true, trigger: 'rto' });
    log.add('timer:set', { timer: 'rto', afterMs: 2000, restart: false, backoff: 1 }, { cause: fire });
    log.add('cc:state', { old: 'open', new: 'loss', trigger: 'rto' }, { cause: fire });
  },
  `
   0.000 c1   10.9.0.1:40012 ──── active open ───── 10.9.0.2:13 CLOSED
   0.000 c1                │◀───── PSH,ACK 1:9 ack 1 win 512 ─│
         c1                │                           rto 1s ├──────────────╮
                           ┊               ⋮ 1s               ┊              │
   1.000 c1                │                        rto fires ◀──────────────●
   1.000 c1                │◀─────── ↻ PSH,ACK 1:9 ack 1 rto ─│
         c1                │  congestion control: open →      │
         c1                │    loss (rto)                    │
         c1                │                rto 2s, backoff 1 ├──────────────╮
`,
);

draws(
  'ICMP, an IP packet that was rejected, events that are missing, the end of the stack',
  {},
  (log) => {
    log.open('passive');
    const ends = { local: '10.9.0.2:13', peer: '10.9.0.1:40012' };
    log.add(
      'ip:icmp',
      { reason: 'ICMP_FRAG_NEEDED', rfc: 'RFC 1191 §3', type: 3, code: 4, mtu: 1400, ...ends },
      { conn: null },
    );
    log.add('ip:dropped', { reason: 'IP_CSUM', rfc: 'RFC 791 §3.1', len: 40 }, { conn: null });
    log.add('log:lost', { events: 17 }, { conn: null });
    log.add(
      'fault:rule',
      { number: 3, rule: 'cut both for 5s', hits: 0, left: null, what: 'added' },
      { conn: null },
    );
    log.add(
      'fault:expired',
      { number: 3, rule: 'cut both for 5s', hits: 4, left: null, what: 'for' },
      { conn: null },
    );
    log.add('stack:stopped', {}, { conn: null });
  },
  `
   0.000 c1   10.9.0.1:40012 ──── passive open ──── 10.9.0.2:13 LISTEN
   0.000 c1                │ ICMP type 3 code 4, next hop's   │
         c1                │   MTU 1400: ICMP_FRAG_NEEDED     │
         c1                │   (RFC 1191 §3)                  │
   0.000                   │ IP packet rejected: IP_CSUM      │
                           │   (RFC 791 §3.1)                 │
   0.000                   │ 17 events are missing in the     │
                           │   log here                       │
   0.000                   │ rule#3 added: cut both for 5s    │
   0.000                   │ rule#3 is over (for): cut both   │
                           │   for 5s                         │
   0.000                   │ the stack has stopped            │
`,
);

function bulk(log: HandMade): void {
  log.open('passive');
  const ask = log.received('PSH,ACK 1:76 1');
  log.timer('set', 'tlp', ask);
  for (let i = 0; i < 100; i++) {
    log.t += 0.001;
    const seq = 1 + i * 1000;
    const sent = log.sent(`ACK ${seq}:${seq + 1000} 76`);
    log.timer('set', 'tlp', sent, 200, true);
    if (i % 2 === 1) log.received(`ACK 76 ${seq + 1000}`);
    if (i % 10 === 0) log.add('app:write', { bytes: 5000 });
  }
  log.received('FIN,ACK 76:77 100001');
}

draws(
  'a transfer: the first segments, the last ones, and the count of those between',
  {},
  bulk,
  `
   0.000 c1   10.9.0.1:40012 ──── passive open ──── 10.9.0.2:13 LISTEN
   0.000 c1                │─ PSH,ACK 1:76 ack 1 win 512 ────▶│
         c1                │                        tlp 200ms ├──────────────╮
   0.001 c1                │◀───── ACK 1:1001 ack 76 win 512 ─│              ↻
   0.001 c1                │                       write 5000 │              │
   0.002 c1                │◀── ACK 1001:2001 ack 76 win 512 ─│              ↻
   0.002 c1                │─ ACK 76 ack 2001 win 512 ───────▶│              │
   0.003 c1                │         … 145 segments …         │              │
         c1                │  97 sent (97000 bytes), 48       │              │
         c1                │    received                      │              │
   0.100 c1                │◀─────── ACK 99001:100001 ack 76 ─│              ↻
   0.100 c1                │─ ACK 76 ack 100001 win 512 ─────▶│              │
   0.100 c1                │─ FIN,ACK 76:77 ack 100001 ──────▶│              │
`,
);

draws(
  'one retransmission in a transfer is seen',
  {},
  (log) => {
    bulk(log);
    log.events.pop();
    log.sent('ACK 99001:100001 76', { retransmission: true, trigger: 'fast-rtx' });
  },
  `
   0.000 c1   10.9.0.1:40012 ──── passive open ──── 10.9.0.2:13 LISTEN
   0.000 c1                │─ PSH,ACK 1:76 ack 1 win 512 ────▶│
         c1                │                        tlp 200ms ├──────────────╮
   0.001 c1                │◀───── ACK 1:1001 ack 76 win 512 ─│              ↻
   0.001 c1                │                       write 5000 │              │
   0.002 c1                │◀── ACK 1001:2001 ack 76 win 512 ─│              ↻
   0.002 c1                │─ ACK 76 ack 2001 win 512 ───────▶│              │
   0.003 c1                │         … 145 segments …         │              │
         c1                │  97 sent (97000 bytes), 48       │              │
         c1                │    received                      │              │
   0.100 c1                │◀─────── ACK 99001:100001 ack 76 ─│              ↻
   0.100 c1                │─ ACK 76 ack 100001 win 512 ─────▶│              │
   0.100 c1                │◀───── ↻ ACK 99001:100001 ack 76 ─│              │
`,
);

draws(
  'what the flight recorder has merged itself',
  {},
  (log) => {
    log.open('passive');
    const sent = { segs: 800, bytes: 800_000, retransmitted: 0 };
    log.add('seg:run', { first: 3, since: 0, events: 2100, sent, received: { segs: 300, bytes: 0 } });
  },
  `
   0.000 c1   10.9.0.1:40012 ──── passive open ──── 10.9.0.2:13 LISTEN
   0.000 c1                │       … 2100 more events …       │
         c1                │  sent 800 segments (800000       │
         c1                │    bytes), received 300 segments │
         c1                │    (0 bytes)                     │
`,
);

draws(
  'super-packets say how many segments they stand for; SACK blocks are shown where there is room',
  { width: 100 },
  (log) => {
    log.open('passive');
    log.sent('ACK 1:14481 1', { segs: 10 });
    log.received('ACK 1 1', { opts: { sack: [[1449, 2897]] } });
  },
  `
   0.000000 c1   10.9.0.1:40012 ──────────── passive open ───────────── 10.9.0.2:13 LISTEN
   0.000000 c1                │◀──────── ACK 1:14481 ack 1 win 512 (10 segments) ─│
   0.000000 c1                │─ ACK 1 ack 1 win 512 sack 1449:2897 ─────────────▶│
`,
);

draws(
  'several connections, and a second incarnation of the same addresses',
  {},
  (log) => {
    log.open('passive');
    log.received('PSH,ACK 1:4 1');
    log.conn = 'c2';
    log.add('conn:opened', { role: 'active', local: '10.9.0.2:5000', peer: '10.9.0.1:80' });
    log.sent('SYN 0:1', { trigger: 'syn' });
    log.add(
      'conn:opened',
      { role: 'passive', local: '10.9.0.2:13', peer: '10.9.0.1:40012' },
      { conn: 'c3', inc: 2 },
    );
    log.received('ACK 1 1', { conn: 'c3', inc: 2 });
  },
  `
   0.000 c1   10.9.0.1:40012 ──── passive open ──── 10.9.0.2:13 LISTEN
   0.000 c1                │─ PSH,ACK 1:4 ack 1 win 512 ─────▶│
   0.000 c2   10.9.0.1:80 ───── active open ───── 10.9.0.2:5000 CLOSED
   0.000 c2                │◀─────────────── SYN 0:1 win 512 ─│
   0.000 c3.2 10.9.0.1:40012 ──── passive open ──── 10.9.0.2:13 LISTEN
   0.000 c3.2              │─ ACK 1 ack 1 win 512 ───────────▶│
`,
);

draws(
  'one of several connections',
  { connections: new Set(['c2']) },
  (log) => {
    log.fate('dropped', 'SYN 0:1', { dir: 'in', conn: null });
    log.t = 1;
    const syn = log.received('SYN 0:1', { conn: null });
    log.conn = 'c2';
    log.open('passive', syn);
    log.conn = 'c1';
    log.received('PSH,ACK 1:4 1');
    log.conn = 'c2';
    log.sent('SYN,ACK 0:1 1');
  },
  `
   0.000              │─ SYN 0:1 win 512  · · · · · · · · ✗   │
                      │  lost by rule#1: drop out where fin   │
                      ┊                 ⋮ 1s                  ┊
   1.000 10.9.0.1:40012 ────── passive open ─────── 10.9.0.2:13 LISTEN
   1.000              │─ ↻ SYN 0:1 win 512 ──────────────────▶│
   1.000              │◀────────── SYN,ACK 0:1 ack 1 win 512 ─│
`,
);
