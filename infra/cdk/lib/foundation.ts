// What lasts: network, stores, secrets, security log. The functions come and go over it.
import { Stack } from 'aws-cdk-lib';
import * as ssm from 'aws-cdk-lib/aws-ssm';
import type { Construct } from 'constructs';
import type { Config } from './config.ts';
import { Network } from './network.ts';
import { Secrets } from './secrets.ts';
import { SecurityLog } from './security-log.ts';
import { Stores } from './stores.ts';

/** What the stack of functions reads. Its template asks for it in conditions, where CloudFormation takes no
 * export of another stack, but takes parameters that stand in the parameter store. */
export type Address =
  | 'database-host' | 'database-resource-id' | 'subnet-ids' | 'security-group-id' | 'audit-root-bucket' | 'audit-root-key-id';

export function address(config: Config, name: Address): string {
  return `/auth/${config.stage}/${name}`;
}

export class Foundation extends Stack {
  readonly network: Network;
  readonly stores: Stores;
  readonly secrets: Secrets;
  readonly log: SecurityLog;

  constructor(scope: Construct, id: string, config: Config) {
    super(scope, id, { description: 'auth: network, stores, secrets, security log', terminationProtection: config.isProd });
    this.network = new Network(this, 'Network', config);
    this.stores = new Stores(this, 'Stores', config, this.network);
    this.secrets = new Secrets(this, 'Secrets', config);
    this.log = new SecurityLog(this, 'SecurityLog', config);
    const { network, stores, log } = this;
    this.tell(config, 'database-host', stores.addresses.databaseHost);
    this.tell(config, 'database-resource-id', stores.addresses.databaseResourceId);
    this.tell(config, 'security-group-id', network.functions.securityGroupId);
    this.tell(config, 'audit-root-bucket', log.roots.bucketName);
    this.tell(config, 'audit-root-key-id', log.key.keyId);
    new ssm.StringListParameter(this, 'subnet-ids', {
      parameterName: address(config, 'subnet-ids'), stringListValue: network.subnets.subnetIds,
    });
  }

  private tell(config: Config, name: Address, value: string): void {
    new ssm.StringParameter(this, name, { parameterName: address(config, name), stringValue: value });
  }
}
