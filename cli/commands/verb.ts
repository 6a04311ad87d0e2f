/** A verb of the command line. Its file defines its options and does its work, and is imported when the verb is called. */
import type { Command } from 'commander';
import type { Io } from '../terminal/io.ts';

/** Gives a command its arguments, options, help and action. The action sets `io.exitCode`. */
type Define = (command: Command, io: Io) => void;

/** What to type, as the list of verbs shows it; what it does; and its file. */
export type Verb = readonly [
  usage: string,
  summary: string,
  load: () => Promise<{ readonly define: Define }>,
];
