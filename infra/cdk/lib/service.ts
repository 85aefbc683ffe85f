// The functions, as template.yaml describes them, with the addresses of what the foundation has made.
import { ArnFormat, CfnOutput, Fn, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import * as sns from 'aws-cdk-lib/aws-sns';
import * as ssm from 'aws-cdk-lib/aws-ssm';
import * as subscriptions from 'aws-cdk-lib/aws-sns-subscriptions';
import { CfnInclude } from 'aws-cdk-lib/cloudformation-include';
import { AwsCustomResource, AwsCustomResourcePolicy, PhysicalResourceId, type AwsSdkCall } from 'aws-cdk-lib/custom-resources';
import type { Construct } from 'constructs';
import type { Config } from './config.ts';
import { VIEWER_ADDRESS_HEADER } from './edge.ts';
import { address, type Address, type Foundation } from './foundation.ts';
import { ROTATED, type Rotated } from './secrets.ts';
import { securityLogTable } from './security-log.ts';

/** Days between two rotations. */
const ROTATION_DAYS: Record<Rotated, number> = { 'jwt-keys': 30, pepper: 90, 'data-keys': 365 };

export class Service extends Stack {
  constructor(scope: Construct, id: string, config: Config, foundation: Foundation) {
    super(scope, id, { description: 'auth: functions, API, alarms' });
    this.addStackDependency(foundation);
    const topic = new sns.Topic(this, 'Alarms', { topicName: `auth-${config.stage}-alarms`, enforceSSL: true });
    // The policy that asks for TLS replaces the one by which CloudWatch might publish.
    topic.grantPublish(new ServicePrincipal('cloudwatch.amazonaws.com'));
    if (config.alarmMail !== '') topic.addSubscription(new subscriptions.EmailSubscription(config.alarmMail));

    const { addresses } = foundation.stores;
    const parameters: Record<string, unknown> = {
      Stage: config.stage,
      Size: config.size,
      SubnetIds: this.addresses(config, 'subnet-ids'),
      SecurityGroupIds: [this.address(config, 'security-group-id')],
      Ipv6Egress: String(!config.nat),
      OriginVerify: String(config.edge),
      DeploymentAlarms: String(config.deploymentAlarms),
      DatabaseHost: this.address(config, 'database-host'),
      DatabaseResourceId: this.address(config, 'database-resource-id'),
      ReplicationGroupId: addresses.replicationGroupId,
      ServerlessCacheName: addresses.serverlessCacheName,
      SmsSender: config.sender,
      UserServiceFunctionArn: config.userService,
      SecurityLogTable: securityLogTable(config),
      AuditRootBucket: this.address(config, 'audit-root-bucket'),
      AuditRootKeyId: this.address(config, 'audit-root-key-id'),
      AlarmTopicArn: topic.topicArn,
      Settings: [config.settings, ...(config.edge ? [`VIEWER_ADDRESS_HEADER=${VIEWER_ADDRESS_HEADER}`] : [])]
        .filter((setting) => setting !== '').join(';'),
    };
    const template = new CfnInclude(this, 'Functions', {
      templateFile: config.template,
      // A function and its alias refer to each other until the transform has run.
      allowCyclicalReferences: true,
      // They name aliases and versions, which only the transform makes, so CDK must not look for them.
      dehydratedResources: ['Migration', 'RotationPermission'],
      parameters,
    });
    // CloudFormation refuses a condition that refers to a resource, as to the topic.
    template.getCondition('HasAlarmTopic').expression = Fn.conditionNot(Fn.conditionEquals('a topic', ''));
    this.templateOptions.transforms = ['AWS::Serverless-2016-10-31'];

    for (const name of ROTATED) {
      const rotation = new secretsmanager.CfnRotationSchedule(this, `Rotation-${name}`, {
        secretId: `auth/${config.stage}/${name}`,
        // The name, not a reference: the alias exists only after the transform.
        rotationLambdaArn: this.formatArn({
          service: 'lambda', resource: 'function', resourceName: `${this.stackName}-rotate-keys:live`, arnFormat: ArnFormat.COLON_RESOURCE_NAME,
        }),
        rotationRules: { scheduleExpression: `rate(${ROTATION_DAYS[name]} days)` },
        // The first one would rotate what is not set yet.
        rotateImmediatelyOnUpdate: false,
      });
      rotation.addResourceDependency(template.getResource('RotationPermission'));
    }
    this.smsSpendLimit(config);
    new CfnOutput(this, 'AlarmTopic', { value: topic.topicArn });
  }

  private address(config: Config, name: Address): string {
    return ssm.StringParameter.valueForStringParameter(this, address(config, name));
  }

  private addresses(config: Config, name: Address): string[] {
    return ssm.StringListParameter.valueForTypedListParameter(this, address(config, name));
  }

  /** SMS cost money to whoever is attacked: AWS stops at this many dollars a month. It takes no limit above the
   * account's quota, which is 1 at first. */
  private smsSpendLimit(config: Config): void {
    if (config.smsSpendLimit === undefined) return;
    const calls: Partial<Record<Config['sender'], { sdk: AwsSdkCall; action: string }>> = {
      sns: {
        action: 'sns:SetSMSAttributes',
        sdk: { service: 'SNS', action: 'setSMSAttributes', parameters: { attributes: { MonthlySpendLimit: String(config.smsSpendLimit) } } },
      },
      'end-user-messaging': {
        action: 'sms-voice:SetTextMessageSpendLimitOverride',
        sdk: { service: 'PinpointSMSVoiceV2', action: 'setTextMessageSpendLimitOverride', parameters: { MonthlyLimit: config.smsSpendLimit } },
      },
    };
    const call = calls[config.sender];
    if (call === undefined) return;
    const sdk = { ...call.sdk, physicalResourceId: PhysicalResourceId.of('sms-spend-limit') };
    new AwsCustomResource(this, 'SmsSpendLimit', {
      onCreate: sdk,
      onUpdate: sdk,
      installLatestAwsSdk: false,
      logGroup: new LogGroup(this, 'SmsSpendLimitLogs', { retention: RetentionDays.ONE_WEEK, removalPolicy: RemovalPolicy.DESTROY }),
      // Neither call has a narrower resource.
      policy: AwsCustomResourcePolicy.fromStatements([new PolicyStatement({ actions: [call.action], resources: ['*'] })]),
    });
  }
}
