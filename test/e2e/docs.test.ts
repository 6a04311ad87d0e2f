// Every line of a `sh` block in the docs is run here or, where it needs AWS, held against the help of what it calls; every
// output that the docs show is compared with the real one.
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { killRuns, PROJECT, Run } from '../fixtures/run.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'docs-'));
const local = { LOCAL_STACK_DIRECTORY: path.join(folder, 'local') };
const documents = ['README.md', 'CONTRIBUTING.md', ...markdownIn('docs')];
const scripts: object = JSON.parse(fs.readFileSync(path.join(PROJECT, 'package.json'), 'utf8')).scripts;
let kept: Run;

beforeAll(async () => {
  kept = new Run('bin/local.ts', ['--keep'], local);
  const orders = new Run('bin/orders.ts', ['publish', '--dry-run', '--count', '3']);
  fs.writeFileSync(path.join(folder, 'orders.jsonl'), (await orders.ended).stdout);
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
const commands = blocks.flatMap(({ file, text }) =>
  text
    .replace(/\\\n\s*/g, '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => /^(npm|npx|node)\b/.test(line))
    .map((command) => ({ file, command })),
);

/** The options that the text of a command's help lists. */
function optionsOf(script: string, ...args: string[]): string[] {
  const help = execFileSync(process.execPath, [path.join(PROJECT, script), ...args, '--help'], {
    encoding: 'utf8',
  });
  return [...help.matchAll(/--[a-z-]+/g)].map(([option]) => option);
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

test.each(commands)('$file: $command', ({ command }) => {
  const options = command.match(/ --[a-z-]+/g)?.map((option) => option.trim()) ?? [];
  if (ORDERS.test(command)) {
    const args = command.replace(ORDERS, command.includes('publish-orders') ? 'publish ' : '');
    if (/--local|--dry-run|--help/.test(command)) {
      const { status, stderr } = shell(`node ${path.join(PROJECT, 'bin/orders.ts')} ${args}`);
      expect({ status, stderr }).toMatchObject({ status: 0 });
    } else {
      expect(optionsOf('bin/orders.ts', args.split(' ')[0] ?? '')).toEqual(
        expect.arrayContaining(options.filter((option) => option !== '--silent')),
      );
    }
  } else if (/^npm (start|run chaos)\b/.test(command)) {
    const script = command.startsWith('npm start') ? 'bin/local.ts' : 'bin/chaos.ts';
    expect(optionsOf(script)).toEqual(
      expect.arrayContaining(options.filter((option) => option !== '--silent')),
    );
  } else if (command.startsWith('npx cdk synth')) {
    const synth = shell(
      `cd ${PROJECT} && cdk synth -q -o ${folder}/cdk.out ${command.slice('npx cdk synth'.length)}`,
    );
    expect(synth).toMatchObject({ status: 0 });
  } else if (command.startsWith('npx cdk ')) {
    expect(command).toMatch(
      /^npx cdk (deploy|destroy|diff|bootstrap)( -c (stage=prod|alarmEmail=\S+@\S+))*$/,
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

const outputs = documents.flatMap((file) =>
  [...read(file).matchAll(/<!-- output: (.*?) -->\n```\n(.*?)```/gs)].map(([, command = '', text = '']) => ({
    file,
    command,
    text,
  })),
);

/** Without what differs from run to run: times, ports, and lines that come only now and then. */
function comparable(text: string): string {
  return text
    .replace(/\d+\.\d s/g, '… s')
    .replace(/127\.0\.0\.1:\d+/g, '127.0.0.1:…')
    .replace(/^\w+: \d+ of \d+.*\n/gm, '')
    .trim();
}

test.each(outputs)('$file shows the real output of $command', ({ command, text }) => {
  if (command === 'npm start') {
    const [report = ''] = kept.stdout.split('\nThe stack stays up at');
    expect(comparable(text)).toBe(comparable(kept.stderr + report));
    return;
  }
  const { stdout, stderr } = shell(command.replace(ORDERS, `node ${path.join(PROJECT, 'bin/orders.ts')} `));
  expect(comparable(text)).toBe(comparable(stderr + stdout));
});
