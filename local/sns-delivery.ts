// What becomes of a message on its way from a topic to a queue: fauxqs knows neither queue policies nor a subscription's
// dead-letter queue.
import { AccessDenied, type ServiceCaller } from './access.ts';
import type { Need } from './iam-actions.ts';

/** The parts of fauxqs's stores that a delivery goes through. */
interface SnsStore {
  spy?: { addMessage(event: unknown): void };
  getSubscription(arn: string): Subscription | undefined;
}
interface SqsStore {
  getQueueByArn(arn: string): unknown;
}
interface Subscription {
  topicArn: string;
  endpoint: string;
  attributes: { RedrivePolicy?: string };
}

/** How the delivery to one subscription ended. `redriven`: in its dead-letter queue; `lost`: nowhere. */
export type DeliveryOutcome = 'delivered' | 'redriven' | 'lost';

/**
 * Sends each message where SNS would: to the subscribed queue, where that is gone or does not let the topic in, to the
 * subscription's dead-letter queue, which has to let it in as well. Neither error is tried again, as on AWS.
 * https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html
 * @param authorize throws AccessDenied where a service may not
 * @param onDelivery called for each message that a subscription's filter lets pass
 */
export function deliverAsSns(
  sns: SnsStore,
  sqs: SqsStore,
  authorize: (caller: ServiceCaller, needs: Need[]) => void,
  onDelivery: (topicArn: string, outcome: DeliveryOutcome) => void = () => {},
): void {
  const getSubscription = sns.getSubscription.bind(sns);
  const getQueueByArn = sqs.getQueueByArn.bind(sqs);
  let publishing = false;
  let current: Subscription | undefined;

  const reach = (topicArn: string, queueArn: string | undefined): unknown => {
    const queue = queueArn === undefined ? undefined : getQueueByArn(queueArn);
    if (!queue || queueArn === undefined) return undefined;
    try {
      authorize({ service: 'sns.amazonaws.com', source: topicArn }, [
        { action: 'sqs:SendMessage', resource: queueArn },
      ]);
      return queue;
    } catch (error) {
      if (error instanceof AccessDenied) return undefined;
      throw error;
    }
  };

  // fauxqs announces each message, then goes through the topic's subscriptions and, for one whose filter lets the message
  // pass, looks up the queue to put it in. All of it happens in one go, so that nobody else looks up anything meanwhile.
  const announce = sns.spy?.addMessage.bind(sns.spy);
  sns.spy = {
    addMessage(event) {
      announce?.(event);
      publishing = true;
      queueMicrotask(() => {
        publishing = false;
      });
    },
  };
  sns.getSubscription = (arn) => {
    current = getSubscription(arn);
    return current;
  };
  sqs.getQueueByArn = (arn) => {
    // A queue that has just taken a message in may look up its own dead-letter queue, for one that it hands out.
    if (!publishing || current?.endpoint !== arn) return getQueueByArn(arn);
    const { topicArn, attributes } = current;
    // The look at its policy looks the queue up again.
    current = undefined;
    const queue = reach(topicArn, arn);
    if (queue) {
      onDelivery(topicArn, 'delivered');
      return queue;
    }
    const letters = reach(topicArn, JSON.parse(attributes.RedrivePolicy || '{}').deadLetterTargetArn);
    onDelivery(topicArn, letters ? 'redriven' : 'lost');
    return letters;
  };
}
