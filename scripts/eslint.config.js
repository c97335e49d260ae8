// What a compiler cannot check: sizes, sequence arithmetic, who may assign `state`, what the packet
// path must not do. The layers are in depcruise.config.cjs, the format in biome.json.

import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';
import { disableNeedsReason, lineLength } from './eslint-rules.js';

/** Folders that know bytes and the injected clock, and nothing of Node. */
const SANS_IO = [
  'base',
  'wire',
  'ip',
  'tcp',
  'trace',
  'stack',
  'sim',
  'posix',
  'faults',
  'drill',
  'capture',
  'replay',
  'labs',
].map((folder) => `src/${folder}/**/*.ts`);
/** Ties turns to the event loop; the one file of src/stack that may know it. */
const DRIVER = ['src/stack/driver.ts'];

const PACKET_PATH = [
  'src/wire/**/*.ts',
  'src/ip/{input,output,fragments,icmp}.ts',
  'src/tcp/{input,output,recovery,congestion,receive,send}/**/*.ts',
];
const NOT_PACKET_PATH = ['src/wire/address.ts', 'src/wire/index.ts'];

const FORBIDDEN_GLOBALS = [
  'Date performance setTimeout setInterval setImmediate clearTimeout clearInterval clearImmediate',
  'queueMicrotask process console Buffer globalThis global require fetch',
].join(' ');

const CORE_MODULES = [
  'buffer',
  'child_process',
  'crypto',
  'dgram',
  'events',
  'fs',
  'net',
  'os',
  'path',
  'process',
  'stream',
  'timers',
  'util',
  'worker_threads',
];

/** Points in sequence space. `end` is one only in tcp/: elsewhere it is an offset in bytes. */
const seqFields = (names) => `[property.name=/^(${names})$/]`;
const SEQ = seqFields('una|nxt|iss|irs|wl1|wl2|seq|ack|recover');
const SEQ_IN_TCP = seqFields('una|nxt|iss|irs|wl1|wl2|seq|ack|recover|end');

const compares = (fields) => [
  {
    selector: `BinaryExpression[operator=/^[<>]=?$/] > MemberExpression${fields}`,
    message: 'Sequence numbers wrap: compare with seqLt() and its kin (base/seq.ts).',
  },
  {
    selector: `CallExpression[callee.object.name='Math'][callee.property.name=/^(min|max)$/] > MemberExpression${fields}`,
    message: 'Sequence numbers wrap: Math.min and Math.max do not.',
  },
];
const assignsState = (of) => ({
  selector: `:matches(AssignmentExpression > MemberExpression.left, UpdateExpression > MemberExpression)${of}[property.name='state']`,
  message: 'Only tcp/transitions.ts assigns `state`: use transition().',
});
/** However it is loaded: createRequire() is invisible to depcruise.config.cjs. */
const ADDON = {
  selector: 'Literal[value=/\\.node$/]',
  message: 'src/device alone touches the native addon.',
};
// The sender's second machine, open/disorder/recovery/loss, has a state of its own.
const ANY_STATE = assignsState(":not([object.property.name='recovery'])");
const TCB_STATE = assignsState('[object.name=/^(tcb|listener|connection|machine)$/]');

// Code that runs for packets. Not: constructors; `grow…`, how a table gets larger once in a while;
// `take…`, how a pool answers when it is empty; `create…`, how a connection gets its parts.
const RUNS_PER_PACKET = [
  'FunctionDeclaration[id.name!=/^(grow|take|create)/]',
  "MethodDefinition[kind!='constructor'][key.name!=/^(grow|take|create)/] > FunctionExpression",
  'VariableDeclarator > :matches(ArrowFunctionExpression, FunctionExpression)',
  'Property > :matches(ArrowFunctionExpression, FunctionExpression)',
  'PropertyDefinition > :matches(ArrowFunctionExpression, FunctionExpression)',
].join(', ');
const inside = (what, message) => ({ selector: `:matches(${RUNS_PER_PACKET}) :matches(${what})`, message });
const PACKET_PATH_SYNTAX = [
  inside(':function', 'No closure on the packet path.'),
  inside('ObjectExpression, ArrayExpression, NewExpression', 'No allocation on the packet path.'),
  inside('SpreadElement, RestElement', 'No spread or rest on the packet path: it allocates.'),
  inside('TemplateLiteral, TaggedTemplateExpression', 'No template string on the packet path: it allocates.'),
  inside('TryStatement', 'No try on the packet path: nothing there throws.'),
  { selector: ':function[async=true], AwaitExpression', message: 'The packet path is synchronous.' },
  { selector: ':function[generator=true]', message: 'No generator on the packet path: it allocates.' },
];

const sizes = {
  'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
  'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true, IIFEs: true }],
  complexity: ['error', { max: 12 }],
  'max-params': ['error', { max: 5 }],
  'fourwave/line-length': ['error', { max: 120 }],
};

const bearable = {
  // Numbers in messages are wanted, and read well.
  '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
  // Typed arrays of unproven index: `as number` documents the proof, whichever flags the compiler runs with.
  '@typescript-eslint/no-unnecessary-type-assertion': 'off',
  // Believes that every index is in range; a test for `undefined` is how one proves it.
  '@typescript-eslint/no-unnecessary-condition': 'off',
  '@typescript-eslint/no-non-null-assertion': 'off',
  '@typescript-eslint/no-confusing-void-expression': 'off',
  // An interface decides whether there is something to do; an empty method is an answer.
  '@typescript-eslint/no-empty-function': 'off',
  '@typescript-eslint/no-extraneous-class': 'off',
  '@typescript-eslint/unified-signatures': 'off',
  '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
};

const restrict = (...selectors) => ({ 'no-restricted-syntax': ['error', ...selectors] });

export default defineConfig(
  { ignores: ['dist/**', 'build/**', 'node_modules/**', 'test/lint/fixtures/**'] },
  {
    plugins: {
      fourwave: { rules: { 'disable-needs-reason': disableNeedsReason, 'line-length': lineLength } },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: { 'fourwave/disable-needs-reason': 'error' },
  },
  {
    files: ['src/**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: { ...bearable, ...sizes, ...restrict(ADDON, ...compares(SEQ), TCB_STATE) },
  },
  {
    files: SANS_IO,
    ignores: DRIVER,
    rules: {
      'no-restricted-globals': [
        'error',
        ...FORBIDDEN_GLOBALS.split(' ').map((name) => ({
          name,
          message: 'Time, randomness and I/O are injected here.',
        })),
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'Randomness is injected: base/random.ts.' },
      ],
      'no-restricted-imports': [
        'error',
        {
          paths: CORE_MODULES,
          patterns: [{ group: ['node:*'], message: 'This folder knows nothing of Node.' }],
        },
      ],
    },
  },
  { files: ['src/device/**/*.ts'], rules: restrict(...compares(SEQ), TCB_STATE) },
  { files: ['src/tcp/**/*.ts'], rules: restrict(ADDON, ...compares(SEQ_IN_TCP), ANY_STATE) },
  { files: ['src/tcp/transitions.ts'], rules: restrict(ADDON, ...compares(SEQ_IN_TCP)) },
  {
    files: PACKET_PATH,
    ignores: NOT_PACKET_PATH,
    rules: restrict(ADDON, ...compares(SEQ), TCB_STATE, ...PACKET_PATH_SYNTAX),
  },
  {
    files: ['src/tcp/{input,output,recovery,congestion,receive,send}/**/*.ts'],
    rules: restrict(ADDON, ...compares(SEQ_IN_TCP), ANY_STATE, ...PACKET_PATH_SYNTAX),
  },
  {
    files: ['test/**/*.ts', 'scripts/**/*.ts'],
    extends: [tseslint.configs.strict],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      complexity: ['error', { max: 15 }],
    },
  },
  {
    files: ['scripts/**/*.ts'],
    rules: { 'max-lines': ['error', { max: 250, skipBlankLines: true, skipComments: true }] },
  },
);
