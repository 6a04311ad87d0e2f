/** The description of an alarm, as its mails show it: what it means, what to do, and where to look. */

/**
 * @param meaning a sentence
 * @param article address of the article in the runbook
 * @param links name of a page → its address
 */
export function alarmText(
  meaning: string,
  article: string,
  links: Readonly<Record<string, string>> = {},
): string {
  const pages = Object.entries(links).map(([page, address]) => `${page}: ${address}`);
  return [meaning, `What to do: ${article}`, ...pages].join('\n');
}

/** Reads an alarm's text: its meaning and, if it names one, the address of its article, such as `…/runbook.md#dead-letters`. */
export function readAlarmText(text: string): { meaning: string; article: string | undefined } {
  const [, meaning = '', article] = /^(.*?)(?:\nWhat to do: (\S+).*)?$/s.exec(text) ?? [];
  return { meaning, article };
}

/** "at least 5 deliveries", "at least one delivery". */
export function atLeast(count: number, thing: string, things = `${thing}s`): string {
  return count === 1 ? `at least one ${thing}` : `at least ${count.toLocaleString('en-US')} ${things}`;
}
