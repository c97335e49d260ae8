// How the fuzzer is started: Jazzer.js, which is libFuzzer in Node (docs/adr/0009-fuzzing.md), with the
// C and C++ libraries of this machine.
//
// Its native part comes in the npm package, built against glibc 2.38 and libstdc++ of GCC 13. It takes
// two versions of old functions from them and one that does nothing. Where the libraries are older
// (Debian 12), a copy of it is made that asks for these versions weakly, and a library of a few lines
// gives it the functions.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';

const FOLDER = resolve('build/fuzz');
/** In the environment, since libFuzzer starts itself again for a merge. */
const NODE_OPTIONS = `--enable-source-maps --no-warnings --require ${JSON.stringify(resolve('scripts/fuzzer-preload.cjs'))}`;

/** What a machine's libraries may not have yet. */
const NEW_VERSIONS = ['GLIBC_2.38', 'GLIBCXX_3.4.32'];
const FUNCTIONS = `// What the fuzzer takes from libraries newer than this machine's.
#include <cstdlib>
#include <iostream>
extern "C" long __isoc23_strtol(const char *text, char **end, int base) { return std::strtol(text, end, base); }
extern "C" unsigned long __isoc23_strtoul(const char *text, char **end, int base) {
  return std::strtoul(text, end, base);
}
extern "C" void _ZSt21ios_base_library_initv() {}
`;

// ELF, 64 bits, little-endian: offsets in the file header, section headers and version entries.
const SECTIONS_AT = 0x28;
const SECTION_SIZE = 0x3a;
const SECTION_COUNT = 0x3c;
const SECTION_VERNEED = 0x6ffffffe;
const VERSION_WEAK = 2;

function section(file, index) {
  const at = Number(file.readBigUInt64LE(SECTIONS_AT)) + index * file.readUInt16LE(SECTION_SIZE);
  return {
    type: file.readUInt32LE(at + 4),
    offset: Number(file.readBigUInt64LE(at + 24)),
    link: file.readUInt32LE(at + 40),
    count: file.readUInt32LE(at + 44),
  };
}

/** Entries of .gnu.version_r: what is asked of which version of which library. */
function* versionsNeeded(file) {
  for (let index = 0; index < file.readUInt16LE(SECTION_COUNT); index++) {
    const { type, offset, link, count } = section(file, index);
    if (type !== SECTION_VERNEED) continue;
    const names = section(file, link).offset;
    let library = offset;
    for (let i = 0; i < count; i++, library += file.readUInt32LE(library + 12)) {
      let entry = library + file.readUInt32LE(library + 8);
      for (let k = 0; k < file.readUInt16LE(library + 2); k++, entry += file.readUInt32LE(entry + 12)) {
        const name = names + file.readUInt32LE(entry + 8);
        yield { name: file.toString('latin1', name, file.indexOf(0, name)), flagsAt: entry + 4 };
      }
    }
  }
}

/** A copy that is loaded although the newest versions are missing. */
function copyForOldLibraries(original, copy) {
  const file = readFileSync(original);
  for (const { name, flagsAt } of versionsNeeded(file)) {
    if (NEW_VERSIONS.includes(name)) file.writeUInt16LE(file.readUInt16LE(flagsAt) | VERSION_WEAK, flagsAt);
  }
  writeFileSync(copy, file);
  return true;
}

function compileFunctions(library) {
  const source = `${library}.cc`;
  writeFileSync(source, FUNCTIONS);
  const compiler = process.env.CXX ?? 'c++';
  const compiled = spawnSync(compiler, ['-shared', '-fPIC', '-O1', '-o', library, source]).status === 0;
  rmSync(source);
  return compiled;
}

/** Makes a file that other runs may have mapped: it comes whole and is never written again. */
function makeOnce(path, make) {
  if (existsSync(path)) return true;
  const unfinished = `${path}.${process.pid}`;
  if (!make(unfinished)) return false;
  renameSync(unfinished, path);
  return true;
}

function loads(addon, env) {
  const script = `process.dlopen({ exports: {} }, ${JSON.stringify(addon)})`;
  const { status, stderr } = spawnSync(process.execPath, ['-e', script], {
    env: { ...process.env, ...env },
    encoding: 'utf8',
  });
  return { ok: status === 0, why: /Error: (.*)/.exec(stderr)?.[1] ?? stderr };
}

/**
 * The environment in which Jazzer.js runs on this machine.
 * @returns {{ env: Record<string, string> } | { why: string }}
 */
export function fuzzerEnvironment() {
  const require = createRequire(join(process.cwd(), 'package.json'));
  const name = `fuzzer-${process.platform}-${process.arch}.node`;
  const home = dirname(dirname(require.resolve('@jazzer.js/fuzzer')));
  const original = join(home, 'prebuilds', name);
  if (!existsSync(original)) return { why: `Jazzer.js is not built for ${process.platform} ${process.arch}` };
  const direct = loads(original, {});
  if (direct.ok) return { env: { NODE_OPTIONS } };
  if (process.platform !== 'linux') return { why: direct.why };
  const { version } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'));
  mkdirSync(FOLDER, { recursive: true });
  const copy = join(FOLDER, `${version}-${name}`);
  const library = join(FOLDER, 'functions.so');
  makeOnce(copy, (path) => copyForOldLibraries(original, path));
  if (!makeOnce(library, compileFunctions)) return { why: `${direct.why}, and there is no C++ compiler` };
  const env = { LD_PRELOAD: library, FOURWAVE_FUZZER_ADDON: copy };
  const adapted = loads(copy, env);
  return adapted.ok ? { env: { ...env, NODE_OPTIONS } } : { why: adapted.why };
}

/** Arguments of node for a run of `target` (a compiled module that exports `fuzz`) under libFuzzer. */
export function fuzzerArguments(target, { instrumented = 'build/test/src/', hangSeconds = 30, libFuzzer }) {
  return [
    'node_modules/@jazzer.js/core/dist/cli.js',
    target,
    '--includes',
    instrumented,
    '--sync',
    // They look for injections into shells, files and databases; there are none here.
    '--disableBugDetectors',
    '.*',
    // In place of libFuzzer's own -timeout.
    '--timeout',
    String(1000 * hangSeconds),
    '--',
    ...libFuzzer,
  ];
}
