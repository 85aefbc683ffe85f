// What the stacks promise, over their synthesised templates.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { App } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { readConfig, SIZES, STAGES, type Config } from '../lib/config.ts';
import { stacks } from '../lib/stacks.ts';

const TEMPLATE = '../../template.yaml';

function config(context: Record<string, string>): Config {
  const all: Record<string, string> = { stage: 'dev', template: TEMPLATE, ...context };
  return readConfig((key) => all[key]);
}

function templates(context: Record<string, string>): { foundation: Template; service: Template; edge: Template | undefined } {
  const { foundation, service, edge } = stacks(new App(), config(context));
  return {
    foundation: Template.fromStack(foundation),
    service: Template.fromStack(service),
    edge: edge && Template.fromStack(edge),
  };
}

type Resource = { Type: string; Properties?: Record<string, unknown>; DeletionPolicy?: string };

function resources(template: Template): Resource[] {
  return Object.values(template.toJSON()['Resources'] as Record<string, Resource>);
}

test('every stage and size is synthesised, with each database and cache', () => {
  for (const [index, size] of SIZES.entries()) {
    const stage = STAGES[index % STAGES.length]!;
    templates({ stage, size, database: 'aurora', cache: 'serverless' });
    templates({ stage, size, database: 'rds', cache: 'nodes' });
  }
});

test('a small stack has nothing that is billed by the hour but its cache', () => {
  for (const size of ['trial', 'small']) {
    const { foundation, service, edge } = templates({ size });
    foundation.resourceCountIs('AWS::EC2::NatGateway', 0);
    foundation.resourceCountIs('AWS::EC2::EIP', 0);
    foundation.resourcePropertiesCountIs('AWS::EC2::VPCEndpoint', { VpcEndpointType: 'Interface' }, 0);
    foundation.hasResourceProperties('AWS::RDS::DBCluster', {
      ServerlessV2ScalingConfiguration: { MinCapacity: 0, SecondsUntilAutoPause: 300 },
    });
    foundation.resourceCountIs('AWS::RDS::DBInstance', 1);
    foundation.hasResourceProperties('AWS::ElastiCache::ReplicationGroup', { NumCacheClusters: 1, CacheNodeType: 'cache.t4g.micro' });
    // Each metric of a route would be billed.
    service.hasResourceProperties('AWS::Serverless::HttpApi', { DefaultRouteSettings: { DetailedMetricsEnabled: false } });
    service.resourceCountIs('AWS::WAFv2::WebACL', 0);
    assert.equal(edge, undefined);
  }
});

test('without NAT the way out is IPv6, and no way leads in', () => {
  const { foundation } = templates({});
  foundation.resourceCountIs('AWS::EC2::EgressOnlyInternetGateway', 1);
  foundation.resourceCountIs('AWS::EC2::InternetGateway', 0);
  foundation.resourcePropertiesCountIs('AWS::EC2::Route', { DestinationIpv6CidrBlock: '::/0', GatewayId: Match.anyValue() }, 0);
  for (const group of resources(foundation).filter((r) => r.Type === 'AWS::EC2::SecurityGroupIngress')) {
    assert.ok(group.Properties?.['SourceSecurityGroupId'], 'a way in from anywhere but a group');
  }
});

test('without NAT, S3 is reached over IPv4: CloudFormation takes answers nowhere else', () => {
  const { foundation } = templates({});
  foundation.hasResourceProperties('AWS::EC2::VPCEndpoint', { VpcEndpointType: 'Gateway' });
  foundation.hasResourceProperties('AWS::EC2::SecurityGroupEgress', { CidrIp: '0.0.0.0/0', FromPort: 443, ToPort: 443 });
  foundation.resourcePropertiesCountIs('AWS::EC2::Route', { DestinationCidrBlock: '0.0.0.0/0' }, 0);
});

test('a sender outside AWS has a NAT gateway, unless it is refused', () => {
  templates({ sender: 'twilio' }).foundation.resourceCountIs('AWS::EC2::NatGateway', 1);
  templates({ sender: 'twilio', nat: 'false' }).foundation.resourceCountIs('AWS::EC2::NatGateway', 0);
});

test('stores are private, encrypted, and logged in to by IAM over TLS', () => {
  for (const database of ['aurora', 'rds']) {
    const { foundation } = templates({ database, stage: 'prod', size: 'medium' });
    const type = database === 'aurora' ? 'AWS::RDS::DBCluster' : 'AWS::RDS::DBInstance';
    foundation.hasResourceProperties(type, {
      StorageEncrypted: true, EnableIAMDatabaseAuthentication: true, DeletionProtection: true,
    });
    for (const instance of resources(foundation).filter((r) => r.Type === 'AWS::RDS::DBInstance')) {
      assert.notEqual(instance.Properties?.['PubliclyAccessible'], true);
    }
    const parameters = resources(foundation).filter((r) => r.Type.includes('ParameterGroup') && r.Type.startsWith('AWS::RDS'));
    assert.ok(parameters.some((r) => JSON.stringify(r.Properties).includes('"rds.force_ssl":"1"')));
  }
  for (const cache of ['nodes', 'serverless']) {
    const { foundation } = templates({ cache, stage: 'prod', size: 'medium' });
    foundation.hasResourceProperties('AWS::ElastiCache::User', { UserName: 'auth-prod', AuthenticationMode: { Type: 'iam' } });
    // ElastiCache refuses a user of Valkey without a password, and an access string with CONFIG.
    foundation.resourceCountIs('AWS::ElastiCache::User', 1);
    foundation.hasResourceProperties('AWS::ElastiCache::User', { AccessString: Match.not(Match.stringLikeRegexp('config')) });
    if (cache === 'nodes') {
      foundation.hasResourceProperties('AWS::ElastiCache::ReplicationGroup', {
        TransitEncryptionEnabled: true, AtRestEncryptionEnabled: true, AutomaticFailoverEnabled: true,
      });
    }
  }
});

test('prod keeps what must not be lost', () => {
  const { foundation } = templates({ stage: 'prod' });
  assert.equal(stacks(new App(), config({ stage: 'prod' })).foundation.terminationProtection, true);
  const kept = ['AWS::DynamoDB::Table', 'AWS::S3::Bucket', 'AWS::KMS::Key', 'AWS::SecretsManager::Secret', 'AWS::RDS::DBCluster'];
  for (const resource of resources(foundation).filter((r) => kept.includes(r.Type))) {
    if (JSON.stringify(resource.Properties).includes('database-owner')) continue;
    assert.ok(['Retain', 'Snapshot', 'RetainExceptOnCreate'].includes(resource.DeletionPolicy ?? ''), `${resource.Type}: ${resource.DeletionPolicy}`);
  }
  foundation.hasResourceProperties('AWS::DynamoDB::Table', {
    PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
    DeletionProtectionEnabled: true,
    TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
    KeySchema: [{ AttributeName: 'user', KeyType: 'HASH' }, { AttributeName: 'seq', KeyType: 'RANGE' }],
  });
  foundation.hasResourceProperties('AWS::S3::Bucket', {
    ObjectLockEnabled: true,
    ObjectLockConfiguration: { Rule: { DefaultRetention: { Mode: 'COMPLIANCE', Days: 400 } } },
    VersioningConfiguration: { Status: 'Enabled' },
  });
  foundation.hasResourceProperties('AWS::KMS::Key', { KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' });
});

test('no secret stands in a template, and rotated ones say what they are', () => {
  const { foundation, service } = templates({ stage: 'prod', size: 'medium' });
  for (const name of ['jwt-keys', 'pepper', 'data-keys']) {
    foundation.hasResourceProperties('AWS::SecretsManager::Secret', {
      Name: `auth/prod/${name}`, Tags: Match.arrayWith([{ Key: 'auth:rotates', Value: name }]),
    });
    service.hasResourceProperties('AWS::SecretsManager::RotationSchedule', { SecretId: `auth/prod/${name}` });
  }
  // CloudFormation gives the owner's password to RDS, and to nobody else.
  const withoutOwner = resources(foundation).map((r) => JSON.stringify({ ...r.Properties, MasterUsername: '', MasterUserPassword: '' }));
  for (const text of [...withoutOwner, JSON.stringify(service.toJSON())]) {
    assert.ok(!text.includes('resolve:secretsmanager'), `a secret is resolved into a template: ${text}`);
  }
});

test('the functions are given every parameter of the template', () => {
  const { service } = templates({});
  const json = service.toJSON() as { Parameters: Record<string, { Type: string }>; Transform: unknown };
  assert.deepEqual(json.Transform, 'AWS::Serverless-2016-10-31');
  const open = Object.entries(json.Parameters).filter(([name, p]) => !p.Type.startsWith('AWS::SSM::') && name !== 'BootstrapVersion');
  assert.deepEqual(open.map(([name]) => name), []);
  // CloudFormation takes no export of another stack in a condition.
  assert.ok(!JSON.stringify((service.toJSON() as Record<string, unknown>)['Conditions']).includes('ImportValue'));
});

test('each secret that the template names is made', () => {
  for (const sender of ['sns', 'twilio', 'vonage', 'hook']) {
    const { foundation, service } = templates({ sender, size: 'medium' });
    const made = new Set(resources(foundation).filter((r) => r.Type === 'AWS::SecretsManager::Secret').map((r) => r.Properties?.['Name']));
    const text = JSON.stringify(service.toJSON()['Resources']) + JSON.stringify(service.toJSON()['Globals']);
    const conditional: Record<string, boolean> = {
      'auth/dev/twilio': sender === 'twilio', 'auth/dev/vonage': sender === 'vonage', 'auth/dev/sms-hook': sender === 'hook',
      // Both stores are logged in to by IAM.
      'auth/dev/database-url': false, 'auth/dev/redis-url': false,
      'auth/dev/redis-password': false, 'auth/dev/redis-sentinel-password': false,
      // Only settings name them.
      'auth/dev/challenge': false, 'auth/dev/test-phone-numbers': false,
    };
    for (const [, name] of text.matchAll(/(auth\/dev\/[a-z-]+?)(?:-\?{6})?["\\]/g)) {
      assert.equal(made.has(name), conditional[name!] ?? true, `${sender}: ${name}`);
    }
  }
});

/** CloudFormation refuses the template otherwise. */
test('conditions refer to parameters alone', () => {
  for (const template of Object.values(templates({ edge: 'true', alarmMail: 'a@example.com' }))) {
    const { Parameters, Conditions } = template!.toJSON() as { Parameters?: object; Conditions?: object };
    const known = new Set([...Object.keys(Parameters ?? {}), 'AWS::Region', 'AWS::Partition']);
    const referred = [...JSON.stringify(Conditions ?? {}).matchAll(/"Ref":"([^"]+)"/g)].map((match) => match[1]!);
    assert.deepEqual(referred.filter((name) => !known.has(name)), []);
  }
});

test('the edge keeps the functions for itself', () => {
  const { edge } = templates({ edge: 'true' });
  assert.ok(edge);
  edge.hasResourceProperties('AWS::CloudFront::Distribution', {
    DistributionConfig: {
      DefaultCacheBehavior: { ViewerProtocolPolicy: 'https-only' },
      Origins: Match.arrayWith([Match.objectLike({ OriginCustomHeaders: [Match.objectLike({ HeaderName: 'X-Origin-Verify' })] })]),
    },
  });
  edge.resourceCountIs('AWS::WAFv2::WebACL', 1);
});

test('the edge tells the functions who the viewer is, in a header that no viewer can write', async () => {
  const { edge, service } = templates({ edge: 'true', settings: 'LOG_LEVEL=warn' });
  assert.ok(edge);
  const [writer] = resources(edge).filter((r) => r.Type === 'AWS::CloudFront::Function');
  const { default: handler } = await import(
    `data:text/javascript,${encodeURIComponent(`${writer?.Properties?.['FunctionCode']}; export default handler;`)}`
  );
  const sent = { uri: '/', headers: { 'x-viewer-address': { value: '192.0.2.1' }, authorization: { value: 'Bearer x' } } };
  const forwarded = handler({ viewer: { ip: '2001:db8::1' }, request: sent });
  assert.deepEqual(forwarded.headers, {
    'x-viewer-address': { value: '2001:db8::1' }, authorization: { value: 'Bearer x' },
  });
  edge.hasResourceProperties('AWS::CloudFront::Distribution', {
    DistributionConfig: {
      DefaultCacheBehavior: {
        FunctionAssociations: [Match.objectLike({ EventType: 'viewer-request' })], OriginRequestPolicyId: Match.anyValue(),
      },
    },
  });
  edge.hasResourceProperties('AWS::CloudFront::OriginRequestPolicy', {
    OriginRequestPolicyConfig: { HeadersConfig: { HeaderBehavior: 'allExcept', Headers: ['Host'] } },
  });
  const settings = 'LOG_LEVEL=warn;VIEWER_ADDRESS_HEADER=X-Viewer-Address';
  assert.ok(JSON.stringify(service.toJSON()).includes(settings));
});

test('CloudWatch may publish to the topic of alarms', () => {
  templates({}).service.hasResourceProperties('AWS::SNS::TopicPolicy', {
    PolicyDocument: {
      Statement: Match.arrayWith([
        Match.objectLike({ Effect: 'Allow', Action: 'sns:Publish', Principal: { Service: 'cloudwatch.amazonaws.com' } }),
      ]),
    },
  });
});

test('a limit of SMS spending is set only where one is given', () => {
  templates({}).service.resourceCountIs('Custom::AWS', 0);
  templates({ smsSpendLimit: '50' }).service.resourceCountIs('Custom::AWS', 1);
});

test('no log of the database holds statements with their parameters', () => {
  for (const database of ['aurora', 'rds']) {
    const { foundation } = templates({ database });
    const groups = resources(foundation).filter((r) => r.Type.startsWith('AWS::RDS') && r.Type.includes('ParameterGroup'));
    assert.ok(groups.length > 0);
    for (const group of groups) {
      const text = JSON.stringify(group.Properties);
      assert.ok(text.includes('"log_error_verbosity":"terse"') && !text.includes('log_min_duration_statement'), text);
    }
    foundation.resourceCountIs('Custom::LogRetention', 1);
  }
});

test('the file of a stage holds its choices, and -c counts more', () => {
  const folder = mkdtempSync(join(tmpdir(), 'auth-stages-'));
  const read = (context: Record<string, string>): Config => readConfig((key) => ({ template: TEMPLATE, ...context })[key], folder);
  writeFileSync(join(folder, 'dev.json'), JSON.stringify({ size: 'trial', edge: false, smsSpendLimit: 5 }));
  assert.deepEqual([read({ stage: 'dev' }).size, read({ stage: 'dev' }).smsSpendLimit], ['trial', 5]);
  assert.equal(read({ stage: 'dev', size: 'medium' }).size, 'medium');
  assert.equal(read({ stage: 'prod' }).size, 'small');
  writeFileSync(join(folder, 'dev.json'), '{"sise": "trial"}');
  assert.throws(() => read({ stage: 'dev' }), /sise/);
  writeFileSync(join(folder, 'dev.json'), '{');
  assert.throws(() => read({ stage: 'dev' }), /not JSON/);
  rmSync(folder, { recursive: true });
});

test('the edge is made in its own region, and the secret is replicated there unless it is there already', () => {
  const { foundation, edge } = stacks(new App(), config({ edge: 'true' }));
  assert.equal(edge!.region, 'us-east-1');
  Template.fromStack(foundation).hasResourceProperties('AWS::SecretsManager::Secret', {
    Name: 'auth/dev/origin-verify', ReplicaRegions: { 'Fn::If': [Match.anyValue(), [{ Region: 'us-east-1' }], { Ref: 'AWS::NoValue' }] },
  });
});

test('a first deployment that failed can be repeated', () => {
  const { foundation } = templates({ stage: 'prod' });
  for (const resource of resources(foundation)) assert.notEqual(resource.DeletionPolicy, 'Retain', resource.Type);
});

test('faults of the context are told together', () => {
  assert.throws(() => config({ template: 'nowhere.yaml' }), /sam package/);
  assert.throws(() => config({ stage: 'live', size: 'huge', nat: 'maybe', smsSpendLimit: '-1' }), (error: Error) => {
    return ['stage', 'size', 'nat', 'smsSpendLimit'].every((key) => error.message.includes(`-c ${key}=`));
  });
  assert.throws(() => config({ stage: 'prod', sender: 'inbox' }), /inbox/);
});
