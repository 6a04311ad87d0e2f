import type { AlarmType } from '../cloudwatch/alarm.ts';
import { type Create, physicalName } from './deployment.ts';

const createAlarmOf =
  (type: AlarmType): Create =>
  async (logicalId, properties, deployment) => {
    const name = physicalName(logicalId, properties.AlarmName, deployment);
    try {
      const Arn = await deployment.emulators.api.addAlarm(type, name, properties);
      return { ref: name, attributes: { Arn } };
    } catch (error) {
      throw new Error(`${logicalId}: ${(error as Error).message}`);
    }
  };

export const createAlarm = createAlarmOf('MetricAlarm');
export const createCompositeAlarm = createAlarmOf('CompositeAlarm');
