import { App, Validations } from 'aws-cdk-lib';
import { archive, consumers, handlers, stages } from '#config';
import { domain } from '#domain';
import { rulePacks } from './checks/rule-packs.ts';
import { FanOutStack } from './fan-out-stack.ts';
import { readChoices } from './settings/choices.ts';
import { checkDomain, warnOfUnclaimed } from './settings/domain.ts';
import { handlerEntry } from './settings/handler-entry.ts';
import { ConfigError, settingProblem } from './settings/validation.ts';

/**
 * Synthesizes the stack for the stage that `-c` chooses, and checks it against the stage's rule packs.
 *
 * @param bundled resolves when the handlers' bundles are made
 * @param typeProblems what the type checker finds: with any of it there is no assembly
 */
export async function synthesizeApp(bundled: Promise<void>, typeProblems: Promise<string[]>): Promise<void> {
  try {
    // With autoSynth, an app that failed halfway would be synthesized in part when the process ends.
    const app = new App({ autoSynth: false });
    const choices = readChoices(app.node, { stages, consumers, archive });
    checkDomain(domain, consumers, (name) => handlerEntry(name, handlers));
    await bundled;
    const problems = await typeProblems;
    if (problems.length > 0) throw new ConfigError(problems.join('\n'));
    const stack = new FanOutStack(app, `${domain.stackName}-${choices.stage}`, {
      description: `${domain.title}, stage ${choices.stage}`,
      env: choices.settings.env ?? environment(),
      ...choices,
    });
    warnOfUnclaimed(stack, domain, consumers);
    Validations.of(app).addPlugins(...rulePacks(choices.stage));
    app.synth();
  } catch (error) {
    const problem = settingProblem(error);
    if (problem === undefined) throw error;
    console.error(problem);
    process.exitCode = 1;
  }
}

/** Account and region of the credentials; without credentials the template works in any. */
function environment(): { account?: string; region?: string } {
  const { CDK_DEFAULT_ACCOUNT: account, CDK_DEFAULT_REGION: region } = process.env;
  return { ...(account && { account }), ...(region && { region }) };
}
