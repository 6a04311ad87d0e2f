// Every line of a `sh` block in the docs is run here, on the local stack where the docs mean AWS, or else held against the help
// of what it calls; every output that the docs show is compared with the real one, and so is every exit code. Where an output
// has changed on purpose, `UPDATE_DOCS=1 npm run test:all -- test/e2e/docs` writes the new ones.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { PublishCommand } from '@aws-sdk/client-sns';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { createClients, destroyClients } from '../../cli/aws/clients.ts';
import { localStack } from '../../cli/aws/local-stack.ts';
import { findStack } from '../../cli/aws/stack.ts';
import { RunningCommand } from '../fixtures/command.ts';
import { anOrder } from '../fixtures/order-fixtures.ts';
import { PROJECT } from '../fixtures/project.ts';
import { killRuns, Run } from '../fixtures/run.ts';

const folder = temporaryFolder('docs');
const documents = ['README.md', 'CONTRIBUTING.md', 'packages/local-run/README.md', ...markdownIn('docs')];
const scripts: object = JSON.parse(fs.readFileSync(path.join(PROJECT, 'package.json'), 'utf8')).scripts;
let kept: Run;

beforeAll(async () => {
  process.env.LOCAL_RUN_DIRECTORY = path.join(folder, 'local');
  process.chdir(folder);
  kept = new Run('bin/local.ts', ['--keep']);
  const { stdout } = await new RunningCommand(['publish', '--dry-run', '--count', '3']).ended;
  fs.writeFileSync('orders.jsonl', stdout);
  const [, stock = ''] = /^```text\n(sku,available\n.*?)^```$/ms.exec(read('docs/deploy.md')) ?? [];
  fs.writeFileSync('stock.csv', stock);
  await kept.says('stays up at');
});

afterAll(async () => {
  kept.interrupt();
  await kept.ended;
  killRuns();
  process.chdir(PROJECT);
});

function markdownIn(directory: string): string[] {
  return (
    fs
      .readdirSync(path.join(PROJECT, directory))
      // What this page says is done in a copy of the project: test/e2e/adapt.test.ts.
      .filter((file) => file.endsWith('.md') && file !== 'adapt.md')
      .map((file) => `${directory}/${file}`)
  );
}

function read(file: string): string {
  return fs.readFileSync(path.join(PROJECT, file), 'utf8');
}

/** A line without the comment behind it, and the exit code that the comment names: `# exit 1 while something is wrong`. */
function parseLine(line: string): { command: string; code: number } {
  const [, command = line, comment = ''] = /^(.*?)(?:\s+#\s(.*))?$/.exec(line.trim()) ?? [];
  return { command, code: Number(/^exit (\d+)/.exec(comment)?.[1] ?? 0) };
}

interface Output {
  readonly file: string;
  readonly command: string;
  readonly code: number;
  readonly text: string;
  /** The part that is shown, by the comment `# from "Alarms:", 3 lines`. */
  readonly part: { from: string; lines: number } | undefined;
  /** Lines that the reader has to type before. */
  readonly before: string[];
}

const OUTPUT = /(?:^```sh\n([^`]*)```\n+)?<!-- output: ([^>]*) -->\n```\n(.*?)```/gms;
const outputs = documents.flatMap((file) =>
  [...read(file).matchAll(OUTPUT)].map(([, block = '', line = '', text = '']): Output => {
    const { command, code } = parseLine(line);
    const lines = block.trim().split('\n');
    const at = lines.findIndex((each) => parseLine(each).command === command);
    const [, from, count] = /# from "(.*)", (\d+) lines$/.exec(line) ?? [];
    const part = from ? { from, lines: Number(count) } : undefined;
    return { file, command, code, text, part, before: lines.slice(0, Math.max(0, at)) };
  }),
);
const blocks = documents.flatMap((file) =>
  [...read(file).matchAll(/^ *```sh\n(.*?)^ *```$/gms)].map(([, text = '']) => ({ file, text })),
);
const shown = new Set(
  outputs.flatMap(({ command, before }) => [...before.map((each) => parseLine(each).command), command]),
);
const commands = blocks
  .flatMap(({ file, text }) =>
    text
      .replace(/\\\n\s*/g, '')
      .split('\n')
      .filter((line) => /^\s*(npm|npx|node)\b/.test(line))
      .map((line) => ({ file, ...parseLine(line) })),
  )
  // A command whose output is shown changes the stack, and is run in its place in the story.
  .filter(({ command }) => !shown.has(command))
  .filter(({ command }, index, all) => all.findIndex((each) => each.command === command) === index);

const ORDERS = /^npm run (?:--silent )?(?:orders -- |publish-orders -- )/;

/** What the command line is called with: words, quoted or not. */
function argumentsOf(command: string): string[] {
  const words = command.replace(ORDERS, command.includes('publish-orders') ? 'publish ' : '');
  return (words.match(/"[^"]*"|'[^']*'|\S+/g) ?? []).map((word) => word.replace(/^(["'])(.*)\1$/, '$2'));
}

/** Runs a line: one of the command line in this process, any other in a shell. */
async function type(line: string): Promise<{ code: number | null; output: string }> {
  const { command } = parseLine(line);
  const [, orders = '', , file] = /^(.*?)(\s>\s(\S+))?$/.exec(command) ?? [];
  if (!ORDERS.test(orders)) {
    const { status, stdout, stderr } = spawnSync('sh', ['-c', command], { cwd: folder, encoding: 'utf8' });
    return { code: status, output: stdout + stderr };
  }
  const running = new RunningCommand(argumentsOf(orders));
  const { code, stdout } = await running.ended;
  if (file) fs.writeFileSync(file, stdout);
  return { code, output: running.both };
}

/** What a pipe gets now and then, while something takes long. */
const PROGRESS = /^\w+: \d+ of \d+.*\n/gm;

/** Without what differs from run to run: times, ports, IDs, and lines that come only now and then. */
function comparable(text: string): string {
  return (
    text
      .replace(/\d+\.\d s/g, '… s')
      // On a slow machine the second try may come by itself.
      .replace(/, \d+ of them at a second try/, '')
      // The last column of `npm start`: how much standard queues get out of order.
      .replace(/^((?:billing|inventory|shipping)(?: +\d+){4}) +\d+$/gm, '$1 …')
      .replace(/\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?Z/g, '…')
      // Of compressed objects, whose messages have times and IDs.
      .replace(/\d+ objects, [\d.]+ KiB/, '… objects')
      .replace(/\b[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}\b/g, '…')
      .replace(/127\.0\.0\.1:\d+/g, '127.0.0.1:…')
      .replace(PROGRESS, '')
      // Which of several letters SQS hands out first.
      .replace(/(canary,|end of) order [\w-]+/g, '$1 order …')
      .trim()
  );
}

/** Compares, or writes what is shown anew. */
function compare({ file, text, part }: Output, whole: string): void {
  const lines = whole.split('\n');
  const start = lines.findIndex((line) => line.startsWith(part?.from ?? ''));
  const real = part ? lines.slice(start, start + part.lines).join('\n') : whole;
  if (process.env.UPDATE_DOCS && comparable(text) !== comparable(real)) {
    fs.writeFileSync(
      path.join(PROJECT, file),
      read(file).replace(text, () => `${real.replace(PROGRESS, '').trim()}\n`),
    );
    return;
  }
  expect(comparable(text)).toBe(comparable(real));
}

// First of all: the stories begin with the stack as `npm start` leaves it, and each goes on where the output before it ended.
test.each(outputs)('$file shows the real output and exit code of $command', async (output) => {
  if (output.command === 'npm start') {
    const [report = ''] = kept.stdout.split('\nThe stack stays up at');
    compare(output, kept.stderr + report);
    return;
  }
  for (const line of output.before) {
    const { code } = parseLine(line);
    expect({ line, ...(await type(line)) }).toMatchObject({ line, code });
  }

  const { code, output: real } = await type(output.command);

  compare(output, real);
  expect(code).toBe(output.code);
});

const helps = new Map<string, string[]>();

/** The options that the text of a command's help lists. */
async function optionsOf(verb: string): Promise<string[]> {
  let options = helps.get(verb);
  if (!options) {
    const { stdout } = verb.endsWith('.ts')
      ? await new Run(verb, ['--help']).ended
      : await new RunningCommand([...verb.split(' '), '--help']).ended;
    options = [...stdout.matchAll(/--[a-z-]+/g)].map(([option]) => option);
    helps.set(verb, options);
  }
  return options;
}

/** What the runbook's article on such messages is about: one that can be sent on, and one that nobody takes as it is. */
async function publishUnrouted(): Promise<void> {
  const { name, ...settings } = localStack();
  const clients = createClients(settings);
  const { topicArn } = await findStack(clients.cloudFormation, name);
  for (const Message of [JSON.stringify(anOrder()), 'gibberish']) {
    const MessageAttributes = { eventType: { DataType: 'String', StringValue: 'order.shipped' } };
    await clients.sns.send(new PublishCommand({ TopicArn: topicArn, Message, MessageAttributes }));
  }
  destroyClients(clients);
}

/** Waits until the archive has what was published. */
async function archived(): Promise<void> {
  for (;;) {
    const { stdout } = await new RunningCommand(['status', '--json', '--local']).ended;
    const [archive] = JSON.parse(stdout).consumers;
    if (archive.waiting + archive.inFlight === 0) return;
  }
}

describe('what the docs show no output of', () => {
  // The stories above begin without them.
  beforeAll(publishUnrouted);

  test.each(commands)('$file: $command', async ({ command, code }) => {
    const options = (command.match(/ --[a-z-]+/g) ?? [])
      .map((option) => option.trim())
      .filter((option) => option !== '--silent');
    if (ORDERS.test(command)) {
      const args = argumentsOf(command);
      const isParted = ['stock', 'archive'].includes(args[0] ?? '');
      const verb = isParted ? args.slice(0, 2).join(' ') : (args[0] ?? '');
      expect(await optionsOf(verb)).toEqual(expect.arrayContaining(options));
      // These two go on until Ctrl-C.
      if (verb === 'watch' || args.includes('--follow')) return;
      if (verb === 'replay') await archived();
      expect(await type(onThisMachine(command))).toMatchObject({ code });
    } else if (/^npm (start|run chaos)\b/.test(command)) {
      const script = command.startsWith('npm start') ? 'bin/local.ts' : 'bin/chaos.ts';
      expect(await optionsOf(script)).toEqual(expect.arrayContaining(options));
    } else if (command.startsWith('npx cdk ')) {
      // What a synth makes of these is tested with the app.
      expect(command).toMatch(
        /^npx cdk (synth|deploy|destroy|diff|bootstrap)( OrderFanOut-prod(?= -c stage=prod))?( -c (stage=prod|gradualReleases=false|account=\d{12}|region=[a-z0-9-]+))*( --(custom-permissions-boundary|cloudformation-execution-policies) <\w+>)?$/,
      );
    } else if (command.startsWith('node ')) {
      expect(fs.existsSync(path.join(PROJECT, command.split(' ')[1] ?? ''))).toBe(true);
    } else {
      for (const each of command.split(' && ')) {
        const script = each.replace(/^npm (run )?/, '').split(' ')[0] ?? '';
        expect(['ci', ...Object.keys(scripts)]).toContain(script);
      }
    }
  });
});

/** The same command for the kept stack, with names in place of the placeholders, and without a question. */
function onThisMachine(command: string): string {
  const named = command
    .replace(/ --stack \S+/, ' --local')
    .replace('<consumer>', 'billing')
    // The consumer that comes later: test/e2e/archive.test.ts has it.
    .replace(/replay points (.*) --canary/, 'replay billing $1')
    .replace('<orderId>', 'test-1-o000001')
    .replace(/ (purge|check --fire) .*/, (asks) => (asks.includes('--yes') ? asks : `${asks} --yes`));
  return /--local|--dry-run|--help/.test(named) ? named : named.replace(/(?= >|$)/, ' --local');
}

test.each(blocks.map((block, index) => ({ ...block, index })))(
  '$file: block $index is valid shell',
  ({ text }) => {
    const { status, stderr } = spawnSync('sh', ['-n'], {
      input: text.replace(/<\w+>/g, 'X'),
      encoding: 'utf8',
    });

    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  },
);
