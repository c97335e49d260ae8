// Loaded before Jazzer.js: gives it the native part that fits this machine. See fuzzer.js.

const adapted = process.env.FOURWAVE_FUZZER_ADDON;
if (adapted !== undefined) {
  const load = process.dlopen;
  process.dlopen = (module, file, ...rest) =>
    load.call(process, module, file.includes('@jazzer.js') ? adapted : file, ...rest);
}
