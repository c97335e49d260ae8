import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  applyConfig,
  CONFIG_OPTIONS,
  ConfigError,
  configEntries,
  formatConfigValue,
  PROFILES,
  parseConfigValue,
  resolveConfig,
} from '../../../src/stack/config.ts';
import { formatDuration, parseDuration } from '../../../src/stack/config-values.ts';

const S = 1_000_000;
const K = 1024;

function message(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.message;
  }
  return assert.fail('nothing was thrown');
}

test('the default profile has the values of the design', () => {
  const config = resolveConfig();
  assert.equal(config.msl, 30 * S);
  assert.equal(config.timeWaitRfc1337, true);
  assert.equal(config.timeWaitReuse, 'both');
  assert.equal(config.timeWaitMax, 262_144);
  assert.equal(config.finWait2, 60 * S);
  assert.deepEqual([config.rtoInitial, config.rtoMin, config.rtoMax], [S, 0.2 * S, 120 * S]);
  assert.deepEqual(
    [config.retriesSyn, config.retriesSynAck, config.retriesData, config.retriesOrphan],
    [8, 5, 15, 8],
  );
  assert.deepEqual([config.ackDelay, config.ackPolicy, config.ackStretch], [40_000, 'quick-start', 0]);
  assert.deepEqual([config.initialWindow, config.congestion, config.hystart], [10, 'cubic', '++']);
  assert.deepEqual(
    [config.bufferReceiveMin, config.bufferReceiveStart, config.bufferReceiveMax],
    [4 * K, 128 * K, 6 * K * K],
  );
  assert.equal(config.bufferTotal, 512 * K * K);
  assert.equal(config.keepAlive, false);
  assert.equal(config.keepAliveIdle, 7200 * S);
  assert.deepEqual([config.ephemeralFirst, config.ephemeralLast], [32_768, 60_999]);
  assert.ok(Object.isFrozen(config));
});

test('the strict and linux profiles differ where the design says so', () => {
  const strict = resolveConfig('strict');
  assert.deepEqual(
    [strict.msl, strict.timeWaitReuse, strict.finWait2, strict.rtoMin, strict.rtoFloor],
    [120 * S, 'off', Infinity, S, 'whole'],
  );
  assert.deepEqual(
    [strict.ackDelay, strict.ackPolicy, strict.ackStretch, strict.initialWindow],
    [200_000, 'delay', 2, 0],
  );
  assert.deepEqual([strict.congestion, strict.synCookies, strict.synFin], ['reno', 'drop', 'syn']);
  assert.deepEqual([strict.bufferAutoTuning, strict.icmpHard], [false, 'rfc1122']);
  const linux = resolveConfig('linux');
  assert.deepEqual(
    [linux.timeWaitRfc1337, linux.retriesSyn, linux.timeWaitMax, linux.pacing],
    [false, 6, 131_072, false],
  );
  assert.equal(linux.bufferSendStart, 16 * K);
});

test('every field of every profile is set by exactly one option', () => {
  const fields = CONFIG_OPTIONS.flatMap((option) => option.fields);
  assert.equal(new Set(fields).size, fields.length);
  for (const profile of PROFILES) {
    const config = resolveConfig(profile);
    assert.deepEqual(Object.keys(config).sort(), [...fields].sort());
    for (const [field, value] of Object.entries(config)) {
      assert.ok(value !== undefined && !Number.isNaN(value), `${profile} ${field}`);
    }
  }
});

test('what is printed is understood again', () => {
  for (const profile of PROFILES) {
    const config = resolveConfig(profile);
    for (const entry of configEntries(config, profile)) {
      const { fields } = CONFIG_OPTIONS.find((option) => option.key === entry.key) ?? {
        fields: [],
      };
      assert.equal(entry.value, entry.default, `${profile} ${entry.key}`);
      assert.deepEqual(
        parseConfigValue(entry.key, entry.value),
        fields.map((field) => config[field]),
        entry.key,
      );
    }
  }
});

const accepted: [string, string | number | boolean, unknown[]][] = [
  ['msl', '500ms', [500_000]],
  ['msl', '1.5s', [1_500_000]],
  ['msl', '2m', [120 * S]],
  ['msl', 2000, [2 * S]],
  ['ack.delay', 0, [0]],
  ['ack.delay', 0.25, [250]],
  ['finWait2', 'off', [Infinity]],
  ['finWait2', false, [Infinity]],
  ['userTimeout', 'off', [0]],
  ['buffer.receive', '4K/128K/6M', [4 * K, 128 * K, 6 * K * K]],
  ['buffer.receive', 65_535, [65_535, 65_535, 65_535]],
  ['buffer.receive', '64K', [65_536, 65_536, 65_536]],
  ['sack', true, [true]],
  ['sack', 'off', [false]],
  ['nagle', 0, [false]],
  ['ack.stretch', 'turn', [0]],
  ['ack.stretch', 2, [2]],
  ['iw', 'rfc5681', [0]],
  ['mss', 1000, [1000]],
  ['hystart', '++', ['++']],
  ['timeWait.reuse', 'timestamps', ['timestamps']],
  ['ports', '1024-65535', [1024, 65_535]],
  ['lab.handshake', 'two-way', ['two-way']],
];
for (const [key, value, expected] of accepted) {
  test(`${key}=${value} is understood`, () => assert.deepEqual(parseConfigValue(key, value), expected));
}

const refused: [string, string | number | boolean, RegExp][] = [
  ['msl', '30', /^msl must be a duration such as 30s, 200ms or 2m between 1ms and 365d, not "30"$/],
  ['msl', '0', /^msl must be /],
  ['msl', '-1s', /not "-1s"$/],
  ['msl', Number.NaN, /not NaN$/],
  ['msl', true, /not true$/],
  ['ack.delay', '500ms', /^ack\.delay must be .* between 0 and /],
  ['sack', 'maybe', /^sack must be on or off, not "maybe"$/],
  ['congestion', 'vegas', /^congestion must be cubic or reno, not "vegas"$/],
  ['hystart', 'constructor', /^hystart must be off, classic or \+\+/],
  ['buffer.receive', '6M/128K/4K', /^buffer\.receive must be min\/start\/max/],
  ['buffer.receive', '1/2', /^buffer\.receive must be/],
  ['buffer.receive', '', /^buffer\.receive must be/],
  ['ports', '60000-50000', /^ports must be FIRST-LAST/],
  ['ttl', '256', /^ttl must be a whole number between 1 and 255, not "256"$/],
  ['ttl', '1e1', /^ttl must be/],
  ['timestamps', '__proto__', /^timestamps must be on or off/],
];
for (const [key, value, expected] of refused) {
  test(`${key}=${value} is refused in one sentence`, () => {
    assert.match(
      message(() => parseConfigValue(key, value)),
      expected,
    );
  });
}

test('an unknown key names the nearest one', () => {
  assert.match(
    message(() => parseConfigValue('timewait.rfc1336', 'on')),
    /did you mean "timeWait\.rfc1337"\?/,
  );
  assert.match(
    message(() => parseConfigValue('mls', '3s')),
    /There is no option "mls": did you mean "msl"\?/,
  );
  assert.match(
    message(() => parseConfigValue('zzzzzzzzzzz', '3s')),
    /see "fourwave config" for all/,
  );
});

test('a change leaves the old configuration alone, and a refused one changes nothing', () => {
  const base = resolveConfig();
  const changed = applyConfig(base, { msl: '1s', 'ack.policy': 'delay' });
  assert.deepEqual([changed.msl, changed.ackPolicy, base.msl], [S, 'delay', 30 * S]);
  message(() => applyConfig(base, { msl: '1s', sack: 'perhaps' }));
  assert.equal(base.msl, 30 * S);
});

test('options that contradict each other are refused together', () => {
  assert.match(
    message(() => resolveConfig('default', { 'rto.max': '100ms' })),
    /^rto\.min \(200ms\) must not be above rto\.max \(100ms\)$/,
  );
  assert.equal(
    resolveConfig('default', { 'rto.min': '10ms', 'rto.initial': '50ms', 'rto.max': '60ms' }).rtoMax,
    60_000,
  );
});

test('durations are printed in their shortest exact form', () => {
  const forms: [number, string][] = [
    [0, '0'],
    [1, '1us'],
    [1500, '1500us'],
    [40_000, '40ms'],
    [S, '1s'],
    [60 * S, '60s'],
    [75 * S, '75s'],
    [120 * S, '2m'],
    [7200 * S, '2h'],
    [48 * 3600 * S, '2d'],
  ];
  for (const [value, text] of forms) {
    assert.equal(formatDuration(value), text);
    assert.equal(parseDuration(text), value);
  }
  assert.equal(formatConfigValue('finWait2', resolveConfig('strict')), 'off');
});

test('an unknown profile is refused', () => {
  assert.match(
    message(() => resolveConfig('bsd' as 'linux')),
    /^profile must be default, strict or linux, not "bsd"$/,
  );
});
