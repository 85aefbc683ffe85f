// What outlives the database: the append-only security log, and the signed roots of all its chains in
// a bucket where nobody can change or delete them.
import { Duration } from 'aws-cdk-lib';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { removalPolicy, type Config } from './config.ts';

/** Days for which a root cannot be deleted, not even by the account's owner in prod. */
const ROOT_DAYS = 400;

export function securityLogTable(config: Config): string {
  return `auth-${config.stage}-security-log`;
}

export class SecurityLog extends Construct {
  readonly table: dynamodb.Table;
  readonly roots: s3.Bucket;
  readonly key: kms.Key;

  constructor(scope: Construct, id: string, config: Config) {
    super(scope, id);
    this.table = new dynamodb.Table(this, 'Table', {
      tableName: securityLogTable(config),
      partitionKey: { name: 'user', type: dynamodb.AttributeType.STRING },
      sortKey: { name: 'seq', type: dynamodb.AttributeType.NUMBER },
      billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      timeToLiveAttribute: 'expiresAt',
      deletionProtection: config.isProd,
      removalPolicy: removalPolicy(config),
    });
    this.roots = new s3.Bucket(this, 'Roots', {
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
      encryption: s3.BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      versioned: true,
      objectLockEnabled: true,
      objectLockDefaultRetention: config.isProd
        ? s3.ObjectLockRetention.compliance(Duration.days(ROOT_DAYS))
        : s3.ObjectLockRetention.governance(Duration.days(1)),
      removalPolicy: removalPolicy(config),
    });
    this.key = new kms.Key(this, 'RootKey', {
      alias: `alias/auth-${config.stage}-audit-roots`,
      description: 'Signs the roots of the security log',
      keySpec: kms.KeySpec.ECC_NIST_P256,
      keyUsage: kms.KeyUsage.SIGN_VERIFY,
      removalPolicy: removalPolicy(config),
    });
  }
}
