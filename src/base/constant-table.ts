/** Tables of names and numbers that the packet path looks at. */

/**
 * Each name with its place in the list. Made at once and frozen, so that V8 folds the members into the code: an object
 * that is filled member by member becomes a dictionary, in which each is looked up for every packet. Without a
 * prototype: a word from outside finds nothing but names (N10).
 */
export function constantTable<Name extends string>(
  names: readonly Name[],
): { readonly [name in Name]: number } {
  const table: object = Object.fromEntries(names.map((name, place) => [name, place]));
  return Object.freeze(Object.setPrototypeOf(table, null)) as { readonly [name in Name]: number };
}
