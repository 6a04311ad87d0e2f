// CloudFormation's DescribeStacks for the stacks that run here, so that clients discover a local stack as they do one on AWS.

import { escapeXml, tag } from '../protocol/http-answer.ts';
import type { Json } from '../protocol/json.ts';
import { ServiceError } from '../protocol/service-error.ts';

/** A stack as DescribeStacks tells it. */
export interface StackDescription {
  name: string;
  id: string;
  createdAt: string;
  outputs: { key: string; value: string; description?: string | undefined }[];
}

/**
 * Answers an operation, with XML.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html
 * @throws ServiceError as CloudFormation answers with one; for any operation but DescribeStacks, that it is not known
 */
export function answerCloudFormation(
  operation: string,
  { StackName: wanted }: Json,
  stacks: StackDescription[],
): string {
  if (operation !== 'DescribeStacks') {
    throw new ServiceError('InvalidAction', `The local run answers DescribeStacks, not ${operation}`);
  }
  const found = stacks.filter((stack) => [undefined, stack.name, stack.id].includes(wanted));
  if (wanted !== undefined && found.length === 0) {
    throw new ServiceError('ValidationError', `Stack with id ${wanted} does not exist`);
  }
  const members = found.map((stack) => tag('member', describe(stack))).join('');
  return tag('DescribeStacksResponse', tag('DescribeStacksResult', tag('Stacks', members)));
}

function describe({ name, id, createdAt, outputs }: StackDescription): string {
  const members = outputs.map(({ key, value, description }) =>
    tag(
      'member',
      tag('OutputKey', escapeXml(key)) +
        tag('OutputValue', escapeXml(value)) +
        (description ? tag('Description', escapeXml(description)) : ''),
    ),
  );
  return (
    tag('StackName', escapeXml(name)) +
    tag('StackId', escapeXml(id)) +
    tag('CreationTime', createdAt) +
    tag('StackStatus', 'CREATE_COMPLETE') +
    tag('Outputs', members.join(''))
  );
}
