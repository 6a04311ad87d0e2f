/** What identifies an article, as a pattern and in words. */
export const SKU = { pattern: /^[A-Za-z0-9_.-]{1,64}$/, words: '1 to 64 letters, digits, "-", "_" or "."' };
