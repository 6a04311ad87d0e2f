/** An alarm bell, not a proof: a change here that nobody meant shows up in review. `npm test -- -u` takes it over. */
import { expect, test } from '@jest/globals';
import { stageNames, synthesize } from './synthesized.ts';

test.each(stageNames)('the template of %s is as it was', (stage) => {
  const template = JSON.stringify(synthesize(stage, { alarmEmail: 'ops@example.com' }).toJSON(), null, 1);

  expect(template.replaceAll(/[0-9a-f]{64}/g, 'ASSET_HASH')).toMatchSnapshot();
});
