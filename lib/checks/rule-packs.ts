import { AwsSolutionsChecks, type NagPack, NIST80053R5Checks, ServerlessChecks } from 'cdk-nag';
import type { StageName } from '../settings/types.ts';

/** What a stage is checked against at every synth. NIST 800-53 asks for what only a stage with real data needs. */
export function rulePacks(stage: StageName): NagPack[] {
  const packs = [new AwsSolutionsChecks(), new ServerlessChecks()];
  return stage === 'prod' ? [...packs, new NIST80053R5Checks()] : packs;
}
