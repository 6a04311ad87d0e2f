import type { Alarm } from 'aws-cdk-lib/aws-cloudwatch';
import {
  type ILambdaApplication,
  LambdaDeploymentConfig,
  LambdaDeploymentGroup,
} from 'aws-cdk-lib/aws-codedeploy';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Alias } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { acknowledge } from '../checks/acknowledge.ts';

export interface GradualReleaseProps {
  readonly application: ILambdaApplication;
  /** Alias that the function is invoked by. */
  readonly alias: Alias;
  /** Alarms that roll a release back. None may be in ALARM when it begins. */
  readonly alarms: readonly Alarm[];
}

/**
 * CodeDeploy gives a new version of a function a tenth of its invocations (of a queue: batches) for five minutes, then all. An
 * alarm rolls it back.
 */
export class GradualRelease extends Construct {
  constructor(scope: Construct, id: string, props: GradualReleaseProps) {
    super(scope, id);
    const role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('codedeploy.amazonaws.com') });
    acknowledge(role, {
      'AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSCodeDeployRoleForLambdaLimited]':
        'CDK attaches it to the role of every deployment group, and AWS keeps it in step with what CodeDeploy does.',
    });
    new LambdaDeploymentGroup(this, 'DeploymentGroup', {
      application: props.application,
      alias: props.alias,
      alarms: [...props.alarms],
      deploymentConfig: LambdaDeploymentConfig.CANARY_10PERCENT_5MINUTES,
      role,
    });
  }
}
