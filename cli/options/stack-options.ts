/** The options that all verbs share, and commands for the same stack to be typed next. */

import { type Command, Option } from 'commander';
import { domain } from '#domain';
import { PROGRAM, START } from '../terminal/words.ts';

export interface StackOptions {
  readonly stack: string;
  readonly local?: boolean;
  readonly region?: string | undefined;
  readonly profile?: string | undefined;
  readonly json?: boolean;
}

const DEFAULT_STACK = `${domain.stackName}-dev`;

/** Gives a command the options of StackOptions. @param json what --json prints */
export function addStackOptions(command: Command, json = 'one JSON object'): Command {
  return command
    .option('--stack <name>', 'the CloudFormation stack', DEFAULT_STACK)
    .addOption(
      new Option('--local', `the stack that runs on this machine (${START} --keep)`).conflicts([
        'stack',
        'region',
        'profile',
      ]),
    )
    .option('--region <region>', 'AWS region (default: from the environment)')
    .option('--profile <name>', 'profile in ~/.aws (default: from the environment)')
    .option('--json', `print ${json}`);
}

/** A command for the same stack, as one types it: `… failed analytics --local`. */
export function commandFor(options: StackOptions, ...args: string[]): string {
  const { stack, local, region, profile } = options;
  const which = [
    local ? '--local' : stack !== DEFAULT_STACK && `--stack ${stack}`,
    region && `--region ${region}`,
    profile && `--profile ${profile}`,
  ];
  return [PROGRAM, ...args, ...which].filter(Boolean).join(' ');
}
