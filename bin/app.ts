/** The CDK app: picks the stage, makes the stack, and checks it against the rule packs at every synth. */
import { App, Errors, Validations } from 'aws-cdk-lib';
import { ConfigError } from '../lib/checks/limits.ts';
import { rulePacks } from '../lib/checks/rule-packs.ts';
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
  // A wrong setting, found by this project or by CDK: its message says all, and a stack trace would only hide it.
  if (!(error instanceof ConfigError || Errors.isValidationError(error))) throw error;
  console.error(error.message);
  process.exitCode = 1;
}

/** Account and region of whoever runs `cdk`; without credentials the template works in any. */
function environment(): { account?: string; region?: string } {
  const { CDK_DEFAULT_ACCOUNT: account, CDK_DEFAULT_REGION: region } = process.env;
  return { ...(account && { account }), ...(region && { region }) };
}
