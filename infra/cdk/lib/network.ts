// Where functions and stores are: two zones, no way in, and IPv6 as the way out. A NAT gateway costs
// more than everything else in a small stack, so there is one only for senders that need IPv4.
import * as ec2 from 'aws-cdk-lib/aws-ec2';
import { Construct } from 'constructs';
import type { Config } from './config.ts';

const POSTGRES = ec2.Port.tcp(5432);
/** The second port is that of readers in ElastiCache Serverless. */
const REDIS = [ec2.Port.tcp(6379), ec2.Port.tcp(6380)];

export class Network extends Construct {
  readonly vpc: ec2.Vpc;
  readonly subnets: ec2.SelectedSubnets;
  readonly functions: ec2.SecurityGroup;
  readonly database: ec2.SecurityGroup;
  readonly cache: ec2.SecurityGroup;

  constructor(scope: Construct, id: string, config: Config) {
    super(scope, id);
    this.vpc = new ec2.Vpc(this, 'Vpc', {
      ipProtocol: ec2.IpProtocol.DUAL_STACK,
      maxAzs: 2,
      // Nothing is reached from outside. A NAT gateway needs one.
      createInternetGateway: config.nat,
      natGateways: config.nat ? 1 : 0,
      restrictDefaultSecurityGroup: false,
      subnetConfiguration: [
        ...(config.nat ? [{ name: 'public', subnetType: ec2.SubnetType.PUBLIC, mapPublicIpOnLaunch: false }] : []),
        // Their default route of IPv6 leads to an egress-only gateway: a way out without a way in or a price.
        { name: 'private', subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS },
      ],
      // Free, and S3 and DynamoDB are then reached without leaving AWS.
      gatewayEndpoints: {
        S3: { service: ec2.GatewayVpcEndpointAwsService.S3 },
        Dynamo: { service: ec2.GatewayVpcEndpointAwsService.DYNAMODB },
      },
    });
    this.subnets = this.vpc.selectSubnets({ subnetGroupName: 'private' });

    const securityGroup = (name: string, description: string, allowAllOutbound = false): ec2.SecurityGroup =>
      new ec2.SecurityGroup(this, name, {
        vpc: this.vpc, description, allowAllOutbound, allowAllIpv6Outbound: false, disableInlineRules: true,
      });
    this.functions = securityGroup('Functions', 'Functions: to the stores and to HTTPS');
    this.database = securityGroup('Database', 'Postgres: from the functions');
    this.cache = securityGroup('Cache', 'Redis: from the functions');
    this.functions.addEgressRule(ec2.Peer.anyIpv6(), ec2.Port.tcp(443), 'AWS, by its dual-stack endpoints');
    // Without NAT, routes of IPv4 lead to the two gateway endpoints alone. CloudFormation takes the answer of
    // `migrate` at an address of S3 that has no IPv6.
    this.functions.addEgressRule(ec2.Peer.anyIpv4(), ec2.Port.tcp(443), 'S3 and DynamoDB; with NAT, senders outside AWS');
    this.functions.connections.allowTo(this.database, POSTGRES, 'Postgres');
    for (const port of REDIS) this.functions.connections.allowTo(this.cache, port, 'Redis');
  }
}
