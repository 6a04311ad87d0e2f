/** The description of an alarm: what it means, and the article of the runbook that says what to do. */

/** The text of an alarm. @param article anchor in docs/runbook.md */
export function alarmText(meaning: string, article: string): string {
  return `${meaning} What to do: docs/runbook.md#${article}`;
}

/** What an alarm's text says: its meaning and, as `docs/runbook.md#dead-letters`, its article where it names one. */
export function readAlarmText(text: string): { meaning: string; article: string | undefined } {
  const [, meaning = '', article] = /^(.*?)(?: What to do: (\S+))?$/s.exec(text) ?? [];
  return { meaning, article };
}
