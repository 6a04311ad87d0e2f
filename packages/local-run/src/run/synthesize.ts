import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

/**
 * Runs the CDK app as the CDK command line would, without its look for credentials, and leaves a cloud assembly.
 * @param projectDirectory where cdk.json lies
 * @param outputDirectory folder of the assembly
 * @param context what `-c name=value` would give, over the context of cdk.json
 * @throws Error whose message is what the app wrote to standard error
 */
export async function synthesize(
  projectDirectory: string,
  outputDirectory: string,
  context: Record<string, string> = {},
): Promise<void> {
  const settings = JSON.parse(fs.readFileSync(path.join(projectDirectory, 'cdk.json'), 'utf8'));
  fs.rmSync(outputDirectory, { recursive: true, force: true });
  const guard = new URL('../threads/loopback-only.ts', import.meta.url).href;
  const app = spawn(settings.app, {
    cwd: projectDirectory,
    shell: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      // The app's `node` is the one that runs this.
      PATH: `${path.dirname(process.execPath)}${path.delimiter}${process.env.PATH ?? ''}`,
      NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --import=${guard}`,
      // CDK's check against CloudFormation's schemas takes over a second. `cdk synth` has it, and here every resource is made.
      CDK_VALIDATION: 'false',
      CDK_OUTDIR: outputDirectory,
      CDK_CONTEXT_JSON: JSON.stringify({ ...settings.context, ...context }),
    },
  });
  let said = '';
  for (const stream of [app.stdout, app.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      said += chunk;
    });
  }
  const code = await new Promise((resolve, reject) => app.once('error', reject).once('close', resolve));
  if (code !== 0) throw new Error(said.trim() || `${settings.app} ended with exit code ${code}`);
}
