// CloudFormation's DescribeStacks for the stacks that run here, so that clients discover a local stack as they do one on AWS.

/** A stack as DescribeStacks tells it. */
export interface StackDescription {
  name: string;
  id: string;
  createdAt: string;
  outputs: { key: string; value: string; description?: string }[];
}

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};
const escapeXml = (text: string) => text.replace(/[&<>"']/g, (char) => ENTITIES[char] ?? char);
const tag = (name: string, content: string) => `<${name}>${content}</${name}>`;

/**
 * Answers a Query protocol request; anything but DescribeStacks is refused as CloudFormation refuses an unknown action.
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html
 */
export function describeStacks(
  request: URLSearchParams,
  stacks: StackDescription[],
): { status: number; xml: string } {
  const action = request.get('Action') ?? '';
  if (action !== 'DescribeStacks') {
    return refusal('InvalidAction', `The local run answers DescribeStacks, not ${action}`);
  }
  const wanted = request.get('StackName');
  const found = stacks.filter((stack) => wanted === null || wanted === stack.name || wanted === stack.id);
  if (wanted !== null && found.length === 0) {
    return refusal('ValidationError', `Stack with id ${wanted} does not exist`);
  }
  const members = found.map((stack) => {
    const outputs = stack.outputs.map((output) =>
      tag(
        'member',
        tag('OutputKey', escapeXml(output.key)) +
          tag('OutputValue', escapeXml(output.value)) +
          (output.description ? tag('Description', escapeXml(output.description)) : ''),
      ),
    );
    return tag(
      'member',
      tag('StackName', escapeXml(stack.name)) +
        tag('StackId', escapeXml(stack.id)) +
        tag('CreationTime', stack.createdAt) +
        tag('StackStatus', 'CREATE_COMPLETE') +
        tag('Outputs', outputs.join('')),
    );
  });
  return {
    status: 200,
    xml: tag('DescribeStacksResponse', tag('DescribeStacksResult', tag('Stacks', members.join('')))),
  };
}

/** An error in the Query protocol. */
export function refusal(code: string, message: string): { status: number; xml: string } {
  return {
    status: 400,
    xml: tag(
      'ErrorResponse',
      tag('Error', tag('Type', 'Sender') + tag('Code', code) + tag('Message', escapeXml(message))),
    ),
  };
}
