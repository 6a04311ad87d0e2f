// Every line of a `sh` block in the docs is run here, on the local stack where the docs mean AWS, or else held against the help
// of what it calls; every output that the docs show is compared with the real one.
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { killRuns, PROJECT, Run } from '../fixtures/run.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'docs-'));
const local = { LOCAL_RUN_DIRECTORY: path.join(folder, 'local') };
const documents = ['README.md', 'CONTRIBUTING.md', ...markdownIn('docs')];
const scripts: object = JSON.parse(fs.readFileSync(path.join(PROJECT, 'package.json'), 'utf8')).scripts;
let kept: Run;

beforeAll(async () => {
  kept = new Run('bin/local.ts', ['--keep'], local);
  const orders = new Run('bin/orders.ts', ['publish', '--dry-run', '--count', '3']);
  fs.writeFileSync(path.join(folder, 'orders.jsonl'), (await orders.ended).stdout);
  const [, stock = ''] = /^```text\n(sku,available\n.*?)^```$/ms.exec(read('README.md')) ?? [];
  fs.writeFileSync(path.join(folder, 'stock.csv'), stock);
  await kept.says('stays up at');
});

afterAll(async () => {
  kept.interrupt();
  await kept.ended;
  killRuns();
  fs.rmSync(folder, { recursive: true });
});

function markdownIn(directory: string): string[] {
  return fs
    .readdirSync(path.join(PROJECT, directory))
    .filter((file) => file.endsWith('.md'))
    .map((file) => `${directory}/${file}`);
}

const read = (file: string) => fs.readFileSync(path.join(PROJECT, file), 'utf8');
const blocks = documents.flatMap((file) =>
  [...read(file).matchAll(/^ *```sh\n(.*?)^ *```$/gms)].map(([, text = '']) => ({ file, text })),
);
const outputs = documents.flatMap((file) =>
  [...read(file).matchAll(/(?:^```sh\n([^`]*)```\n+)?<!-- output: ([^>]*) -->\n```\n(.*?)```/gms)].map(
    ([, block = '', command = '', text = '']) => ({
      file,
      command,
      text,
      before: linesBefore(command, block),
    }),
  ),
);
const shown = new Set(outputs.flatMap(({ command, before }) => [...before, command]));
const commands = blocks
  .flatMap(({ file, text }) =>
    text
      .replace(/\\\n\s*/g, '')
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => /^(npm|npx|node)\b/.test(line))
      .map((command) => ({ file, command })),
  )
  // A command whose output is shown changes the stack, and is run in its place in the story.
  .filter(({ command }) => !shown.has(command))
  .filter(({ command }, index, all) => all.findIndex((each) => each.command === command) === index);

/** What a block has the reader type before the command whose output comes below. */
function linesBefore(command: string, block: string): string[] {
  const lines = block.trim().split('\n');
  return lines.slice(0, Math.max(0, lines.indexOf(command)));
}

const helps = new Map<string, string[]>();

/** The options that the text of a command's help lists. */
function optionsOf(script: string, ...args: string[]): string[] {
  const key = [script, ...args].join(' ');
  let options = helps.get(key);
  if (!options) {
    const help = execFileSync(process.execPath, [path.join(PROJECT, script), ...args, '--help'], {
      encoding: 'utf8',
    });
    options = [...help.matchAll(/--[a-z-]+/g)].map(([option]) => option);
    helps.set(key, options);
  }
  return options;
}

/** Runs a line as a shell would, with the project's own Node in place of npm. */
function shell(line: string) {
  const bin = path.join(PROJECT, 'node_modules', '.bin');
  return spawnSync('sh', ['-c', line], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, ...local, PATH: `${bin}${path.delimiter}${process.env.PATH}` },
  });
}

const ORDERS = /^npm run (?:--silent )?(?:orders --|publish-orders -- ?) ?/;

/** A line as a user types it, with the program in place of npm's script, which prints two lines of its own. */
const withoutNpm = (line: string) => line.replace(ORDERS, `node ${path.join(PROJECT, 'bin/orders.ts')} `);

/** Without what differs from run to run: times, ports, IDs, and lines that come only now and then. */
function comparable(text: string): string {
  return (
    text
      .replace(/\d+\.\d s/g, '… s')
      .replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ/g, '…')
      .replace(/\b[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}\b/g, '…')
      .replace(/127\.0\.0\.1:\d+/g, '127.0.0.1:…')
      .replace(/^\w+: \d+ of \d+.*\n/gm, '')
      // Which of several letters SQS hands out first.
      .replace(/(canary,|end of) order [\w-]+/g, '$1 order …')
      .trim()
  );
}

// First of all: the stories begin with the stack as `npm start` leaves it, and each goes on where the output before it ended.
test.each(outputs)('$file shows the real output of $command', ({ command, text, before }) => {
  if (command === 'npm start') {
    const [report = ''] = kept.stdout.split('\nThe stack stays up at');
    expect(comparable(text)).toBe(comparable(kept.stderr + report));
    return;
  }
  for (const line of before) expect(shell(withoutNpm(line)).stderr).not.toMatch(/error|not found/i);

  const { stdout } = shell(`${withoutNpm(command)} 2>&1`);

  expect(comparable(text)).toBe(comparable(stdout));
});

test.each(commands)('$file: $command', ({ command }) => {
  const options = (command.match(/ --[a-z-]+/g) ?? [])
    .map((option) => option.trim())
    .filter((option) => option !== '--silent');
  if (ORDERS.test(command)) {
    const args = command.replace(ORDERS, command.includes('publish-orders') ? 'publish ' : '');
    const verb = args.match(/^stock \w+|^\w+/)?.[0] ?? '';
    expect(optionsOf('bin/orders.ts', ...verb.split(' '))).toEqual(expect.arrayContaining(options));
    // These two go on until Ctrl-C.
    if (/^watch\b|--follow/.test(args)) return;
    const { status, stdout, stderr } = shell(
      `node ${path.join(PROJECT, 'bin/orders.ts')} ${onThisMachine(args)}`,
    );
    // 1 is bad news, of which the stack has some. A command that could not do its work has none to print.
    const isNews = /^(status|trace|failed|redrive|purge)/.test(verb) && /./.test(stdout);
    const isRefused = args.includes('--edit') && stderr.includes('Nothing was sent back.');
    expect({ status: status === 1 && (isNews || isRefused) ? 0 : status, stderr }).toMatchObject({
      status: 0,
    });
  } else if (/^npm (start|run chaos)\b/.test(command)) {
    const script = command.startsWith('npm start') ? 'bin/local.ts' : 'bin/chaos.ts';
    expect(optionsOf(script)).toEqual(expect.arrayContaining(options));
  } else if (command.startsWith('npx cdk synth')) {
    const synth = shell(
      `cd ${PROJECT} && cdk synth -q -o ${folder}/cdk.out ${command.slice('npx cdk synth'.length)}`,
    );
    expect(synth).toMatchObject({ status: 0 });
  } else if (command.startsWith('npx cdk ')) {
    expect(command).toMatch(
      /^npx cdk (deploy|destroy|diff|bootstrap)( OrderFanOut-prod(?= -c stage=prod))?( -c (stage=prod|operatorPolicy=true|alarmEmail=(\S+@\S+|<address>)))*$/,
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

/** The same command for the kept stack, with names in place of the placeholders, and without a question. */
function onThisMachine(args: string): string {
  const named = args
    .replace(/ --stack \S+/, ' --local')
    .replace('<consumer>', 'billing')
    .replace('<orderId>', 'test-1-o000001')
    .replace(/^purge .*/, (purge) => (purge.includes('--yes') ? purge : `${purge} --yes`));
  return /--local|--dry-run|--help/.test(named) ? named : `${named} --local`;
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
