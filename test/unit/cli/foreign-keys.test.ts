/** Words from outside are looked up in many tables; those that every object has are in none of them. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createServices } from '../../../src/apps/services.ts';
import { REASON } from '../../../src/base/reasons.ts';
import { ask } from '../../../src/cli/control/client.ts';
import { ControlServer } from '../../../src/cli/control/server.ts';
import { eventSentence, eventText } from '../../../src/cli/render/event.ts';
import { ssTable } from '../../../src/cli/render/ss.ts';
import { CONFIG_OPTIONS, resolveConfig } from '../../../src/stack/config.ts';
import type { ConnectionRecord } from '../../../src/stack/connection-record.ts';
import { reach } from '../../support/states.ts';

/** What `{}[word]` finds without anybody having put it there. */
const INHERITED = [
  '__proto__',
  'constructor',
  'hasOwnProperty',
  'isPrototypeOf',
  'toString',
  'valueOf',
  '__defineGetter__',
];

test('N10: no option is called like what every object has, and none has such a value', () => {
  for (const word of INHERITED) {
    assert.throws(() => resolveConfig('default', { [word]: 'on' }), { name: 'ConfigError' }, word);
    assert.throws(() => resolveConfig(word as 'default'), { name: 'ConfigError' }, word);
    for (const { key } of CONFIG_OPTIONS) {
      assert.throws(
        () => resolveConfig('default', { [key]: word }),
        { name: 'ConfigError' },
        `${key}=${word}`,
      );
    }
  }
});

test('N10: an object parsed from JSON cannot give the configuration another prototype', () => {
  const values = JSON.parse('{"__proto__": {"ttl": "1"}}') as Record<string, string>;
  assert.throws(() => resolveConfig('default', values), { name: 'ConfigError' });
  assert.equal(({} as Record<string, unknown>)['ttl'], undefined);
});

test('N10: no reason, and no service, is called so', () => {
  const services = createServices({ www: null });
  for (const word of INHERITED) {
    assert.equal((REASON as Record<string, unknown>)[word], undefined);
    assert.equal(services.get(word as 'echo'), undefined);
  }
});

test('N10: nor is a command of the control socket', { timeout: 10_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'fourwave-keys-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const control = join(folder, 'control.sock');
  const server = await ControlServer.open(control, new Map([['stats', () => 1]]));
  t.after(() => server.close());
  for (const word of INHERITED) await assert.rejects(ask({ control }, word), { exitCode: 2 });
  assert.equal(
    await ask({ control }, 'stats', JSON.parse('{"__proto__": {"polluted": 1}}') as object as never),
    1,
  );
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
});

/** What a stack says about a connection, as it comes over the control socket from another user's process. */
function record(word: string): ConnectionRecord {
  const { bed } = reach('ESTABLISHED');
  const [known] = bed.connections();
  const timers = [{ name: word, remainingMs: 5, count: 0 }];
  return { ...(known as ConnectionRecord), state: word, timers, path: [word] } as unknown as ConnectionRecord;
}

test('N10: a name that another process gives its event, state or timer is shown as it is', () => {
  for (const word of INHERITED) {
    const event = { t: 1, n: 1, ev: word, conn: word, data: { a: 1 } };
    assert.ok(eventText(event).includes('a=1'), word);
    assert.ok(eventSentence(event).includes('a=1'), word);
    const table = ssTable([record(word)], true);
    assert.ok(table.split('\n')[1]?.startsWith(word), table);
    assert.ok(table.includes(`timer:(${word},`) && table.includes(`path:${word}`), table);
  }
});
