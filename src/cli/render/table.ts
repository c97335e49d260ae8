/** Tables of words whose keys come from another process: what every object inherits is no entry. */
export function entry<Value>(table: Readonly<Record<string, Value>>, key: string): Value | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}
