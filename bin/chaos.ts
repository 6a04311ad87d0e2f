/** `npm run chaos`: the local stack under faults, and the proof that nothing is lost and nothing done twice. */
import path from 'node:path';
import { Option } from 'commander';
import { json as toJson } from '../cli/terminal/text.ts';
import { CHANGE, CHAOS, examplesOf, NOUNS } from '../cli/terminal/words.ts';
import { CONTEXT, runChaos } from '../scenarios/chaos/chaos.ts';
import { type ChaosResult, summaryObject } from '../scenarios/chaos/report.ts';
import { type ProgramOptions, program, runProgram, synthesizeProject } from '../scenarios/program.ts';
import { Workspace } from '../scenarios/workspace.ts';

interface Options extends ProgramOptions {
  assembly?: string;
}

const command = program(
  CHAOS,
  `Run the local stack under injected faults, kill and restart it on the way, redrive what was dead-lettered, and prove that nothing is lost and nothing is done twice. The seed chooses the ${NOUNS}, the faults and the moments of the kills.`,
  // Fewer do not give every fault a chance.
  { least: 50, standard: 500 },
  `
Exit codes: 0 everything is proved, 1 something is not or did not start, 2 wrong usage, 130 Ctrl-C.

${examplesOf(CHAOS, [
  `--${NOUNS} 2000 --seed 1`,
  ...(CHANGE ? [`--${NOUNS} 1000 --${CHANGE.plural} 10%`] : []),
  '--ordered',
  '--json | jq .faults',
])}`,
).addOption(
  new Option('--assembly <directory>', 'a cloud assembly to run instead of synthesizing the stack').conflicts(
    'ordered',
  ),
);

await runProgram(command, async (options: Options, progress, signal) => {
  const { count, changes, seed, json } = options;
  const workspace = new Workspace();
  const { directory } = workspace;
  let result: ChaosResult | undefined;
  try {
    const assembly = path.resolve(options.assembly ?? path.join(directory, 'cdk.out'));
    if (!options.assembly) await synthesizeProject(assembly, options, progress, signal, CONTEXT);
    const choices = { count, changes, seed };
    result = await runChaos({ assembly, workspace: directory, ...choices, progress, signal });
    console.log(json ? toJson(summaryObject(result.summary)) : result.report);
  } finally {
    const isWell = result?.proved || signal.aborted;
    if (!isWell) {
      const assembly = options.assembly ? ` --assembly ${options.assembly}` : '';
      const same = options.ordered ? ' --ordered' : assembly;
      const changed = changes > 0 ? ` --${CHANGE?.plural} ${100 * changes}%` : '';
      console.error(`To repeat it: ${CHAOS} --${NOUNS} ${count}${changed} --seed ${seed}${same}`);
    }
    workspace.end(isWell);
  }
  return result.proved;
});
