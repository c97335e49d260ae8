// src/ and test/ → build/test/, file by file: types removed and `.ts` imports renamed, nothing else.
// `import.meta` still speaks of the source file, so that a test finds what lies beside it.

import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { filesUnder } from './files.js';

export const OUTPUT = 'build/test';
const FOLDERS = ['src', 'test', 'scripts'];
const NOT_COMPILED = 'test/lint/fixtures/';

/** Where the JavaScript of `source` goes. */
export function outputOf(source) {
  return join(OUTPUT, source.replace(/\.ts$/, '.js'));
}

/** Written after the last change of its source? */
function isCurrent(source) {
  const output = outputOf(source);
  return existsSync(output) && statSync(output).mtimeMs > statSync(source).mtimeMs;
}

/** `text` as the JavaScript of `source`. */
export function transpile({ ts, options }, source, text) {
  const path = resolve(source);
  const located = text
    .replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href))
    .replaceAll('import.meta.dirname', JSON.stringify(dirname(path)))
    .replaceAll('import.meta.filename', JSON.stringify(path));
  return ts.transpileModule(located, { compilerOptions: options, fileName: path }).outputText;
}

function compile(compiler, source) {
  const outputText = transpile(compiler, source, readFileSync(source, 'utf8'));
  mkdirSync(dirname(outputOf(source)), { recursive: true });
  writeFileSync(outputOf(source), outputText);
}

/** TypeScript and the options that {@link transpile} wants. */
export async function loadTypeScript() {
  const { default: ts } = await import('typescript');
  const { config } = ts.readConfigFile('tsconfig.json', ts.sys.readFile);
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, '.');
  // One file at a time, the compiler does not look for a package.json: told, not found, that these are modules.
  const modules = { module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler };
  const maps = { sourceMap: false, inlineSourceMap: true, inlineSources: true, declaration: false };
  return { ts, options: { ...options, ...modules, ...maps } };
}

/** Compiles what has changed and removes what has no source any more. */
export async function compileTests() {
  const sources = FOLDERS.flatMap(filesUnder).filter(
    (file) => file.endsWith('.ts') && !file.endsWith('.d.ts') && !file.startsWith(NOT_COMPILED),
  );
  const expected = new Set(sources.map(outputOf));
  for (const file of filesUnder(OUTPUT)) if (!expected.has(file)) rmSync(file);
  const changed = sources.filter((source) => !isCurrent(source));
  if (changed.length === 0) return;
  const compiler = await loadTypeScript();
  for (const source of changed) compile(compiler, source);
}
