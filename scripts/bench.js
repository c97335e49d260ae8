// The stack beside the kernel, in one run: how fast it is, and how well it does on a bad path.

const BENCHMARKS = {
  throughput: async (args) => (await import('./benchmarks/throughput.js')).throughput(args),
  recovery: async (args) => (await import('./benchmarks/recovery.js')).recovery(args),
};

const [name, ...rest] = process.argv.slice(2);
const named = name !== undefined && Object.hasOwn(BENCHMARKS, name);
const args = named ? rest : process.argv.slice(2);
if (process.getuid() !== 0 && !args.includes('--help')) {
  console.error('bench: making namespaces needs root: sudo npm run bench');
  process.exit(3);
}
await BENCHMARKS[named ? name : 'throughput'](args);
