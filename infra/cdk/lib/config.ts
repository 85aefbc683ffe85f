// What a deployment may choose, read from CDK's context (`-c key=value`) and from the file of its stage, and
// checked at once.
import { existsSync, readFileSync } from 'node:fs';
import { RemovalPolicy } from 'aws-cdk-lib';

export const STAGES = ['dev', 'staging', 'prod'] as const;
export const SIZES = ['trial', 'small', 'medium', 'large'] as const;
/** `aurora` pauses when nobody uses it; `rds` is one small server. */
export const DATABASES = ['aurora', 'rds'] as const;
/** `nodes` are servers of their own; `serverless` is billed by what it holds. */
export const CACHES = ['nodes', 'serverless'] as const;
export const SENDERS = ['sns', 'end-user-messaging', 'twilio', 'vonage', 'hook', 'inbox'] as const;
/** Senders outside AWS, which an IPv6-only way out may not reach. */
const OUTSIDE_SENDERS: readonly Sender[] = ['twilio', 'vonage', 'hook'];

export type Stage = (typeof STAGES)[number];
export type Size = (typeof SIZES)[number];
export type Database = (typeof DATABASES)[number];
export type Cache = (typeof CACHES)[number];
export type Sender = (typeof SENDERS)[number];

export interface Config {
  stage: Stage;
  size: Size;
  database: Database;
  cache: Cache;
  sender: Sender;
  /** A NAT gateway, for senders outside AWS that have no IPv6 address. */
  nat: boolean;
  /** CloudFront with a web ACL before the API. */
  edge: boolean;
  /** Function that is told of users. */
  userService: string;
  /** Where alarms are mailed to. */
  alarmMail: string;
  /** Whether alarms stop deployments. */
  deploymentAlarms: boolean;
  /** US dollars a month that SMS may cost; without it, the account's own limit holds. */
  smsSpendLimit: number | undefined;
  /** Settings of the template, as NAME=value;NAME=value. */
  settings: string;
  /** The template, packaged by `sam package`. */
  template: string;
  isProd: boolean;
  /** Whether it costs next to nothing while nobody uses it, and nothing of it stands twice. */
  isSmall: boolean;
}

/** What becomes of that which no deployment makes again, when its stack is deleted. */
export function removalPolicy(config: Config): RemovalPolicy {
  // What a first deployment made before it failed is deleted, so that it can be repeated.
  return config.isProd ? RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE : RemovalPolicy.DESTROY;
}

type Read = (key: string) => unknown;

/** `stages/<stage>.json` holds choices of a stage, so that each deployment makes the same. `-c` counts more. */
function keptChoices(file: string, faults: string[]): Record<string, unknown> {
  if (!existsSync(file)) return {};
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  } catch {
    faults.push(`${file} is not JSON`);
    return {};
  }
}

export function readConfig(context: Read, stages = 'stages'): Config {
  const faults: string[] = [];
  const file = `${stages}/${STAGES.find((one) => one === context('stage'))}.json`;
  const kept = keptChoices(file, faults);
  const choices = new Set<string>();
  const read: Read = (key) => {
    choices.add(key);
    return context(key) ?? kept[key];
  };
  const text = (key: string, fallback: string): string => {
    const value = read(key);
    return value === undefined || value === '' ? fallback : String(value);
  };
  const choice = <T extends string>(key: string, values: readonly T[], fallback?: T): T => {
    const value = text(key, fallback ?? '');
    const known = values.find((one) => one === value);
    if (known === undefined) faults.push(`-c ${key}= must be one of ${values.join(', ')}`);
    return known ?? values[0]!;
  };
  const flag = (key: string, fallback: boolean): boolean => choice(key, ['true', 'false'], fallback ? 'true' : 'false') === 'true';
  const number = (key: string): number | undefined => {
    const given = text(key, '');
    if (given === '') return undefined;
    const value = Number(given);
    if (!Number.isInteger(value) || value < 1) faults.push(`-c ${key}= must be a whole number from 1`);
    return value;
  };

  const stage = choice('stage', STAGES);
  const size = choice('size', SIZES, 'small');
  const isSmall = size === 'trial' || size === 'small';
  const sender = choice('sender', SENDERS, 'sns');
  const config: Config = {
    stage,
    size,
    database: choice('database', DATABASES, 'aurora'),
    cache: choice('cache', CACHES, 'nodes'),
    sender,
    nat: flag('nat', OUTSIDE_SENDERS.includes(sender)),
    edge: flag('edge', !isSmall),
    userService: text('userService', ''),
    alarmMail: text('alarmMail', ''),
    deploymentAlarms: flag('deploymentAlarms', true),
    smsSpendLimit: number('smsSpendLimit'),
    settings: text('settings', ''),
    template: text('template', '../../.aws-sam/packaged.yaml'),
    isProd: stage === 'prod',
    isSmall,
  };
  // Of which stage it is, its name says.
  choices.delete('stage');
  for (const key of Object.keys(kept)) if (!choices.has(key)) faults.push(`${file} has ${key}, which is no choice`);
  if (!existsSync(config.template)) {
    faults.push(`${config.template} is not there: run sam build and sam package, as docs/deploying.md says, or give -c template=`);
  }
  if (config.isProd && sender === 'inbox') faults.push('-c sender=inbox is not for prod');
  if (faults.length > 0) throw new Error(faults.join('\n'));
  return config;
}
