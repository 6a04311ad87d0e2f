/** What runs before a program: `--domain`, in a project of two, and what is said of a domain that cannot be loaded. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { expect, test } from '@jest/globals';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { domainNames } from '../../cli/options/domain.ts';
import { PROJECT } from '../fixtures/project.ts';

const PROGRAM = `
import { spawnSync } from 'node:child_process';
import { name } from '#domain';
const args = process.argv.slice(2);
const child = args.includes('child') ? undefined : spawnSync('node', ['program.mjs', 'child'], { encoding: 'utf8' }).stdout;
console.log(JSON.stringify({ name, args, ...(child && { child: JSON.parse(child).name }) }));
`;

function projectWith(target: string | Record<string, string>): string {
  const folder = temporaryFolder('domain-');
  const write = (file: string, text: string) => fs.writeFileSync(path.join(folder, file), text);
  for (const file of ['bin/domain.mjs', 'bin/load-errors.mjs', 'cli/options/domain.ts']) {
    fs.cpSync(path.join(PROJECT, file), path.join(folder, file));
  }
  fs.symlinkSync(path.join(PROJECT, 'node_modules'), path.join(folder, 'node_modules'));
  write('package.json', JSON.stringify({ type: 'module', imports: { '#domain': target } }));
  for (const name of ['orders', 'readings']) write(`${name}.ts`, `export const name = '${name}';`);
  write('program.mjs', PROGRAM);
  return folder;
}

function run(cwd: string, ...args: string[]) {
  const env = { PATH: `${path.dirname(process.execPath)}${path.delimiter}${process.env.PATH}` };
  const preload = '--import=./bin/domain.mjs';
  const { status, stdout, stderr } = spawnSync('node', [preload, 'program.mjs', ...args], {
    cwd,
    env,
    encoding: 'utf8',
  });
  return { status, stderr, said: stdout ? JSON.parse(stdout) : undefined };
}

const project = projectWith({ readings: './readings.ts', default: './orders.ts' });

test.each([
  { args: ['status', '--domain', 'readings', '--local'], name: 'readings', left: ['status', '--local'] },
  { args: ['--domain=readings', 'status'], name: 'readings', left: ['status'] },
  { args: ['status'], name: 'orders', left: ['status'] },
  { args: ['--', '--domain', 'readings'], name: 'orders', left: ['--', '--domain', 'readings'] },
])('with $args, the program and those that it starts work for $name', ({ args, name, left }) => {
  const { status, stderr, said } = run(project, ...args);

  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  expect(said).toEqual({ name, args: left, child: name });
});

test.each([
  { args: ['--domain', 'reading'], names: 'readings', given: '"reading"' },
  { args: ['--domain', 'default'], names: 'readings', given: '"default"' },
  { args: ['--domain'], names: 'readings', given: '""' },
  { args: ['--domain', 'readings'], target: './orders.ts', names: 'none', given: '"readings"' },
])('$args is refused in one line where there is $names', ({ args, target, names, given }) => {
  const { status, stderr, said } = run(target ? projectWith(target) : project, 'status', ...args);

  expect(stderr).toBe(`No domain ${given}: package.json has ${names}\n`);
  expect({ status, said }).toEqual({ status: 2, said: undefined });
});

test.each([
  ["import './later.ts';", /Cannot find module 'later\.ts' imported from orders\.ts/],
  [
    "import { later } from '#domain';",
    /The requested module '#domain' does not .+ named 'later' \(orders\.ts:1\)/,
  ],
  ['export const name = {', /Unexpected .+ \(orders\.ts:1\)/],
])('a domain with %j, half done, is told in one line', (text, problem) => {
  const halfDone = projectWith('./orders.ts');
  fs.writeFileSync(path.join(halfDone, 'orders.ts'), text);

  const { status, stderr } = run(halfDone);

  expect(stderr).toMatch(new RegExp(`^${problem.source}\\. What else is missing: npm run typecheck\n$`));
  expect(status).toBe(1);
});

test.each(["JSON.parse('{');", "Promise.reject(new Error('lost'));", "throw new TypeError('lost');"])(
  'the error of a domain that is loaded, %j, is told with its stack',
  (text) => {
    const wrong = projectWith('./orders.ts');
    fs.writeFileSync(path.join(wrong, 'orders.ts'), `export const name = 'orders';\n${text}`);

    const { status, stderr } = run(wrong);

    expect(stderr).toMatch(/^\w*Error: .+\n {4}at /);
    expect(stderr).toContain('orders.ts:2');
    expect(status).toBe(1);
  },
);

test.each(['start', 'chaos', 'orders'])(
  'npm obeys it in the script %s, whose help names it where there is another',
  (name) => {
    const { scripts } = JSON.parse(fs.readFileSync(path.join(PROJECT, 'package.json'), 'utf8'));
    const [, args = ''] = / && node (.*)$/.exec(scripts[name]) ?? [];
    const node = (...more: string[]) =>
      spawnSync(process.execPath, [...args.split(' '), ...more], { cwd: PROJECT, encoding: 'utf8' });

    const unknown = node('--domain', 'nonsense');

    expect(unknown.stderr).toMatch(/^No domain "nonsense": package\.json has .+\n$/);
    expect(unknown.status).toBe(2);
    expect(node('--help').stdout.includes('--domain <name>')).toBe(domainNames().length > 0);
  },
);
