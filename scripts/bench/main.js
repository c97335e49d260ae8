// The stack beside the kernel and beside other stacks, in one run: how fast it is; and how well it does on a bad path.

import { parseArgs } from 'node:util';

const HELP = `npm run bench -- [--quick] [--only TEXT] [--passes N] [--seconds S] [--json]
  --quick             about three minutes instead of fifteen: shorter windows, MTU 1500 only, fewer connections
  --only TEXT         workloads with this in "SUBJECT WORKLOAD": "sink", "fourwave-raw", "lwip churn", "spread"
  --passes N          interleaved passes, default 5; the medians are shown
  --seconds S         length of each measurement
  --json              everything, as JSON
  --profile WORKLOAD  leaves a flame graph of one workload in runs/ instead: sink, source, both, rtt, churn, requests
  --subject SUBJECT   whose profile, default fourwave-raw-offload
npm run bench -- recovery --help: goodput on a bad path
npm run bench -- capacity --help: a hundred thousand connections and a million in TIME-WAIT
A run in which the kernel's own figure varies by more than 1.5 is void: it says so, and docs/benchmarks.md stays as it was.`;

const OPTIONS = {
  quick: { type: 'boolean', default: false },
  only: { type: 'string', default: '' },
  passes: { type: 'string' },
  seconds: { type: 'string' },
  json: { type: 'boolean', default: false },
  profile: { type: 'string' },
  subject: { type: 'string', default: 'fourwave-raw-offload' },
  help: { type: 'boolean', default: false },
};
const EXIT_USAGE = 2;
const EXIT_NOT_ALLOWED = 3;

function needRoot() {
  if (process.getuid() === 0) return;
  console.error('bench: making namespaces needs root: sudo npm run bench');
  process.exit(EXIT_NOT_ALLOWED);
}

function parse(args) {
  try {
    return parseArgs({ args, options: OPTIONS }).values;
  } catch (error) {
    console.error(`bench: ${error.message}`);
    process.exit(EXIT_USAGE);
  }
}

async function main(args) {
  if (args[0] === 'recovery') {
    if (!args.includes('--help')) needRoot();
    return (await import('./recovery/recovery.js')).recovery(args.slice(1));
  }
  if (args[0] === 'capacity') {
    if (!args.includes('--help')) needRoot();
    return endWell(async () => (await import('./capacity.js')).capacity(args.slice(1)));
  }
  const options = parse(args);
  if (options.help) return console.log(HELP);
  needRoot();
  return endWell(async () => {
    if (options.profile !== undefined) return (await import('./profile.js')).profile(options);
    return (await import('./side-by-side.js')).sideBySide(options, ['npm run bench --', ...args].join(' '));
  });
}

/** However it ends, what was taken from the machine is given back. */
async function endWell(run) {
  const { giveBack } = await import('./machine.js');
  process.on('exit', giveBack);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1));
  return run();
}

await main(process.argv.slice(2));
