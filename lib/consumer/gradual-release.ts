import type { Alarm } from 'aws-cdk-lib/aws-cloudwatch';
import {
  type ILambdaApplication,
  LambdaDeploymentConfig,
  LambdaDeploymentGroup,
} from 'aws-cdk-lib/aws-codedeploy';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Alias } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';

export interface GradualReleaseProps {
  readonly application: ILambdaApplication;
  /** Alias that the function is invoked by. */
  readonly alias: Alias;
  /** Alarms that take a release back. None may be in ALARM when it begins. */
  readonly alarms: readonly Alarm[];
}

/**
 * Has CodeDeploy give a new version of a function a tenth of its invocations for five minutes, then all, and point the alias
 * back to the old version when an alarm goes into ALARM. Of a queue, an invocation is a batch.
 */
export class GradualRelease extends Construct {
  /** CodeDeploy acts by it. */
  readonly role: Role;

  constructor(scope: Construct, id: string, props: GradualReleaseProps) {
    super(scope, id);
    this.role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('codedeploy.amazonaws.com') });
    new LambdaDeploymentGroup(this, 'DeploymentGroup', {
      application: props.application,
      alias: props.alias,
      alarms: [...props.alarms],
      deploymentConfig: LambdaDeploymentConfig.CANARY_10PERCENT_5MINUTES,
      role: this.role,
    });
  }
}
