/** Whether resources of a stack were changed or deleted by hand. */
import {
  type CloudFormationClient,
  DescribeStackDriftDetectionStatusCommand,
  type DescribeStackDriftDetectionStatusOutput,
  DetectStackDriftCommand,
  paginateDescribeStackResourceDrifts,
  type StackResourceDrift,
} from '@aws-sdk/client-cloudformation';
import { Deadline } from '../aws/deadline.ts';
import { deployCommand } from '../aws/stack.ts';
import type { CheckContext } from './context.ts';
import { type Finding, problem, well, wellUnless } from './finding.ts';

const SUBJECT = 'drift';
/** A stack of this size takes a minute; "up to several", says AWS. */
const TIMEOUT_MS = 180_000;
const PAUSE_MS = 2_000;

/**
 * CloudFormation compares each resource with its template, with the caller's permissions to read them.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-stack-drift.html
 */
export async function checkDrift({ clients, stack, options, signal }: CheckContext): Promise<Finding[]> {
  if (options.local) return [well(SUBJECT, 'not checked: a local stack does not drift')];
  const { cloudFormation } = clients;
  const { StackDriftDetectionId } = await cloudFormation.send(
    new DetectStackDriftCommand({ StackName: stack.name }),
  );
  const result = await detection(cloudFormation, StackDriftDetectionId, signal);
  const drifts = await driftsOf(cloudFormation, stack.name);
  const findings = drifts.map((drift) => driftFinding(drift, stack.name));
  const { DetectionStatus, DetectionStatusReason: reason } = result;
  if (DetectionStatus === 'DETECTION_COMPLETE') return wellUnless(findings, SUBJECT, 'none');
  const why =
    DetectionStatus === 'DETECTION_FAILED'
      ? `could not be checked for all resources: ${reason ?? 'AWS gives no reason'}`
      : `could not be checked: AWS had not finished after ${TIMEOUT_MS / 1000} s`;
  return [problem(SUBJECT, why, 'check again, or leave it out with --no-drift'), ...findings];
}

/** @returns the status when detection ends, or at the deadline */
async function detection(
  cloudFormation: CloudFormationClient,
  StackDriftDetectionId: string | undefined,
  signal: AbortSignal,
): Promise<Partial<DescribeStackDriftDetectionStatusOutput>> {
  const deadline = new Deadline(TIMEOUT_MS, signal);
  const command = new DescribeStackDriftDetectionStatusCommand({ StackDriftDetectionId });
  for (;;) {
    const status = await deadline.retry(() => cloudFormation.send(command));
    if (status.DetectionStatus !== 'DETECTION_IN_PROGRESS' || deadline.isOver) return status;
    await deadline.wait(PAUSE_MS);
  }
}

async function driftsOf(client: CloudFormationClient, StackName: string): Promise<StackResourceDrift[]> {
  const request = {
    StackName,
    StackResourceDriftStatusFilters: ['MODIFIED', 'DELETED'] as ('MODIFIED' | 'DELETED')[],
  };
  const found: StackResourceDrift[] = [];
  for await (const page of paginateDescribeStackResourceDrifts({ client }, request)) {
    found.push(...(page.StackResourceDrifts ?? []));
  }
  return found;
}

function driftFinding(drift: StackResourceDrift, stackName: string): Finding {
  const { LogicalResourceId, ResourceType, StackResourceDriftStatus, PropertyDifferences = [] } = drift;
  const properties = PropertyDifferences.map(({ PropertyPath }) => PropertyPath).join(', ');
  const how =
    StackResourceDriftStatus === 'DELETED' ? 'was deleted' : `is not as in the template: ${properties}`;
  return problem(
    SUBJECT,
    `${LogicalResourceId} (${ResourceType}) ${how}`,
    `find out who did that and why; \`${deployCommand(stackName)} --revert-drift\` takes it back`,
  );
}
