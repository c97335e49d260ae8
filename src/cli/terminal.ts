/** Writing to the two streams, with colour where a person looks. */

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34, magenta: 35, cyan: 36 } as const;
export type Colour = keyof typeof CODES;
export type Paint = (colour: Colour, text: string) => string;

/** `NO_COLOR` and everything that is no terminal get plain text. */
export function painter(stream: { isTTY?: boolean } = process.stdout): Paint {
  const colours = stream.isTTY === true && !process.env['NO_COLOR'];
  return (colour, text) => (colours ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text);
}

export function print(text: string): void {
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value));
}

/** Left-aligned columns, two blanks apart. `paint` may add colours after the width is known. */
export function columns(
  rows: readonly (readonly string[])[],
  paint: (text: string, column: number) => string = (text) => text,
): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  return rows
    .map((row) =>
      row
        .map((cell, column) => {
          const last = column === row.length - 1;
          return paint(cell, column) + (last ? '' : ' '.repeat((widths[column] as number) - cell.length + 2));
        })
        .join(''),
    )
    .join('\n');
}
