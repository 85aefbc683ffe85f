// What a month costs when nobody uses the service, summed over the synthesised templates: `npm run cost`
// writes the section "Idle" of docs/cost.md; `npm run cost -- --check` fails if that would change it.
import { readFileSync, writeFileSync } from 'node:fs';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { readConfig } from '../lib/config.ts';
import { stacks } from '../lib/stacks.ts';

const DOCUMENT = new URL('../../../docs/cost.md', import.meta.url);
const BEGIN = '<!-- begin of what `npm run cost` in infra/cdk writes -->';
const END = '<!-- end of what `npm run cost` in infra/cdk writes -->';
const TEMPLATE = new URL('../../../template.yaml', import.meta.url).pathname;
const EMF = new URL('../../../shared/src/telemetry/emf.rs', import.meta.url);
const CONNECT = new URL('../../../shared/src/store/connect.rs', import.meta.url);
/** Gigabytes that an empty database holds. */
const EMPTY_DATABASE_GB = 1;
/** What an Aurora that is awake has at least. */
const LEAST_ACU = 0.5;
const DAILY_WAKES = 'Aurora, paused but for its daily wakes';
/** Until a paused Aurora has resumed, and a scheduled run on an idle service is over. */
const RUN_MINUTES = 1;
/** Of an HTTP API: Count, 4xx, 5xx, Latency, IntegrationLatency, DataProcessed. */
const METRICS_OF_A_ROUTE = 6;

export const prices = JSON.parse(readFileSync(new URL('prices.json', import.meta.url), 'utf8')) as {
  region: string; asOf: string; hoursOfAMonth: number; hourly: Record<string, number>; monthly: Record<string, number>;
  perUnit: Record<string, number>;
};

type Properties = Record<string, any>;
interface Line { what: string; amount: number }

const hourly = (name: string, count = 1): number => count * priced(prices.hourly, name) * prices.hoursOfAMonth;
const monthly = (name: string, count = 1): number => count * priced(prices.monthly, name);

function priced(table: Record<string, number>, name: string): number {
  const price = table[name];
  if (price === undefined) throw new Error(`prices.json has no ${name}`);
  return price;
}

/** Resources that cost nothing while nobody uses them, or nothing at all. */
const FREE = new Set([
  'AWS::CDK::Metadata', 'AWS::CloudFront::Distribution', 'AWS::CloudFront::Function', 'AWS::CloudFront::OriginRequestPolicy',
  'AWS::DynamoDB::Table', 'AWS::EC2::EgressOnlyInternetGateway', 'AWS::EC2::InternetGateway', 'AWS::EC2::Route', 'AWS::EC2::RouteTable',
  'AWS::EC2::SecurityGroup', 'AWS::EC2::SecurityGroupEgress', 'AWS::EC2::SecurityGroupIngress', 'AWS::EC2::Subnet',
  'AWS::EC2::SubnetRouteTableAssociation', 'AWS::EC2::VPC', 'AWS::EC2::VPCCidrBlock', 'AWS::EC2::VPCGatewayAttachment',
  'AWS::ElastiCache::ParameterGroup', 'AWS::ElastiCache::SubnetGroup', 'AWS::ElastiCache::User', 'AWS::ElastiCache::UserGroup',
  'AWS::IAM::ManagedPolicy', 'AWS::IAM::Policy', 'AWS::IAM::Role', 'AWS::KMS::Alias', 'AWS::Lambda::Function',
  'AWS::Lambda::Permission', 'AWS::Logs::LogGroup', 'AWS::RDS::DBClusterParameterGroup', 'AWS::RDS::DBParameterGroup', 'AWS::RDS::DBSubnetGroup',
  'AWS::S3::Bucket', 'AWS::S3::BucketPolicy', 'AWS::SNS::Subscription', 'AWS::SNS::Topic', 'AWS::SNS::TopicPolicy', 'AWS::SQS::Queue',
  'AWS::SSM::Parameter', 'AWS::SecretsManager::RotationSchedule', 'AWS::SecretsManager::SecretTargetAttachment',
  'AWS::Serverless::HttpApi', 'Custom::AWS', 'Custom::LogRetention', 'Custom::Migration',
]);

function price(type: string, p: Properties): Line[] {
  switch (type) {
    case 'AWS::RDS::DBCluster': {
      const acu = p['ServerlessV2ScalingConfiguration'].MinCapacity as number;
      return [
        { what: acu === 0 ? DAILY_WAKES : `Aurora, ${acu} ACU for each instance`, amount: 0 },
        { what: 'Aurora, storage', amount: monthly('aurora.storageGb', EMPTY_DATABASE_GB) },
      ];
    }
    case 'AWS::RDS::DBInstance': {
      if (p['DBInstanceClass'] === 'db.serverless') return [];
      const copies = p['MultiAZ'] === true ? 2 : 1;
      return [
        { what: `Postgres, ${copies} × ${p['DBInstanceClass']}`, amount: hourly(p['DBInstanceClass'], copies) },
        { what: 'Postgres, storage', amount: monthly('rds.gp3Gb', copies * Number(p['AllocatedStorage'])) },
      ];
    }
    case 'AWS::ElastiCache::ReplicationGroup':
      return [{ what: `Valkey, ${p['NumCacheClusters']} × ${p['CacheNodeType']}`, amount: hourly(p['CacheNodeType'], p['NumCacheClusters']) }];
    case 'AWS::ElastiCache::ServerlessCache':
      return [{ what: 'Valkey Serverless, its minimum', amount: hourly('valkey.serverlessMinimum') }];
    case 'AWS::SecretsManager::Secret':
      return [{ what: 'secrets', amount: monthly('secret', p['ReplicaRegions'] === undefined ? 1 : 2) }];
    case 'AWS::KMS::Key':
      return [{ what: 'KMS keys', amount: monthly('kmsKey') }];
    case 'AWS::CloudWatch::Alarm':
      return [{ what: 'alarms', amount: monthly('alarmMetric', metricsOf(p)) }];
    case 'AWS::Serverless::Function':
      return [{ what: 'custom metrics', amount: monthly('customMetric', idleMetrics(p)) }];
    case 'AWS::CloudWatch::Dashboard':
      return [{ what: 'dashboard', amount: monthly('dashboard') }];
    case 'AWS::EC2::NatGateway':
      return [{ what: 'NAT gateway', amount: hourly('natGateway') }];
    case 'AWS::EC2::EIP':
      return [{ what: 'public IPv4 addresses', amount: hourly('publicIpv4') }];
    case 'AWS::EC2::VPCEndpoint':
      return p['VpcEndpointType'] === 'Gateway' || p['VpcEndpointType'] === undefined
        ? [] : [{ what: 'VPC endpoints', amount: hourly('interfaceEndpoint', p['SubnetIds']?.length ?? 1) }];
    case 'AWS::WAFv2::WebACL':
      return [{ what: 'web ACL', amount: monthly('webAcl') + monthly('webAclRule', p['Rules'].length) }];
    default:
      if (!FREE.has(type)) throw new Error(`what does ${type} cost? Add it to cost/idle.ts`);
      return [];
  }
}

/** The length of a list of metrics of the whole service in shared/src/telemetry/emf.rs. */
function listed(name: 'COUNTERS' | 'GAUGES'): number {
  const length = new RegExp(`const ${name}: \\[&str; (\\d+)\\]`).exec(readFileSync(EMF, 'utf8'))?.[1];
  if (length === undefined) throw new Error(`emf.rs has no ${name}`);
  return Number(length);
}

function events(p: Properties, type: 'Schedule' | 'HttpApi'): Properties[] {
  return Object.values((p['Events'] ?? {}) as Record<string, Properties>).filter((event) => event['Type'] === type);
}

/**
 * Metrics that a function sends while nobody uses the service. CloudWatch bills one by the hours in which it
 * gets a value. Each invocation tells its duration. The daily one measures the service; the gauges of the
 * relay come once a day too, for the rest of the day it leaves an idle database alone.
 */
function idleMetrics(p: Properties): number {
  const shares: Record<string, number> = { 'rate(1 hour)': 1, 'rate(1 day)': (1 + listed('GAUGES')) / 24 };
  return events(p, 'Schedule').reduce((sum, event) => {
    const rate = event['Properties'].Schedule as string;
    const share = shares[rate];
    if (share === undefined) throw new Error(`what does ${rate} cost? Add it to cost/idle.ts`);
    return sum + share;
  }, 0);
}

/**
 * How often an idle service wakes a paused Aurora in a day: the maintenance does, and then invokes the relay. The relay runs
 * each hour, but leaves the database alone while Redis knows of nothing (functions/relay).
 */
const WAKES_OF_A_DAY = 1;

/** Of a sandbox that sleeps, Postgres ends the connection after so many minutes. */
function sessionMinutes(): number {
  const minutes = /idle_session_timeout=(\d+)min/.exec(readFileSync(CONNECT, 'utf8'))?.[1];
  if (minutes === undefined) throw new Error('connect.rs sets no idle_session_timeout: how long is Aurora awake?');
  return Number(minutes);
}

interface Wakes { minutes: number; pauseMinutes: number; amount: number; maxAcu: number; atMost: number }

/** What the wakes of a month cost, if Aurora then has the least or the most that it may. */
function wakes(cluster: Properties): Wakes {
  const scaling = cluster['ServerlessV2ScalingConfiguration'];
  const [pauseMinutes, maxAcu] = [scaling.SecondsUntilAutoPause / 60, scaling.MaxCapacity as number];
  const minutes = sessionMinutes() + pauseMinutes + RUN_MINUTES;
  const share = WAKES_OF_A_DAY * minutes / (24 * 60);
  return { minutes, pauseMinutes, maxAcu, amount: hourly('aurora.acu', share * LEAST_ACU), atMost: hourly('aurora.acu', share * maxAcu) };
}

function isPausing(cluster: Properties): boolean {
  return cluster['ServerlessV2ScalingConfiguration'].MinCapacity === 0;
}

/** All metrics of a stage, as shared/src/telemetry/request_log.rs sends them, and those of routes if the gateway does. */
function allMetrics(functions: Properties[], api: Properties): number {
  const routes = functions.reduce((sum, p) => sum + events(p, 'HttpApi').length, 0);
  const ofRoutes = api['DefaultRouteSettings']?.DetailedMetricsEnabled === true ? METRICS_OF_A_ROUTE * routes : 0;
  // Duration and three kinds of failure of a function with routes, and of all of these together; duration and
  // failures of another.
  const ofFunctions = functions.map((p): number => (events(p, 'HttpApi').length > 0 ? 4 : 2));
  return ofFunctions.reduce((sum, count) => sum + count, 4) + listed('COUNTERS') + listed('GAUGES') + ofRoutes;
}

/** An alarm over an expression is billed for each metric in it. */
function metricsOf(p: Properties): number {
  const metrics = (p['Metrics'] as Properties[] | undefined)?.filter((metric) => metric['MetricStat'] !== undefined);
  return Math.max(1, metrics?.length ?? 1);
}

/** Whether a condition of a template holds. What is known only when it is deployed is an address or a name: not empty. */
function holds(condition: any, all: Record<string, unknown>): boolean {
  if (condition['Condition'] !== undefined) return holds(all[condition['Condition']], all);
  if (condition['Fn::Not'] !== undefined) return !holds(condition['Fn::Not'][0], all);
  if (condition['Fn::Or'] !== undefined) return condition['Fn::Or'].some((one: unknown) => holds(one, all));
  const equals = condition['Fn::Equals'];
  if (equals === undefined) throw new Error(`what does ${JSON.stringify(condition)} say? Add it to cost/idle.ts`);
  return equals[0] === equals[1];
}

interface Resource { type: string; p: Properties }

function ofType(all: Resource[], type: string): Properties[] {
  return all.filter((resource) => resource.type === type).map(({ p }) => p);
}

function resources(context: Record<string, string>): Resource[] {
  const all: Record<string, string> = { template: TEMPLATE, ...context };
  const made = stacks(new App(), readConfig((key) => all[key]));
  return [made.foundation, made.service, made.edge].filter((stack) => stack !== undefined).flatMap((stack) => {
    const found = Template.fromStack(stack).toJSON();
    const declared = Object.values(found['Resources'] as Record<string, { Type: string; Condition?: string; Properties?: Properties }>);
    return declared
      .filter(({ Condition }) => Condition === undefined || holds({ Condition }, found['Conditions']))
      .map((resource) => ({ type: resource.Type, p: resource.Properties ?? {} }));
  });
}

/** The lines of a month, equal ones summed. */
export function idle(context: Record<string, string>): Line[] {
  const lines = new Map<string, number>();
  let writers = 0;
  let acu = 0;
  const all = resources(context);
  for (const { type, p } of all) {
    if (type === 'AWS::RDS::DBInstance' && p['DBInstanceClass'] === 'db.serverless') writers += 1;
    if (type === 'AWS::RDS::DBCluster') acu = p['ServerlessV2ScalingConfiguration'].MinCapacity;
    for (const line of price(type, p)) lines.set(line.what, (lines.get(line.what) ?? 0) + line.amount);
  }
  for (const what of lines.keys()) {
    if (/^Aurora, .*instance$/.test(what)) lines.set(what, hourly('aurora.acu', acu * writers));
  }
  for (const cluster of ofType(all, 'AWS::RDS::DBCluster').filter(isPausing)) {
    lines.set(DAILY_WAKES, wakes(cluster).amount);
  }
  return [...lines].map(([what, amount]) => ({ what, amount }));
}

export function total(lines: Line[]): number {
  return lines.reduce((sum, line) => sum + line.amount, 0);
}

/** Two small containers and a load balancer, which an always-on service needs beside the same stores. */
export function containers(): Line[] {
  const vcpu = 0.25;
  const gb = 0.5;
  return [
    { what: `2 containers of ${vcpu} vCPU and ${gb} GB (Fargate, arm64)`, amount: hourly('fargate.arm.vcpu', 2 * vcpu) + hourly('fargate.arm.gb', 2 * gb) },
    { what: 'load balancer, and its two IPv4 addresses', amount: hourly('loadBalancer') + hourly('publicIpv4', 2) },
  ];
}

interface Choice { title: string; context: Record<string, string> }

const SMALLEST_RDS: Choice = { title: 'small: smallest RDS, smallest Valkey node', context: { stage: 'staging', size: 'small', database: 'rds' } };
const CHOICES: Choice[] = [
  { title: 'small: Aurora paused, smallest Valkey node', context: { stage: 'staging', size: 'small' } },
  { title: 'small: Aurora paused, Valkey Serverless', context: { stage: 'staging', size: 'small', cache: 'serverless' } },
  SMALLEST_RDS,
  { title: 'small in prod', context: { stage: 'prod', size: 'small' } },
  { title: 'small with a sender outside AWS (NAT)', context: { stage: 'staging', size: 'small', sender: 'twilio' } },
  { title: 'medium: Aurora 1 ACU and a reader, two Valkey nodes, CloudFront and WAF', context: { stage: 'prod', size: 'medium' } },
];

function document(): string {
  const dollars = (amount: number): string => amount.toFixed(2);
  const rows = CHOICES.map(({ title, context }) => `| ${title} | ${dollars(total(idle(context)))} |`);
  const detail = idle(CHOICES[0]!.context).filter((line) => line.amount > 0).map((line) => `| ${line.what} | ${dollars(line.amount)} |`);
  const all = resources(CHOICES[0]!.context);
  const functions = ofType(all, 'AWS::Serverless::Function');
  const metrics = allMetrics(functions, ofType(all, 'AWS::Serverless::HttpApi')[0]!);
  const woken = wakes(ofType(all, 'AWS::RDS::DBCluster')[0]!);
  const awake = hourly('aurora.acu', LEAST_ACU);
  const other = containers();
  const [aurora, rds] = [CHOICES[0]!, SMALLEST_RDS].map(({ context }) => total(idle(context))) as [number, number];
  const server = idle(SMALLEST_RDS.context).filter(({ what }) => what.startsWith('Postgres,'));
  return [
    BEGIN,
    '',
    `List prices of ${prices.region} in US dollars a month, ${prices.asOf}, without the free tier (infra/cdk/cost/prices.json names each page).`,
    'The sums are made from the synthesised templates.',
    '',
    '| choice | a month |', '|---|--:|', ...rows,
    '',
    'The first of them by what costs:',
    '',
    '| resource | a month |', '|---|--:|', ...detail, `| **all** | **${dollars(total(idle(CHOICES[0]!.context)))}** |`,
    '',
    '**Aurora** is paused while no connection is open, but the maintenance wakes it once a day, and then invokes the relay, which',
    `looks into the outbox. A wake lasts ${woken.minutes} minutes. Resuming and the run take at most ${RUN_MINUTES}. The connection of the sandbox ends`,
    `after ${sessionMinutes()} idle minutes (\`idle_session_timeout\`). Aurora pauses ${woken.pauseMinutes} minutes later (\`SecondsUntilAutoPause\`, at its least).`,
    `The sum has ${LEAST_ACU} ACU for that time, the least that an awake instance has. At the most that a small one may have, ${woken.maxAcu} ACU,`,
    `the wakes would cost ${dollars(woken.atMost)}. Nobody has measured it. Each other hour in which somebody uses the service costs ${dollars(priced(prices.hourly, 'aurora.acu') * LEAST_ACU)} or more.`,
    '',
    '**Metrics.** CloudWatch bills a custom metric by the hours in which it gets a value. While nobody uses the service, only',
    'the hourly and the daily function send some. In use there are at most',
    `${metrics} metrics: ${dollars(monthly('customMetric', metrics))} dollars, if each gets a value in every hour of the month. The first ten of an account are free.`,
    'The gateway adds none: metrics of each route are off (`DetailedMetricsEnabled`), and those of the whole API are free.',
    '',
    '**Always on.** A service in containers needs the same stores, secrets and alarms, and besides:',
    '',
    '| resource | a month |', '|---|--:|', ...other.map((line) => `| ${line.what} | ${dollars(line.amount)} |`), `| **all** | **${dollars(total(other))}** |`,
    '',
    'Its pool keeps connections open, and its relay looks into the outbox each second. So its Aurora never pauses:',
    `${LEAST_ACU} ACU or more in every hour, at least ${dollars(awake)}. On RDS both have the same server (${dollars(total(server))} with its storage).`,
    'A month in which nobody uses the service:',
    '',
    '| database | as functions | in containers |', '|---|--:|--:|',
    `| Aurora | ${dollars(aurora)} | ${dollars(aurora - woken.amount + awake + total(other))} |`,
    `| smallest RDS | ${dollars(rds)} | ${dollars(rds + total(other))} |`,
    '',
    `Not in these sums: capacity units of the load balancer (${priced(prices.hourly, 'loadBalancer.lcu')} for each and hour, next to none without traffic),`,
    `traffic to the internet (${dollars(priced(prices.perUnit, 'egress.gb'))} per GB, the same bytes from gateway and load balancer), and the registry of the image.`,
    '',
    END,
  ].join('\n');
}

if (import.meta.url === `file://${process.argv[1]}`) {
  const before = readFileSync(DOCUMENT, 'utf8');
  const [head, rest] = before.split(BEGIN);
  const tail = rest?.split(END)[1];
  if (head === undefined || tail === undefined) throw new Error('docs/cost.md lacks its marks');
  const after = head + document() + tail;
  if (process.argv.includes('--check')) {
    if (after !== before) throw new Error('docs/cost.md is out of date: npm run cost');
  } else {
    writeFileSync(DOCUMENT, after);
  }
}
