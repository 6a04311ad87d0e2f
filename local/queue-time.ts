// Makes the waiting in SQS shorter than it is on AWS.

/** What is used here of fauxqs's classes. */
interface QueueClass {
  prototype: {
    attributes: Record<string, string>;
    dequeue(max: number, visibilitySeconds: number | undefined, resolver: unknown): unknown;
    changeVisibility(receiptHandle: string, seconds: number): void;
  };
}
interface StoreClass {
  createMessage(body: string, attributes: object, delaySeconds?: number, ...more: string[]): unknown;
}

/** Divides every visibility timeout and every delay by `scale`. Long polls and time stamps stay as they are. */
export function scaleQueueTime({ prototype }: QueueClass, Store: StoreClass, scale: number): void {
  const { dequeue, changeVisibility } = prototype;
  prototype.dequeue = function (max, visibilitySeconds, resolver) {
    const seconds = visibilitySeconds ?? Number(this.attributes.VisibilityTimeout);
    return dequeue.call(this, max, seconds / scale, resolver);
  };
  prototype.changeVisibility = function (receiptHandle, seconds) {
    changeVisibility.call(this, receiptHandle, seconds / scale);
  };
  const { createMessage } = Store;
  Store.createMessage = (body, attributes, delaySeconds, ...more) =>
    createMessage(body, attributes, delaySeconds && delaySeconds / scale, ...more);
}
