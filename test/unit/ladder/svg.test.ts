/** The ladder as a picture: every tag closed, nothing of a log more than text, delays as slopes. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ladderSvg } from '../../../src/cli/render/ladder/svg.ts';
import { eventsOfSeed } from '../../support/big-log.ts';
import { HandMade } from './hand-made.ts';

const TAG = /<(\/?)([a-z]+)((?: [a-zA-Z0-9:-]+="[^"<>]*")*)(\/?)>/g;

/** Text between tags; fails where tags are not closed, or something else than a tag begins with `<`. */
function textOf(svg: string): string {
  const open: string[] = [];
  const rest = svg.replace(TAG, (_tag, closes: string, name: string, _attributes, alone: string) => {
    if (closes !== '') assert.equal(open.pop(), name);
    else if (alone === '') open.push(name);
    return '\n';
  });
  assert.deepEqual(open, []);
  assert.doesNotMatch(rest, /</);
  assert.doesNotMatch(rest, /&(?!amp;|lt;|gt;|quot;)/);
  return rest;
}

function made(act: (log: HandMade) => void): HandMade['events'] {
  const log = new HandMade();
  act(log);
  return log.events;
}

test('a close with a lost ACK, its retransmission and its timer', () => {
  const events = made((log) => {
    log.open('passive');
    const fin = log.received('FIN,ACK 1:2 1');
    log.state('FIN-WAIT-2', 'TIME-WAIT', fin);
    log.peer('LAST-ACK', 'inferred', fin);
    log.sent('ACK 1 2', { cause: fin });
    log.fate('dropped', 'ACK 1 2');
    log.timer('set', 'time-wait', fin, 4000);
    log.t = 0.2;
    const again = log.received('FIN,ACK 1:2 1');
    log.judged('duplicate', 'TCP_OLD_SEQUENCE', again);
    log.timer('set', 'time-wait', again, 4000, true);
    log.t = 4.2;
    log.timer('fire', 'time-wait', 0);
  });
  const svg = ladderSvg(events, { title: 'a <close> & "more"' });
  const words = textOf(svg).split('\n');
  for (const part of [
    'a &lt;close&gt; &amp; &quot;more&quot;',
    '10.9.0.1:40012 ── passive open ── 10.9.0.2:13',
    'TIME-WAIT',
    'LAST-ACK?',
    '✗',
    'lost by rule#1: drop out where fin',
    '↻ FIN,ACK 1:2 ack 1 win 512',
    'duplicate: TCP_OLD_SEQUENCE (RFC 9293 §3.10.7.4)',
    'time-wait 4s (2MSL)',
    'time-wait again 4s (3.8s left)',
    '⋮ 4s',
    'time-wait fires',
    '●',
  ]) {
    assert.ok(words.includes(part) || svg.includes(`>${part}<`), `${part} in\n${words.join('\n')}`);
  }
  assert.match(svg, /class="bad lost"/);
  assert.match(svg, /class="tip again hollow"/);
});

test('a segment that was delayed comes from where it was sent', () => {
  const events = made((log) => {
    log.open('passive');
    log.sent('PSH,ACK 1:9 1');
    log.fate('delayed', 'PSH,ACK 1:9 1', { until: 0.3 });
    log.t = 0.1;
    log.received('ACK 1 1');
    log.t = 0.4;
    log.received('ACK 1 9');
  });
  const lines = [
    ...ladderSvg(events).matchAll(/y1="([\d.]+)" x2="[\d.]+" y2="([\d.]+)" class="(?:data|ack)"/g),
  ];
  const falls = lines.map(([, from, to]) => Number(to) - Number(from));
  assert.deepEqual(
    falls.map((fall) => fall > 40),
    [false, false, true, false],
  );
});

test('pictures of random logs are whole', () => {
  for (let seed = 1; seed <= 3; seed++) textOf(ladderSvg(eventsOfSeed(seed).slice(0, 3000)));
});

test('nothing of a log is more than text', () => {
  const evil = '<script>"&\u001b[2J';
  const events = made((log) => {
    log.conn = evil;
    log.add('conn:opened', { role: evil, local: evil, peer: evil });
    log.add('conn:state', { old: evil, new: evil, trigger: evil });
    log.add('timer:set', { timer: evil, afterMs: evil });
    log.add('seg:sent', { flags: evil, seq: evil, end: evil, ack: evil, win: evil, trigger: evil });
    log.add('fault:rule', { number: evil, rule: evil, what: evil });
  });
  const svg = ladderSvg(events, { title: evil });
  textOf(svg);
  assert.equal(svg.includes('<script'), false);
  assert.equal(svg.includes('\u001b'), false);
});
