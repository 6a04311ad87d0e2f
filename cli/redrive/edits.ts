/** Corrections of dead letters, from a file with one JSON object a line. */
import { domain } from '#domain';
import type { Correction, Letter } from '../dead-letters/letter.ts';
import { type FileProblem, notJson } from '../publishing/event-file.ts';
import { readText } from '../terminal/read-text.ts';
import { printable } from '../terminal/text.ts';
import { ID_FIELD } from '../terminal/words.ts';

/** Corrected events, by the letters that they stand in for. */
export interface Edits {
  /** The correction of a letter, if there is one. */
  for(letter: Letter): Edit | undefined;
  readonly edits: readonly Edit[];
}

export interface Edit extends Correction {
  /** From 1. */
  readonly line: number;
  /** The message ID of the letter, or the ID of its event. */
  readonly replaces: string;
}

/**
 * Reads corrections. A line is an object with `messageId` or the domain's ID field, where there are both the first one counts, and the
 * corrected `body`, an event or its JSON text: an exported line with its body put right. A line that is an event replaces the
 * letter with its ID.
 * @throws CommandError for a file that cannot be read
 */
export async function readEdits(
  file: string,
  stdin: NodeJS.ReadableStream,
): Promise<Edits & { problems: FileProblem[] }> {
  const problems: FileProblem[] = [];
  const byId = new Map<string, Edit>();
  const lines = (await readText(file, stdin)).split('\n');
  for (const [index, text] of lines.entries()) {
    if (text.trim() === '') continue;
    const line = index + 1;
    const edit = readEdit(text, line, problems);
    const earlier = edit && byId.get(edit.replaces);
    if (earlier) {
      problems.push({
        line,
        field: printable(edit.replaces, 100),
        message: `is already replaced on line ${earlier.line}`,
      });
    } else if (edit) byId.set(edit.replaces, edit);
  }
  if (byId.size === 0 && problems.length === 0) {
    problems.push({ line: 1, field: 'body', message: 'is missing: there is no line in the file' });
  }
  return {
    problems,
    edits: Array.from(byId.values()),
    for: ({ messageId, id }) => byId.get(messageId) ?? (id === undefined ? undefined : byId.get(id)),
  };
}

function readEdit(text: string, line: number, problems: FileProblem[]): Edit | undefined {
  const refuse = (field: string, message: string) => {
    problems.push({ line, field, message });
    return undefined;
  };
  let value: Record<string, unknown>;
  let event: unknown;
  let body: string;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return refuse('line', notJson(error));
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refuse('line', 'must be an object');
  }
  const replaces = value.messageId ?? value[ID_FIELD];
  if (typeof replaces !== 'string' || replaces === '') {
    return refuse('messageId', `is missing: a line names its letter by messageId or ${ID_FIELD}`);
  }
  const corrected = value.body ?? value;
  try {
    event = typeof corrected === 'string' ? JSON.parse(corrected) : corrected;
    body = typeof corrected === 'string' ? corrected : JSON.stringify(corrected);
  } catch (error) {
    return refuse('body', notJson(error));
  }
  const result = domain.events.check(event);
  if ('event' in result) return { line, replaces, body, event: result.event };
  problems.push(...result.problems.map((problem) => ({ line, ...problem })));
  return undefined;
}
