// The secrets of docs/deploying.md, under auth/<stage>/. CDK makes them with a value that no function
// accepts; `cargo local keys new` gives the true ones, which never pass through a template.
import { Aws, CfnCondition, Fn } from 'aws-cdk-lib';
import * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { removalPolicy, type Config, type Sender } from './config.ts';
import { EDGE_REGION } from './edge.ts';

/** What every stage has. */
const KEYS = ['jwt-keys', 'jwt-public-keys', 'pepper', 'data-keys', 'phone-index-key', 'metrics-token'] as const;
/** What `rotate-keys` rotates, as the tag `auth:rotates` says it. */
export const ROTATED = ['jwt-keys', 'pepper', 'data-keys'] as const;
const OF_SENDER: Partial<Record<Sender, string>> = { twilio: 'twilio', vonage: 'vonage', hook: 'sms-hook' };

export type Rotated = (typeof ROTATED)[number];

export class Secrets extends Construct {
  constructor(scope: Construct, id: string, config: Config) {
    super(scope, id);
    const ofSender = OF_SENDER[config.sender];
    const names = [...KEYS, ...(ofSender === undefined ? [] : [ofSender]), ...(config.edge ? ['origin-verify'] : [])];
    for (const name of names) {
      const isGenerated = name === 'metrics-token' || name === 'origin-verify';
      const secret = new secretsmanager.Secret(this, name, {
        secretName: `auth/${config.stage}/${name}`,
        description: `auth, ${config.stage}: ${name}`,
        // A lost key is a lost service: a deletion of the stack leaves them.
        removalPolicy: removalPolicy(config),
        generateSecretString: isGenerated ? { passwordLength: 48, excludePunctuation: true } : { secretStringTemplate: '{}', generateStringKey: 'unset' },
      });
      if (name === 'origin-verify') this.replicate(secret);
      const rotated = ROTATED.find((one) => one === name);
      if (rotated === undefined) continue;
      const resource = secret.node.defaultChild as secretsmanager.CfnSecret;
      resource.tags.setTag('auth:rotates', rotated);
      if (rotated === 'jwt-keys') resource.tags.setTag('auth:public-keys', `auth/${config.stage}/jwt-public-keys`);
    }
  }

  /** CloudFront is told by a stack in a region of its own, which reads the secret there. */
  private replicate(secret: secretsmanager.Secret): void {
    const isElsewhere = new CfnCondition(this, 'IsOutsideOfTheEdgeRegion', {
      expression: Fn.conditionNot(Fn.conditionEquals(Aws.REGION, EDGE_REGION)),
    });
    const resource = secret.node.defaultChild as secretsmanager.CfnSecret;
    resource.addPropertyOverride('ReplicaRegions', Fn.conditionIf(isElsewhere.logicalId, [{ Region: EDGE_REGION }], Aws.NO_VALUE));
  }
}
