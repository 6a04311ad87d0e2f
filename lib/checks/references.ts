/** References between resources, as far as they are known before the deployment. */
import { type CfnResource, Stack } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** The resource of a type that a value refers to by its logical ID, within the stack of `from`. */
export function resourceReferredTo<T extends CfnResource>(
  from: CfnResource,
  value: unknown,
  // biome-ignore lint/suspicious/noExplicitAny: any constructor
  type: new (...args: any[]) => T,
  all: CfnResource[],
): T | undefined {
  const ids = new Set(logicalIdsIn(resolve(from, value)));
  return all.find(
    (resource): resource is T =>
      resource instanceof type &&
      resource.stack === from.stack &&
      ids.has(resolve(resource, resource.logicalId)),
  );
}

/** Whether a value names a resource of the same stack by its logical ID. */
export function refersTo(from: CfnResource, value: unknown, resource: CfnResource): boolean {
  return (
    resource.stack === from.stack &&
    logicalIdsIn(resolve(from, value)).includes(resolve(resource, resource.logicalId))
  );
}

/** The logical IDs in `Ref` and `Fn::GetAtt`, however deep. */
function logicalIdsIn(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    if (key === 'Ref') return [inner];
    if (key === 'Fn::GetAtt') return [inner[0]];
    return logicalIdsIn(inner);
  });
}

/**
 * A number, if it is known before the deployment.
 * @param otherwise what CloudFormation takes for it where it is left out
 */
export function numberOf(resource: CfnResource, value: unknown, otherwise?: number): number | undefined {
  const known = resolve(resource, value) ?? otherwise;
  return typeof known === 'object' || known === undefined ? undefined : Number(known);
}

/** A value as the template has it. */
// biome-ignore lint/suspicious/noExplicitAny: the JSON of a template
export function resolve(resource: CfnResource, value: unknown): any {
  return Stack.of(resource).resolve(value);
}

/** The construct by whose path people know a resource: the one whose default child it is, or else itself. */
export function ownerOf(resource: CfnResource): IConstruct {
  const { scope } = resource.node;
  return scope?.node.defaultChild === resource ? scope : resource;
}
