// Numbers, counts and columns, as people read them.

/** `1,204`. */
export function format(number: number): string {
  return number.toLocaleString('en-US');
}

/** `1 order`, `1,204 orders`. */
export function count(number: number, noun: string): string {
  return `${format(number)} ${noun}${number === 1 ? '' : 's'}`;
}

/**
 * Rows as aligned lines, two blanks between columns; the first column on the left, the others on the right.
 * @param left further columns that are on the left, from 0
 */
export function table(rows: readonly (readonly string[])[], left: readonly number[] = []): string {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const cell = (text: string, column: number) =>
    column === 0 || left.includes(column)
      ? text.padEnd(widths[column] ?? 0)
      : text.padStart(widths[column] ?? 0);
  return rows.map((row) => row.map(cell).join('  ').trimEnd()).join('\n');
}
