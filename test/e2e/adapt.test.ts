// Does what docs/adapt.md says, from top to bottom, in a copy of the project: writes its files, runs its commands, compares exit
// codes and outputs. Where an output has changed on purpose, `UPDATE_DOCS=1 npm run test:all -- test/e2e/adapt` writes the new ones.

import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { PROJECT } from '../fixtures/project.ts';
import { type Ended, said } from '../fixtures/run.ts';

const PAGE = path.join(PROJECT, 'docs/adapt.md');
/** More than any step takes on a busy machine. */
const LIMIT_MS = 300_000;
/** A file to write, or a declaration to replace in one; a block of commands; the output of the last one that is so called. */
const BLOCK =
  /^`(?<file>[\w./-]+)`(?:, in place of `(?<declaration>\w+)`)?:\n\n```ts\n(?<code>.*?)^```$|^```sh\n(?<commands>.*?)^```$|^<!-- output: (?<shown>.*?) -->\n```\n(?<output>.*?)^```$/gms;

interface Step {
  readonly called: string;
  readonly take: () => Promise<void> | void;
}

const text = fs.readFileSync(PAGE, 'utf8');
const copy = path.join(temporaryFolder('adapt-'), 'project');
const outputs = new Map<string, string>();
const running = new Set<{ readonly pid: number; readonly ended: Promise<Ended> }>();
let failed: string | undefined;

const steps = [...text.matchAll(BLOCK)].flatMap(({ groups = {} }): Step[] => {
  const { file, declaration, code = '', commands, shown = '', output = '' } = groups;
  if (file !== undefined) return [{ called: `writes ${file}`, take: () => write(file, code, declaration) }];
  if (commands !== undefined) return commands.trim().split('\n').map(stepOf);
  return [{ called: `shows the output of ${shown}`, take: () => compare(shown, output) }];
});

/** Of a line such as `npm run check  # exit 1 while something is wrong`. */
function stepOf(line: string): Step {
  const [, command = '', code] = /^(.*?)(?:\s+# (?:exit (\d+))?.*)?$/.exec(line) ?? [];
  return { called: line, take: () => run(command, Number(code ?? 0)) };
}

beforeAll(() => {
  const git = ['ls-files', '--cached', '--others', '--exclude-standard'];
  const files = execFileSync('git', git, { cwd: PROJECT, encoding: 'utf8' }).trim().split('\n');
  for (const file of files.filter((each) => fs.existsSync(path.join(PROJECT, each)))) {
    fs.cpSync(path.join(PROJECT, file), path.join(copy, file));
  }
  const commit = ['-c', 'user.name=A', '-c', 'user.email=a@example.com', 'commit', '-q', '-m', 'A clone'];
  for (const args of [['init', '-q'], ['add', '--all'], commit]) execFileSync('git', args, { cwd: copy });
});

// npm passes no signal on: the whole group gets it.
afterAll(async () => {
  for (const { pid, ended } of running) {
    process.kill(-pid, 'SIGINT');
    await ended;
  }
});

test.each(steps)(
  '$called',
  async ({ called, take }) => {
    if (failed !== undefined) throw new Error(`not done, since this step failed: ${failed}`);
    failed = called;
    await take();
    failed = undefined;
  },
  LIMIT_MS,
);

test('the page runs what an adopter needs', () => {
  const needed = [
    'npm run check',
    'npx cdk synth',
    'npm start -- --signups 50',
    'publish',
    'failed',
    'redrive',
    'trace',
  ];
  const called = steps.map((step) => step.called).join('\n');

  expect(needed.filter((command) => !called.includes(command))).toEqual([]);
});

function write(file: string, code: string, declaration: string | undefined): void {
  const target = path.join(copy, file);
  fs.mkdirSync(path.dirname(target), { recursive: true });
  if (declaration === undefined) {
    fs.writeFileSync(target, code);
    return;
  }
  const before = fs.readFileSync(target, 'utf8');
  const replaced = new RegExp(`^export const ${declaration} = .*?^}.*?\\n`, 'ms');
  expect(before).toMatch(replaced);
  fs.writeFileSync(
    target,
    before.replace(replaced, () => code),
  );
}

async function run(command: string, code: number): Promise<void> {
  // The copy has the packages of the project, but its own local run.
  if (command === 'npm ci') return linkPackages();
  const { LOCAL_RUN_DIRECTORY: _, ...env } = process.env;
  const child = spawn('sh', ['-c', command], {
    cwd: copy,
    env: { ...env, PATH: `${path.join(copy, 'node_modules/.bin')}${path.delimiter}${env.PATH}` },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  let both = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      both += chunk;
    });
  }
  const ended = new Promise<Ended>((resolve) =>
    child.once('close', (status) => resolve({ code: status, stdout: both, stderr: '' })),
  );
  const group = { pid: Number(child.pid), ended };
  running.add(group);
  if (command.includes('--keep')) {
    await said('stays up at', ended, () => both);
    return;
  }
  const { code: real } = await ended;
  running.delete(group);
  outputs.set(command, both);
  expect({ code: real, ...(real !== code && { both }) }).toEqual({ code });
}

function linkPackages(): void {
  const packages = path.join(copy, 'node_modules');
  fs.mkdirSync(path.join(packages, '@order-fan-out'), { recursive: true });
  for (const name of fs.readdirSync(path.join(PROJECT, 'node_modules'))) {
    if (name.startsWith('@order-fan-out') || name === '.cache') continue;
    fs.symlinkSync(path.join(PROJECT, 'node_modules', name), path.join(packages, name));
  }
  fs.symlinkSync('../../packages/local-run', path.join(packages, '@order-fan-out/local-run'));
}

/** @param shown a command, perhaps with `# from "Alarms:", 3 lines` */
function compare(shown: string, output: string): void {
  const [, command = '', from, count] =
    /^(.*?)(?: # (?:exit \d+|from "(.*)", (\d+) lines?))?$/.exec(shown) ?? [];
  // npm says first what it runs.
  const lines = (outputs.get(command) ?? '').replace(/^\n(> .*\n)+\n/, '').split('\n');
  const start = from === undefined ? 0 : lines.findIndex((line) => line.startsWith(from));
  const real = lines
    .slice(start, from === undefined ? undefined : start + Number(count))
    .join('\n')
    .trim();
  if (process.env.UPDATE_DOCS && comparable(real) !== comparable(output)) {
    const old = `<!-- output: ${shown} -->\n\`\`\`\n${output}`;
    const page = fs.readFileSync(PAGE, 'utf8');
    fs.writeFileSync(
      PAGE,
      page.replace(old, () => `<!-- output: ${shown} -->\n\`\`\`\n${real}\n`),
    );
    return;
  }
  expect(comparable(real)).toBe(comparable(output));
}

/** Without times. */
function comparable(output: string): string {
  return output.replace(/\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?Z/g, '…').trim();
}
