import type { IKey } from 'aws-cdk-lib/aws-kms';
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { OperationsTopic } from './operations-topic.ts';

export interface OperationsProps {
  /**
   * Key that encrypts notifications at rest. Its policy must let cloudwatch.amazonaws.com use it.
   * @default - not encrypted by the topics
   */
  readonly encryptionKey?: IKey | undefined;
  /**
   * Address that is subscribed to those of the topics that are new, once its owner has confirmed.
   * @default - nobody is subscribed
   */
  readonly email?: string | undefined;
  /**
   * An existing topic for pages, which lets cloudwatch.amazonaws.com publish.
   * @default - a new one
   */
  readonly pageTopicArn?: string | undefined;
  /**
   * An existing topic for notices, which lets cloudwatch.amazonaws.com publish.
   * @default - a new one
   */
  readonly noticeTopicArn?: string | undefined;
  /** Address of the runbook. */
  readonly runbook: string;
}

/** Where alarms are announced: pages have to wake somebody, notices can wait until morning. */
export class Operations extends Construct {
  readonly pages: ITopic;
  readonly notices: ITopic;
  /** Address of the runbook. */
  readonly runbook: string;

  constructor(scope: Construct, id: string, props: OperationsProps) {
    super(scope, id);
    this.runbook = props.runbook;
    this.pages = this.topic('Pages', props.pageTopicArn, props);
    this.notices = this.topic('Notices', props.noticeTopicArn, props);
  }

  private topic(id: string, existing: string | undefined, { encryptionKey, email }: OperationsProps): ITopic {
    if (existing) return Topic.fromTopicArn(this, id, existing);
    return new OperationsTopic(this, id, { encryptionKey, email }).topic;
  }
}
