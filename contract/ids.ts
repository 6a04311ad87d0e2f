/** What identifies orders, customers and articles, as a pattern and in words. */
export const ID = { pattern: /^[A-Za-z0-9_-]{1,64}$/, words: '1 to 64 letters, digits, "-" or "_"' };
export const SKU = { pattern: /^[A-Za-z0-9_.-]{1,64}$/, words: '1 to 64 letters, digits, "-", "_" or "."' };
