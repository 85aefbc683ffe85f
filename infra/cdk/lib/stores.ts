// Postgres and Redis. The functions log in to both by IAM: no password of theirs exists.
import { Duration, RemovalPolicy, Token } from 'aws-cdk-lib';
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import * as elasticache from 'aws-cdk-lib/aws-elasticache';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import * as rds from 'aws-cdk-lib/aws-rds';
import { Construct } from 'constructs';
import type { Config, Size } from './config.ts';
import type { Network } from './network.ts';

const DATABASE_NAME = 'auth';
/** Owns the tables; only `migrate` logs in as it. */
const OWNER = 'auth_owner';

/** Server classes by size: connections of the template's Sizes fit into their max_connections. */
const SERVERS: Record<Size, { database: ec2.InstanceType; maxAcu: number; cache: string; cacheNodes: number }> = {
  trial: { database: new ec2.InstanceType('t4g.micro'), maxAcu: 1, cache: 'cache.t4g.micro', cacheNodes: 1 },
  small: { database: new ec2.InstanceType('t4g.micro'), maxAcu: 2, cache: 'cache.t4g.micro', cacheNodes: 1 },
  medium: { database: new ec2.InstanceType('t4g.medium'), maxAcu: 16, cache: 'cache.t4g.medium', cacheNodes: 2 },
  large: { database: new ec2.InstanceType('r7g.large'), maxAcu: 64, cache: 'cache.r7g.large', cacheNodes: 2 },
};

export interface StoreAddresses {
  /** Endpoint of Postgres. */
  databaseHost: string;
  /** `db-…` or `cluster-…`, which the right to log in names. */
  databaseResourceId: string;
  replicationGroupId: string;
  serverlessCacheName: string;
}

export class Stores extends Construct {
  readonly addresses: StoreAddresses;

  constructor(scope: Construct, id: string, config: Config, network: Network) {
    super(scope, id);
    this.addresses = { ...this.database(config, network), ...this.cache(config, network) };
  }

  private database(config: Config, network: Network): Pick<StoreAddresses, 'databaseHost' | 'databaseResourceId'> {
    const server = SERVERS[config.size];
    const { isProd, isSmall } = config;
    const backup = Duration.days(isProd ? 14 : 3);
    const shared = {
      vpc: network.vpc,
      vpcSubnets: { subnets: network.subnets.subnets },
      securityGroups: [network.database],
      credentials: rds.Credentials.fromGeneratedSecret(OWNER, { secretName: `auth/${config.stage}/database-owner` }),
      iamAuthentication: true,
      storageEncrypted: true,
      deletionProtection: isProd,
      removalPolicy: RemovalPolicy.SNAPSHOT,
      copyTagsToSnapshot: true,
      cloudwatchLogsExports: ['postgresql'],
      cloudwatchLogsRetention: isProd ? RetentionDays.THREE_MONTHS : RetentionDays.TWO_WEEKS,
      networkType: rds.NetworkType.IPV4,
    };
    // Nothing is sent in the clear, whatever a client asks for. No log holds values of rows or statements: slow
    // statements are not logged (their parameters would be), and errors without their details.
    const parameters = { 'rds.force_ssl': '1', log_error_verbosity: 'terse' };
    if (config.database === 'aurora') {
      const engine = rds.DatabaseClusterEngine.auroraPostgres({ version: rds.AuroraPostgresEngineVersion.VER_17_4 });
      const cluster = new rds.DatabaseCluster(this, 'Database', {
        ...shared,
        engine,
        parameterGroup: new rds.ParameterGroup(this, 'Parameters', { engine, parameters }),
        defaultDatabaseName: DATABASE_NAME,
        writer: rds.ClusterInstance.serverlessV2('Writer', { autoMinorVersionUpgrade: true }),
        readers: isSmall ? [] : [rds.ClusterInstance.serverlessV2('Reader', { scaleWithWriter: true, autoMinorVersionUpgrade: true })],
        // A small one pauses after five minutes without a connection, the least that Aurora takes; it wakes in
        // about 15 seconds, and the requests until then are answered 503 with Retry-After.
        serverlessV2MinCapacity: isSmall ? 0 : 1,
        serverlessV2MaxCapacity: server.maxAcu,
        ...(isSmall ? { serverlessV2AutoPauseDuration: Duration.minutes(5) } : {}),
        backup: { retention: backup },
      });
      return { databaseHost: cluster.clusterEndpoint.hostname, databaseResourceId: cluster.clusterResourceIdentifier };
    }
    const engine = rds.DatabaseInstanceEngine.postgres({ version: rds.PostgresEngineVersion.VER_17 });
    const instance = new rds.DatabaseInstance(this, 'Database', {
      ...shared,
      engine,
      parameterGroup: new rds.ParameterGroup(this, 'Parameters', { engine, parameters }),
      databaseName: DATABASE_NAME,
      instanceType: server.database,
      allocatedStorage: 20,
      maxAllocatedStorage: isSmall ? 100 : 1000,
      storageType: rds.StorageType.GP3,
      multiAz: isProd && !isSmall,
      autoMinorVersionUpgrade: true,
      caCertificate: rds.CaCertificate.RDS_CA_RSA2048_G1,
      backupRetention: backup,
    });
    return { databaseHost: instance.dbInstanceEndpointAddress, databaseResourceId: Token.asString(instance.instanceResourceId) };
  }

  private cache(config: Config, network: Network): Pick<StoreAddresses, 'replicationGroupId' | 'serverlessCacheName'> {
    const server = SERVERS[config.size];
    const name = `auth-${config.stage}`;
    // For a log-in by IAM, name and id must be alike. Commands that ElastiCache keeps for itself, such as CONFIG,
    // may not be named.
    const user = new elasticache.CfnUser(this, 'FunctionsUser', {
      userId: name, userName: name, engine: 'valkey',
      accessString: 'on ~* &* +@all -@dangerous +info',
      authenticationMode: { Type: 'iam' },
    });
    // A group of Valkey needs no user `default`, and takes none without a password.
    const users = new elasticache.CfnUserGroup(this, 'Users', {
      engine: 'valkey', userGroupId: name, userIds: [user.ref],
    });
    if (config.cache === 'serverless') {
      new elasticache.CfnServerlessCache(this, 'Cache', {
        serverlessCacheName: name,
        engine: 'valkey',
        majorEngineVersion: '8',
        subnetIds: network.subnets.subnetIds,
        securityGroupIds: [network.cache.securityGroupId],
        userGroupId: users.ref,
        // It evicts what expires first when it is full, and what expires here are limits and tombstones.
        cacheUsageLimits: { dataStorage: { maximum: config.size === 'large' ? 50 : 5, unit: 'GB' } },
      });
      return { replicationGroupId: '', serverlessCacheName: name };
    }
    const subnetGroup = new elasticache.CfnSubnetGroup(this, 'CacheSubnets', {
      description: 'Redis of auth', subnetIds: network.subnets.subnetIds,
    });
    const parameters = new elasticache.CfnParameterGroup(this, 'CacheParameters', {
      cacheParameterGroupFamily: 'valkey8',
      description: 'Nothing is evicted: limits and tombstones must last as long as they say',
      properties: { 'maxmemory-policy': 'noeviction' },
    });
    const hasReplica = server.cacheNodes > 1;
    new elasticache.CfnReplicationGroup(this, 'Cache', {
      replicationGroupId: name,
      replicationGroupDescription: 'Codes, limits, cache entries of sessions',
      engine: 'valkey',
      engineVersion: '8.0',
      cacheNodeType: server.cache,
      numCacheClusters: server.cacheNodes,
      automaticFailoverEnabled: hasReplica,
      multiAzEnabled: hasReplica,
      atRestEncryptionEnabled: true,
      transitEncryptionEnabled: true,
      transitEncryptionMode: 'required',
      cacheParameterGroupName: parameters.ref,
      cacheSubnetGroupName: subnetGroup.ref,
      securityGroupIds: [network.cache.securityGroupId],
      userGroupIds: [users.ref],
      autoMinorVersionUpgrade: true,
      // What it holds may be lost; a snapshot of tombstones from yesterday helps nobody.
      snapshotRetentionLimit: 0,
    });
    return { replicationGroupId: name, serverlessCacheName: '' };
  }
}
