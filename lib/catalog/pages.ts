/** Going through a table of any size page by page, each beginning after the last row of the one before. */

/**
 * The pages of a query; none of them is empty. Rows that come or go meanwhile make none appear twice.
 *
 * @param start the key that sorts before all rows
 * @param size rows of a page, at most
 * @param read gives the next `size` rows after a key, in the order of the keys
 * @param keyOf the key of a row
 */
export async function* pagesAfter<T, K>(
  start: K,
  size: number,
  read: (after: K) => Promise<T[]>,
  keyOf: (row: T) => K,
): AsyncGenerator<T[]> {
  for (let after = start;;) {
    const page = await read(after);
    const last = page.at(-1);
    if (last === undefined) return;
    yield page;
    if (page.length < size) return;
    after = keyOf(last);
  }
}
