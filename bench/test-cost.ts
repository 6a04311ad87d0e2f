/**
 * What `npm test` costs: its CPU time, and how many times that of importing aws-cdk-lib, so that machines can be compared.
 * `node bench/test-cost.ts [path ...]`: all tests, or those of the paths.
 */
import { execFileSync } from 'node:child_process';

const IMPORTS = 9;

const measureImports = () =>
  Array.from({ length: IMPORTS }, () => cpuSeconds('node', '-e', "import('aws-cdk-lib')"));
// Before and after: a machine that others share changes its speed within minutes.
const before = measureImports();
const tests = cpuSeconds('npm', 'test', '--', ...process.argv.slice(2));
const imports = [...before, ...measureImports()].toSorted((a, b) => a - b);
const once = imports[IMPORTS] ?? Number.NaN;
console.log(
  `npm test: ${tests.toFixed(1)} CPU s, ${Math.round(tests / once)} × importing aws-cdk-lib (${once.toFixed(2)} CPU s)`,
);

/** CPU seconds of a command with all that it starts; what it prints goes to standard error. */
function cpuSeconds(...command: string[]): number {
  // The shell's second line of `times` is that of its children: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html
  const output = execFileSync('sh', ['-c', '"$@" >&2 || exit 1; times', 'sh', ...command], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [, ofChildren = ''] = output.trim().split('\n');
  const seconds = Array.from(
    ofChildren.matchAll(/(\d+)m([\d.]+)s/g),
    ([, minutes, rest]) => Number(minutes) * 60 + Number(rest),
  );
  return seconds.reduce((sum, each) => sum + each, 0);
}
