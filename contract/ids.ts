/** What identifies an event's subject or group, as a pattern and in words. */
export const ID = { pattern: /^[A-Za-z0-9_-]{1,64}$/, words: '1 to 64 letters, digits, "-" or "_"' };
