/** The CDK app: picks the stage, makes the stack, and checks it against the rule packs at every synth. */
import { App, Validations } from 'aws-cdk-lib';
import { rulePacks } from '../lib/checks/rule-packs.ts';
import { settingProblem } from '../lib/checks/settings.ts';
import { readChoices } from '../lib/config.ts';
import { OrderFanOutStack } from '../lib/order-fan-out-stack.ts';

try {
  // Without autoSynth an app that could not be built is not synthesized in part when the process ends.
  const app = new App({ autoSynth: false });
  const choices = readChoices(app.node);
  new OrderFanOutStack(app, `OrderFanOut-${choices.stage}`, {
    ...choices,
    description: `Order fan-out, stage ${choices.stage}`,
    env: environment(),
  });
  Validations.of(app).addPlugins(...rulePacks(choices.stage));
  app.synth();
} catch (error) {
  const problem = settingProblem(error);
  if (problem === undefined) throw error;
  console.error(problem);
  process.exitCode = 1;
}

/** Account and region of whoever runs `cdk`; without credentials the template works in any. */
function environment(): { account?: string; region?: string } {
  const { CDK_DEFAULT_ACCOUNT: account, CDK_DEFAULT_REGION: region } = process.env;
  return { ...(account && { account }), ...(region && { region }) };
}
