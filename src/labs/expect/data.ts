/** Fields of an event's data, as what they should be. */

export type Data = Readonly<Record<string, unknown>>;

/** '' where there is none. */
export function wordIn(data: Data, ...keys: readonly string[]): string {
  const value = keys.map((key) => data[key]).find((one) => one !== undefined);
  return typeof value === 'string' ? value : '';
}

/** 0 where there is none. */
export function countIn(data: Data, key: string): number {
  const value = data[key];
  return typeof value === 'number' ? value : 0;
}

/** {} where there is none. */
export function partOf(data: Data, key: string): Data {
  const value = data[key];
  return typeof value === 'object' && value !== null ? (value as Data) : {};
}
