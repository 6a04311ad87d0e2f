// The local run, its functions and `--local` go by no AWS settings of the user, in the environment or in ~/.aws.
import fs from 'node:fs';
import path from 'node:path';
import vm from 'node:vm';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { LocalRun } from '@order-fan-out/local-run/run';
import { synthesize } from '@order-fan-out/local-run/synthesize';
import { temporaryFolder } from '@order-fan-out/local-run/test/temporary';
import { createProgress } from '../../cli/terminal/progress.ts';
import { localEvents, runLocalEvents } from '../../scenarios/start/local-events.ts';
import { command, useAwsEnvironment } from '../fixtures/command.ts';
import { PROJECT } from '../fixtures/project.ts';

const IN_ENVIRONMENT = {
  AWS_USE_FIPS_ENDPOINT: 'true',
  AWS_USE_DUALSTACK_ENDPOINT: 'true',
  AWS_ENABLE_ENDPOINT_DISCOVERY: 'true',
  AWS_ENDPOINT_URL: 'nonsense',
  AWS_ENDPOINT_URL_SQS: 'nonsense',
  AWS_ACCOUNT_ID_ENDPOINT_MODE: 'required',
  AWS_AUTH_SCHEME_PREFERENCE: 'httpBearerAuth',
  AWS_DEFAULTS_MODE: 'nonsense',
  AWS_RETRY_MODE: 'nonsense',
  AWS_MAX_ATTEMPTS: 'nonsense',
  AWS_REGION: 'nowhere',
};
const IN_FILE = `
[default]
use_fips_endpoint = true
use_dualstack_endpoint = true
endpoint_discovery_enabled = true
account_id_endpoint_mode = required
endpoint_url = nonsense
defaults_mode = nonsense
retry_mode = nonsense
max_attempts = nonsense
region = nowhere

[profile broken]
use_fips_endpoint = true
use_dualstack_endpoint = true
endpoint_discovery_enabled = true
sso_session = gone
services = gone
`;
const home = temporaryFolder('home-');
const configFile = path.join(home, '.aws', 'config');
const assembly = path.join(home, 'cdk.out');
/** Functions find the user's home by the process itself, and not by Jest's copy of it. */
const { env }: NodeJS.Process = vm.runInThisContext('process');
const realHome = env.HOME;

beforeAll(async () => {
  fs.mkdirSync(path.dirname(configFile));
  fs.writeFileSync(configFile, IN_FILE);
  await synthesize(PROJECT, assembly);
  env.HOME = home;
  process.env.LOCAL_RUN_DIRECTORY = home;
});

afterAll(() => {
  if (realHome === undefined) delete env.HOME;
  else env.HOME = realHome;
});

test.each([
  ['the environment', IN_ENVIRONMENT],
  ['the config file', { AWS_CONFIG_FILE: configFile }],
  ['a profile', { AWS_CONFIG_FILE: configFile, AWS_PROFILE: 'broken' }],
])('settings in %s change nothing', async (_, settings) => {
  useAwsEnvironment(settings);

  const logDirectory = path.join(home, 'logs');
  const run = await LocalRun.start({ assembly, port: 0, logDirectory });
  fs.writeFileSync(path.join(home, 'endpoint.json'), JSON.stringify(run.endpoint));
  const { signal } = new AbortController();
  const progress = createProgress({ silent: true });
  const messages = localEvents(10, 1);
  const { balanced, report } = await runLocalEvents({ run, messages, logDirectory, progress, signal });
  const status = await command(['status', '--local', '--json']);
  await run.stop();

  expect([balanced, report]).toEqual([true, expect.any(String)]);
  expect(status.stderr).toBe('');
  expect(JSON.parse(status.stdout).region).toBe('us-east-1');
});
