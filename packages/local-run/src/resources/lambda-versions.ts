// Versions and aliases of functions. A template holds the code of one version, so that weights between versions change nothing here.
import type { Qualifier } from '../lambda/execution-environment.ts';
import type { LocalFunction } from '../lambda/local-function.ts';
import type { Create, Deployment, Properties } from './deployment.ts';

/** The number of a function's version in the template, which holds the code of one. */
const VERSION = '1';

/** A function as something in the template refers to it. */
interface InvokedFunction {
  target: LocalFunction;
  /** Absent for the function itself. */
  qualifier?: Qualifier;
  /** With the qualifier. */
  arn: string;
}

export const createVersion: Create = async (logicalId, properties, deployment) => {
  const { target } = functionOf(logicalId, properties, deployment);
  const { functionName, functionArn } = target.definition;
  const qualified = `${functionName}:${VERSION}`;
  if (deployment.versions.has(qualified)) {
    throw new Error(
      `${logicalId}: the local run knows one version of a function, and ${functionName} has one`,
    );
  }
  deployment.versions.set(qualified, VERSION);
  const FunctionArn = `${functionArn}:${VERSION}`;
  return { ref: FunctionArn, attributes: { FunctionArn, Version: VERSION } };
};

export const createAlias: Create = async (logicalId, properties, deployment) => {
  const { target } = functionOf(logicalId, properties, deployment);
  const { functionName, functionArn } = target.definition;
  const { Name, FunctionVersion } = properties;
  const version = String(FunctionVersion);
  if (!deployment.versions.has(`${functionName}:${version}`)) {
    throw new Error(`${logicalId}: no version ${version} of ${functionName} in this stack`);
  }
  deployment.versions.set(`${functionName}:${Name}`, version);
  const AliasArn = `${functionArn}:${Name}`;
  return { ref: AliasArn, attributes: { AliasArn } };
};

/**
 * The function that a resource's FunctionName names, in any of the forms that Lambda takes: a name, an ARN or a part of one,
 * each with a version or alias behind it or without.
 * https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
 * @throws Error naming a function, version or alias that is not in the stack
 */
export function functionOf(
  logicalId: string,
  { FunctionName }: Properties,
  { functions, versions }: Deployment,
): InvokedFunction {
  const [name = '', qualifier] = String(FunctionName)
    .replace(/^.*\bfunction:/, '')
    .split(':');
  const target = functions.get(name);
  if (!target) throw new Error(`${logicalId}: no function ${name} in this stack`);
  const { functionArn } = target.definition;
  if (qualifier === undefined) return { target, arn: functionArn };
  const version = versions.get(`${name}:${qualifier}`);
  if (!version) throw new Error(`${logicalId}: no version or alias ${qualifier} of ${name} in this stack`);
  return { target, qualifier: { name: qualifier, version }, arn: `${functionArn}:${qualifier}` };
}
