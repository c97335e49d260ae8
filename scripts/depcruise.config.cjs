// The layers of src/, from docs/architecture.md: who may import whom. No import goes up.

/** Folder → the folders that it may import besides itself. Node and npm packages are below. */
const MAY_IMPORT = {
  base: [],
  wire: ['base'],
  ip: ['base', 'wire'],
  tcp: ['base', 'wire'],
  device: ['base', 'wire'],
  trace: ['base', 'wire', 'ip', 'tcp'],
  stack: ['base', 'wire', 'device', 'ip', 'tcp', 'trace'],
  capture: ['base', 'wire', 'trace'],
  faults: ['base', 'wire', 'device', 'tcp', 'trace', 'stack'],
  replay: ['base', 'wire', 'device', 'tcp', 'trace', 'stack', 'faults', 'drill'],
  posix: ['base', 'wire', 'tcp', 'stack'],
  net: ['base', 'wire', 'tcp', 'stack'],
  sim: ['base', 'wire', 'device', 'ip', 'tcp', 'trace', 'stack', 'posix'],
  drill: ['base', 'wire', 'tcp', 'device', 'stack', 'posix'],
  // The tops use what a user of the library could use: no folder of protocol code but by its types.
  apps: ['base', 'wire', 'stack', 'posix', 'net', 'trace'],
  labs: ['base', 'wire', 'device', 'stack', 'posix', 'trace', 'faults', 'sim'],
  inspector: ['base', 'wire', 'device', 'stack', 'posix', 'net', 'trace', 'faults', 'sim', 'labs'],
  cli: [
    'base',
    'wire',
    'device',
    'stack',
    'posix',
    'net',
    'trace',
    'faults',
    'sim',
    'labs',
    'apps',
    'inspector',
    'drill',
    'capture',
    'replay',
  ],
};
const TOPS = ['apps', 'labs', 'inspector', 'cli'];
const WITHOUT_NODE = [
  'base',
  'wire',
  'ip',
  'tcp',
  'trace',
  'posix',
  'sim',
  'stack',
  'faults',
  'drill',
  'capture',
  'replay',
  'labs',
];

const any = (names) => `(${names.join('|')})`;

const layers = Object.entries(MAY_IMPORT).map(([folder, allowed]) => ({
  name: `layer-${folder}`,
  comment: `${folder} may import ${allowed.join(', ') || 'nothing but itself'}`,
  severity: 'error',
  from: { path: `^src/${folder}/` },
  to: {
    path: '^src/',
    pathNot: `^src/${any([folder, ...allowed])}/${TOPS.includes(folder) ? '|^src/[^/]+$' : ''}`,
    // What the tops know of a connection's insides they know by type: nothing runs there.
    ...(TOPS.includes(folder) ? { dependencyTypesNot: ['type-only'] } : {}),
  },
}));

/** Inside tcp/: from folder to folders that it never imports. */
const TCP_NEVER = [
  ['tcp-input', 'input', 'output', 'input changes the control block; only phase 4 makes segments'],
  ['tcp-calls', 'calls', 'output', 'calls change the control block; only phase 4 makes segments'],
  ['tcp-timers', 'timers', 'output', 'an expiry changes the control block; only phase 4 makes segments'],
  ['tcp-output', 'output', 'input|calls', 'output decides from the control block alone'],
  [
    'tcp-parts',
    'receive|send|congestion|recovery',
    'input|output|calls',
    'the parts do not know their conductor',
  ],
  ['tcp-congestion-recovery', 'congestion', 'recovery', 'the ACK check is the only conductor'],
  ['tcp-recovery-congestion', 'recovery', 'congestion', 'the ACK check is the only conductor'],
].map(([name, from, to, comment]) => ({
  name,
  comment,
  severity: 'error',
  from: { path: `^src/tcp/(${from})/` },
  to: { path: `^src/tcp/(${to})/` },
}));

const OTHERS = [
  {
    name: 'no-cycle',
    comment: 'no import cycles; two types may name each other',
    severity: 'error',
    from: {},
    to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
  },
  {
    name: 'congestion-sees-numbers',
    comment: 'congestion control never sees a control block, only numbers',
    severity: 'error',
    from: { path: '^src/tcp/congestion/' },
    to: { path: '^src/tcp/(tcb|snd|rcv|engine|connections)\\.ts$' },
  },
  {
    name: 'tcp-insides',
    comment: 'both APIs stand on tcp/engine, not on its insides',
    severity: 'error',
    from: { path: '^src/(net|posix)/' },
    to: {
      path: '^src/tcp/(input|output|calls|receive|send|timers|recovery|congestion|compact)/',
      // The timers' names are everybody's vocabulary.
      pathNot: '^src/tcp/timers/timer-table\\.ts$',
      dependencyTypesNot: ['type-only'],
    },
  },
  {
    name: 'no-node-in-core',
    comment: 'these folders run in a browser, in a simulator, from a recording',
    severity: 'error',
    from: { path: `^src/${any(WITHOUT_NODE)}/`, pathNot: '^src/stack/driver\\.ts$' },
    to: { dependencyTypes: ['core'] },
  },
  {
    name: 'no-npm-in-core',
    comment: 'npm packages belong to the command line, the inspector and the devices',
    severity: 'error',
    from: { path: `^src/${any([...WITHOUT_NODE, 'net'])}/` },
    // typebox, which writes the event log's schema, is as free of I/O as this code.
    to: {
      dependencyTypes: ['npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg', 'npm-unknown'],
      pathNot: '/typebox/',
    },
  },
  {
    name: 'no-dev-package',
    comment: 'what runs cannot depend on what only develops',
    severity: 'error',
    from: { path: '^src/' },
    to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
  },
  {
    name: 'addon-only-in-device',
    comment: 'src/device alone touches the native addon',
    severity: 'error',
    from: { path: '^src/', pathNot: '^src/device/' },
    to: { path: '(^|/)native/|\\.node$' },
  },
  {
    name: 'src-alone',
    comment: 'the program does not import tests, scripts or its own output',
    severity: 'error',
    from: { path: '^src/' },
    to: { path: '^(test|scripts|dist|build)/', pathNot: '\\.node$' },
  },
  {
    name: 'no-barrel',
    comment: 'an index.ts exists only where the package has an entry point, and for the labs in their order',
    severity: 'error',
    from: {},
    to: {
      path: '^src/.+/index\\.ts$',
      pathNot: '^src/(net|sim|wire|posix|tcp)/index\\.ts$|^src/labs/catalogue/[a-z/-]*index\\.ts$',
    },
  },
  {
    name: 'unresolvable',
    comment: 'an import that leads nowhere; tuntap2 and the addon may be absent',
    severity: 'error',
    from: { path: '^src/' },
    to: { couldNotResolve: true, pathNot: '^(tuntap2|raw-socket)$|\\.node$' },
  },
];

module.exports = {
  forbidden: [...layers, ...TCP_NEVER, ...OTHERS],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      mainFields: ['module', 'main', 'types'],
    },
  },
};
