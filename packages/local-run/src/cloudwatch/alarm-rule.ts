// The rule of a composite alarm. Of CloudWatch's expressions this is the one that means: if one of these is in ALARM.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html

const ALARM = String.raw`ALARM\("?([^"()]+)"?\)`;
const RULE = new RegExp(String.raw`^\(?${ALARM}(?:\s+OR\s+${ALARM})*\)?$`);

/**
 * The alarms that a rule names, by name or ARN.
 * @throws Error with the rule, where it has another form
 */
export function alarmsOf(rule: string): string[] {
  if (!RULE.test(rule)) {
    throw new Error(
      `the local run does not know the alarm rule ${rule}: it knows ALARM("a") OR ALARM("b"), of any number`,
    );
  }
  return Array.from(rule.matchAll(new RegExp(ALARM, 'g')), ([, alarm]) => alarm as string);
}
