/**
 * The metrics that a consumer's function reports about its messages: the only names that functions, alarms, the dashboard and the
 * local run accept, because an alarm on a misspelled metric never fires. Those of a domain's own outcomes are in its catalogue.
 */
export type MetricName =
  /** Messages that are done, duplicates left out. */
  | 'Processed'
  | 'Duplicates'
  /** Seconds from the event to the end of its processing. */
  | 'SecondsToDone'
  /** Failed tries after which the message waits in the queue for the next one. */
  | 'Retried'
  /** Messages that the function itself sent to the dead-letter queue. */
  | 'DeadLettered';
