// What becomes of a message on its way from a topic to a queue: fauxqs knows neither queue policies nor a subscription's
// dead-letter queue.
import type { ServiceCaller } from '../iam/access-control.ts';
import type { Permission } from '../iam/required-permissions.ts';
import type { Fauxqs } from './fauxqs.ts';
import type { SqsQueue } from './internals.ts';

/**
 * How the delivery to one subscription ended. `redriven`: in its dead-letter queue; `lost`: nowhere, as it has none;
 * `redrive-failed`: nowhere either, as that one is gone or does not let the topic in.
 */
export type DeliveryOutcome = 'delivered' | 'redriven' | 'lost' | 'redrive-failed';

/**
 * Sends each message where SNS would: to the subscribed queue, where that is gone or does not let the topic in, to the
 * subscription's dead-letter queue, which has to let it in as well. Neither error is tried again, as on AWS.
 * https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html
 * @param isAllowed whether a service may
 * @param onDelivery called for each message that a subscription's filter lets pass
 */
export function deliverAsSns(
  fauxqs: Fauxqs,
  isAllowed: (caller: ServiceCaller, permissions: Permission[]) => boolean,
  onDelivery: (topicArn: string, outcome: DeliveryOutcome) => void,
): void {
  const reach = (source: string, queueArn: string | undefined): SqsQueue | undefined => {
    const queue = queueArn === undefined ? undefined : fauxqs.queue(queueArn);
    const caller = { service: 'sns.amazonaws.com', source };
    return queue && isAllowed(caller, [{ action: 'sqs:SendMessage', resource: queue.arn }])
      ? queue
      : undefined;
  };
  fauxqs.routeDeliveries(({ topicArn, endpoint, attributes }) => {
    const queue = reach(topicArn, endpoint);
    if (queue) {
      onDelivery(topicArn, 'delivered');
      return queue;
    }
    const { deadLetterTargetArn } = JSON.parse(attributes.RedrivePolicy || '{}');
    const deadLetters = reach(topicArn, deadLetterTargetArn);
    if (deadLetters) onDelivery(topicArn, 'redriven');
    else onDelivery(topicArn, deadLetterTargetArn ? 'redrive-failed' : 'lost');
    return deadLetters;
  });
}
