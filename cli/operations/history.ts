/** What operators did, as `redrive --history` prints it. */
import { count, format, hang, printable, time } from '../terminal/text.ts';
import { isReplay, isSwitch, type Operation } from './record.ts';

/** The same for programs. */
export function historyObject(operations: readonly Operation[]): object {
  return {
    redrives: operations.filter((each) => !isSwitch(each) && !isReplay(each)),
    replays: operations.filter(isReplay),
    stopsAndStarts: operations.filter(isSwitch),
  };
}

/** @param place where they are recorded */
export function historyText(operations: readonly Operation[], place: string): string {
  if (operations.length === 0) return `No redrive is recorded in ${place}`;
  return operations
    .map((each) => {
      const [what, end] = describe(each);
      const head = hang(time(new Date(each.at)), printable(`${each.consumer}: ${what}`), 22);
      return `${head}\n${hang('', printable(end), 2)}\n  by ${printable(each.who)}`;
    })
    .join('\n');
}

/** What was done, and how it ended. */
function describe(operation: Operation): [what: string, end: string] {
  const open = 'it has not said how it ended';
  if (isSwitch(operation)) {
    const { operation: what, reason, outcome = open } = operation;
    return [reason === undefined ? what : `${what} (${reason})`, outcome];
  }
  if (isReplay(operation)) {
    const { what, objects, sent, skipped = 0, outcome } = operation;
    const read = `replay of ${what}, ${count(objects, 'object')}`;
    if (sent === undefined) return [read, open];
    return [read, `${count(sent, 'message')} sent, ${count(skipped, 'object')} skipped; ${outcome}`];
  }
  const { what, letters, sent, cameBack = 0, outcome } = operation;
  if (sent === undefined) return [what, `${count(letters, 'letter')}; ${open}`];
  return [
    what,
    `${format(sent)} of ${count(letters, 'letter')} sent, ${format(cameBack)} came back; ${outcome}`,
  ];
}
