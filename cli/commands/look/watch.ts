/** `watch`: status, refreshed, with short histories. */

import { setTimeout } from 'node:timers/promises';
import type { Command } from 'commander';
import { explain, isTransient } from '../../aws/errors.ts';
import { type Health, lookAtHealth } from '../../aws/health.ts';
import { connect, type StackHandles } from '../../aws/stack.ts';
import { addStackOptions, type StackOptions } from '../../options/stack-options.ts';
import { wholeNumber } from '../../options/values.ts';
import type { Io } from '../../terminal/io.ts';
import { format, table, time, widthOf } from '../../terminal/text.ts';
import { examples, PRODUCTION } from '../../terminal/words.ts';
import {
  alarmLines,
  alarms,
  deadLetters,
  healthObject,
  nameOf,
  nextLine,
  oldest,
  title,
  unroutedLines,
} from './status.ts';

interface WatchOptions extends StackOptions {
  readonly interval: number;
}

const EXAMPLES = `
${examples('watch --local', `watch --stack ${PRODUCTION} --interval 15`)}

In a pipe it prints a line for each refresh: waiting/in flight/dead letters of each consumer,
and which consumers are stopped. Ctrl-C ends it, with exit code 0.`;

export function define(command: Command, io: Io): void {
  command
    .description('Shows the state of each consumer live, with its recent history.')
    .option('--interval <seconds>', 'seconds between refreshes', wholeNumber(1, 3600), 5);
  addStackOptions(command, 'one JSON object for each refresh')
    .addHelpText('after', EXAMPLES)
    .action(async (options: WatchOptions) => {
      io.exitCode = await watch(options, io);
    });
}

/** Consumer → messages waiting and in flight at the last refreshes, oldest first. */
type Backlog = Map<string, number[]>;

const LOOKS = 30;
const LEVELS = '▁▂▃▄▅▆▇█';
const SPARK = { least: 5, most: 15 };
const DEFAULT = { columns: 80, rows: 24 };

const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';
const CLEAR_TO_END_OF_LINE = '\x1b[K';
const CLEAR_BELOW = '\x1b[J';

/** @returns the exit code */
async function watch(options: WatchOptions, io: Io): Promise<number> {
  const signal = io.untilInterrupted();
  const { clients, stack } = await connect(options, io);
  const display = options.json
    ? jsonDisplay(stack, options, io)
    : io.stdout.isTTY
      ? liveDisplay(stack, options, io)
      : plainDisplay(stack, io);
  const backlog: Backlog = new Map();
  try {
    for (let isFirst = true; !signal.aborted; isFirst = false) {
      try {
        const health = await lookAtHealth(clients, stack);
        for (const { name, waiting, inFlight } of health.consumers) {
          backlog.set(name, [...(backlog.get(name) ?? []), waiting + inFlight].slice(-LOOKS));
        }
        display.show(health, backlog);
      } catch (error) {
        // A transient error after a good refresh is likely to pass.
        if (isFirst || !isTransient(error)) throw error;
        display.trouble(explain(error) ?? String(error));
      }
      await setTimeout(options.interval * 1000, undefined, { signal }).catch(() => {});
    }
    return 0;
  } finally {
    display.end();
  }
}

/** Where the state is shown. */
interface Display {
  show(health: Health, backlog: Backlog): void;
  /** A refresh that failed. */
  trouble(reason: string): void;
  end(): void;
}

function jsonDisplay(stack: StackHandles, options: StackOptions, io: Io): Display {
  return {
    show: (health) => io.printJson(healthObject(health, stack, options)),
    trouble: (reason) => io.say(reason),
    end() {},
  };
}

/** A line for each refresh, for a log. */
function plainDisplay(stack: StackHandles, io: Io): Display {
  io.say(`${title(stack)}: waiting/in flight/dead letters`);
  return {
    show({ at, consumers, unrouted, alarms: others }) {
      const figures = consumers.map(
        ({ name, enabled, waiting, inFlight, deadLetters: letters }) =>
          `${name} ${waiting}/${inFlight}/${letters}${enabled === false ? ' stopped' : ''}`,
      );
      const on = consumers.reduce((sum, consumer) => sum + consumer.alarms.length, others.length);
      const more = [...(unrouted > 0 ? [`unrouted ${unrouted}`] : []), ...(on > 0 ? [`alarms ${on}`] : [])];
      io.print([time(at), ...figures, ...more].join('  '));
    },
    trouble: (reason) => io.say(reason),
    end() {},
  };
}

/** Redrawn in place on a terminal. */
function liveDisplay(stack: StackHandles, options: WatchOptions, io: Io): Display {
  const screen = io.stdout;
  let latest: string[] = [];
  let drawn: string[] = [];
  const draw = (lines: string[]) => {
    const { columns = DEFAULT.columns } = screen;
    // A line longer than the terminal is wide takes several rows.
    const rows = drawn.reduce((sum, line) => sum + Math.max(1, Math.ceil(widthOf(line) / columns)), 0);
    const up = drawn.length > 0 ? `\x1b[${rows}A\r` : HIDE_CURSOR;
    // Line by line: clearing everything at once flickers, and some terminals keep it in their scrollback.
    const text = lines.map((line) => `${line}${CLEAR_TO_END_OF_LINE}\n`).join('');
    screen.write(`${up}${text}${CLEAR_BELOW}`);
    drawn = lines;
  };
  return {
    show(health, backlog) {
      const { columns = DEFAULT.columns, rows = DEFAULT.rows } = screen;
      const consumers = [
        ...healthTable(health, backlog, columns, io).split('\n'),
        ...unroutedLines(health, io),
      ];
      const on = alarmLines(health, io).flatMap((text) => text.split('\n'));
      // Lines that scrolled off cannot be redrawn: only the first alarms are shown, `status` shows all.
      const room = Math.max(0, rows - consumers.length - 4);
      latest = [
        `${title(stack)}, ${time(health.at)}, every ${options.interval} s, Ctrl-C ends it`,
        ...consumers,
        ...(on.length <= room ? on : [...on.slice(0, room - 1), '…']),
        '',
        nextLine(health, options, io),
      ];
      draw(latest);
    },
    trouble: (reason) => draw([...latest, reason]),
    end() {
      if (drawn.length > 0) screen.write(SHOW_CURSOR);
    },
  };
}

/** The consumers with their histories, as wide as the terminal. */
export function healthTable({ consumers }: Health, backlog: Backlog, columns: number, io: Io): string {
  const rows = (width: number) => [
    ['', 'waiting', '', 'in flight', 'dead', 'oldest', 'done/min', '', 'alarms'],
    ...consumers.map((consumer) => {
      // The last complete minute.
      const lastMinute = consumer.processedByMinute.at(-2) ?? 0;
      return [
        nameOf(consumer, io),
        format(consumer.waiting),
        sparkline(backlog.get(consumer.name) ?? [], width),
        format(consumer.inFlight),
        deadLetters(consumer, io),
        oldest(consumer),
        format(lastMinute),
        sparkline(consumer.processedByMinute, width),
        alarms(consumer, io),
      ];
    }),
  ];
  const narrowest = Math.max(...table(rows(SPARK.least)).split('\n').map(widthOf));
  const room = SPARK.least + Math.floor((columns - narrowest) / 2);
  return table(rows(Math.min(SPARK.most, Math.max(SPARK.least, room))));
}

/** The last `width` values as bars; the highest is full, and only 0 is at the bottom. */
export function sparkline(values: readonly number[], width: number): string {
  const shown = values.slice(-width);
  const most = Math.max(1, ...shown);
  const bars = shown.map((value) => LEVELS[Math.ceil((value / most) * (LEVELS.length - 1))]);
  return bars.join('').padStart(width);
}
