/**
 * Whether the tests notice small faults: changes one thing at a time in a copy of the project, runs the tests that cover the
 * file, and lists the changes that none of them noticed. A sample is spread evenly over the areas, and the same for each seed.
 *
 * `node bench/mutations.ts [--sample 200] [--seed 1] [path …]`, a path being a file's or a folder's; `--list` only shows what
 * would be changed.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { type Mutant, mutantsOf } from './mutations/mutants.ts';
import { Tests } from './mutations/tests.ts';

/** What is covered by what: the first prefix that fits; fast tests stand before slow ones, as patterns of paths in `test`. */
const COVERED: readonly (readonly [prefix: string, ...tests: string[]])[] = [
  [
    'contract/dead-letter.ts',
    'unit/contract/dead-letter',
    'unit/lambda/dead-letter',
    'integration/cli/dead-letters/send-back',
  ],
  ['contract/order', 'unit/contract/order', 'unit/cli/orders/order-file', 'integration/lambda/handlers'],
  ['contract/iso-codes.ts', 'unit/contract/order'],
  ['contract/ids.ts', 'unit/contract/order', 'unit/cli/orders/stock-file'],
  ['contract/event', 'unit/contract', 'integration/lambda/handlers'],
  ['contract/cancellation.ts', 'unit/contract', 'integration/lambda/interleavings'],
  ['contract/fields.ts', 'unit/contract'],
  ['contract/retries.ts', 'unit/contract/retries'],
  ['contract/alarm-text.ts', 'unit/lib/operations', 'integration/cli/aws/health'],
  ['contract/archive.ts', 'unit/contract/archive', 'unit/lambda/archive', 'unit/lib/archive'],
  [
    'contract/',
    'unit/contract/names',
    'integration/cli/aws/stack',
    'unit/lib/consumer',
    'unit/lib/stack',
    'unit/lib/snapshot',
  ],
  ['lib/consumer/consumer-alarms.ts', 'unit/lib/operations/alarms'],
  ['lib/alarms/', 'unit/lib/operations'],
  ['lib/checks/guard-rails.ts', 'unit/lib/checks', 'unit/lib/consumer'],
  ['lib/settings/choices.ts', 'unit/lib/settings'],
  ['lib/archive/', 'unit/lib/archive'],
  ['local/cloudwatch/', 'unit/local/cloudwatch'],
  ['lambda/batch.ts', 'integration/lambda/batch'],
  ['lambda/archive/', 'unit/lambda/archive', 'integration/lambda/archive'],
  ['lambda/dead-letter.ts', 'unit/lambda/dead-letter', 'integration/lambda/batch'],
  ['lambda/', 'unit/lambda', 'integration/lambda/(handlers|interleavings)'],
  ['cli/dead-letters/edits.ts', 'unit/cli/dead-letters', 'integration/cli/commands/redrive'],
  ['cli/dead-letters/letter.ts', 'unit/cli/dead-letters', 'integration/cli/commands/failed'],
  ['cli/dead-letters/letter-file.ts', 'unit/cli/dead-letters', 'integration/cli/commands/(purge|failed)'],
  ['cli/dead-letters/look.ts', 'integration/cli/dead-letters/look', 'integration/cli/dead-letters/send-back'],
  [
    'cli/dead-letters/move-task.ts',
    'integration/cli/dead-letters/move-task',
    'integration/cli/commands/redrive',
  ],
  ['cli/dead-letters/plan.ts', 'integration/cli/commands/redrive'],
  ['cli/dead-letters/reasons.ts', 'unit/cli/dead-letters', 'integration/cli/commands/failed'],
  ['cli/operations/record.ts', 'integration/cli/operations/record', 'integration/cli/commands/redrive'],
  [
    'cli/dead-letters/redrive.ts',
    'integration/cli/dead-letters/redrive',
    'integration/cli/commands/redrive.test',
  ],
  [
    'cli/dead-letters/letter-queue.ts',
    'unit/cli/dead-letters',
    'integration/cli/commands/(redrive-)?unrouted',
  ],
  [
    'cli/dead-letters/route.ts',
    'integration/cli/dead-letters/redrive',
    'integration/cli/commands/(redrive-)?unrouted',
  ],
  [
    'cli/dead-letters/send-back.ts',
    'integration/cli/dead-letters/send-back',
    'integration/cli/commands/redrive',
  ],
  ['cli/dead-letters/sent-edits.ts', 'integration/cli/commands/redrive'],
  ['cli/publishing/', 'integration/cli/publishing/publisher'],
  ['cli/archive/', 'integration/cli/archive', 'integration/cli/commands/replay'],
  ['cli/orders/stock', 'unit/cli/orders/stock-file', 'integration/cli/commands/stock'],
  ['cli/checks/', 'integration/cli/commands/check', 'unit/cli/checks'],
  ['cli/commands/stock.ts', 'integration/cli/commands/stock'],
  ['cli/commands/stop.ts', 'integration/cli/commands/stop'],
  ['cli/aws/event-source-mapping.ts', 'integration/cli/aws/health', 'integration/cli/commands/stop'],
  ['local/lambda/lambda-api.ts', 'integration/local/lambda/lambda-api'],
  ['local/resources/lambda-versions.ts', 'integration/local/lambda/alias'],
];
const PATHS = ['contract', 'lambda', 'cli/dead-letters', 'cli/operations', 'cli/publishing'];
const PROJECT = path.join(import.meta.dirname, '..');

async function main(
  paths: readonly string[],
  { sample, seed, list }: { sample: string; seed: string; list: boolean },
) {
  const all = paths.flatMap((area) =>
    filesIn(area).flatMap((file) => mutantsOf(file, fs.readFileSync(path.join(PROJECT, file), 'utf8'), area)),
  );
  const mutants = spread(all, Number(sample), seed);
  console.log(`${mutants.length} of ${all.length} mutants`);
  if (list) {
    for (const mutant of mutants) console.log(describe(mutant));
    return;
  }
  const project = fs.mkdtempSync(path.join(os.tmpdir(), 'mutations-'));
  fs.cpSync(PROJECT, project, {
    recursive: true,
    filter: (from) => !/[/\\](node_modules|\.git|cdk\.out)$/.test(from),
  });
  fs.symlinkSync(path.join(PROJECT, 'node_modules'), path.join(project, 'node_modules'));
  const tests = new Tests(project);
  process.once('exit', () => {
    tests.stop();
    fs.rmSync(project, { recursive: true, force: true });
  });
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
  const limits = await timeAll(tests, new Set(mutants.flatMap(({ file }) => covering(file))));
  const survivors: Mutant[] = [];
  for (const [index, mutant] of mutants.entries()) {
    const file = path.join(project, mutant.file);
    const original = fs.readFileSync(file);
    fs.writeFileSync(file, mutant.source);
    const start = performance.now();
    let isKilled = false;
    for (const test of covering(mutant.file)) isKilled ||= !(await tests.pass(test, limits.get(test) ?? 0));
    fs.writeFileSync(file, original);
    if (!isKilled) survivors.push(mutant);
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(`${index + 1} ${isKilled ? 'killed  ' : 'SURVIVED'} ${seconds} s  ${describe(mutant)}`);
  }
  for (const by of ['file', 'area'] as const) printScores(mutants, survivors, by);
  console.log(`\nSurvivors:\n${survivors.map(describe).join('\n')}`);
  tests.stop(); // Else this process would wait for it.
}

function covering(file: string): string[] {
  return COVERED.find(([prefix]) => file.startsWith(prefix))?.slice(1) ?? [];
}

/** How long each test may take on a busy machine, by how long it takes now. @throws for one that fails as it is */
async function timeAll(tests: Tests, all: ReadonlySet<string>): Promise<Map<string, number>> {
  const limits = new Map<string, number>();
  for (const test of all) {
    const start = performance.now();
    if (!(await tests.pass(test, 300_000))) throw new Error(`test/${test} fails without any change`);
    const took = performance.now() - start;
    console.log(`${test} takes ${(took / 1000).toFixed(1)} s`);
    limits.set(test, 20_000 + 3 * took);
  }
  return limits;
}

function printScores(mutants: readonly Mutant[], survivors: readonly Mutant[], by: 'file' | 'area'): void {
  const rows = Object.entries(Object.groupBy(mutants, (mutant) => mutant[by])).map(([name, of = []]) => {
    const survived = survivors.filter((mutant) => mutant[by] === name).length;
    return {
      [by]: name,
      mutants: of.length,
      survived,
      'killed %': Math.round(100 * (1 - survived / of.length)),
    };
  });
  console.table(rows);
}

const describe = ({ file, line, was, becomes }: Mutant) => `${file}:${line}  ${was}  →  ${becomes}`;

function filesIn(folder: string): string[] {
  if (folder.endsWith('.ts')) return [folder];
  const entries = fs.readdirSync(path.join(PROJECT, folder), { withFileTypes: true });
  return entries.flatMap(({ name }) => filesIn(path.join(folder, name)));
}

/** As many of each area as of the others, and all of an area that has fewer. */
function spread(mutants: readonly Mutant[], size: number, seed: string): Mutant[] {
  const rank = ({ file, line, was, becomes }: Mutant) =>
    createHash('sha256')
      .update(JSON.stringify([seed, file, line, was, becomes]))
      .digest('hex');
  const byArea = Object.values(Object.groupBy(mutants, ({ area }) => area)) as Mutant[][];
  const sample: Mutant[] = [];
  for (const [index, all] of byArea.sort((a, b) => a.length - b.length).entries()) {
    const share = Math.round((size - sample.length) / (byArea.length - index));
    sample.push(...all.toSorted((a, b) => (rank(a) < rank(b) ? -1 : 1)).slice(0, share));
  }
  return sample.sort((a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line));
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sample: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    list: { type: 'boolean', default: false },
  },
});
await main(positionals.length > 0 ? positionals : PATHS, values);
