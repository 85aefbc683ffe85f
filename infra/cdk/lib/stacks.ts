// The stacks of a stage.
import type { App } from 'aws-cdk-lib';
import { Tags, Validations } from 'aws-cdk-lib';
import type { Config } from './config.ts';
import { Edge } from './edge.ts';
import { Foundation } from './foundation.ts';
import { Service } from './service.ts';

export interface Stacks {
  foundation: Foundation;
  service: Service;
  edge: Edge | undefined;
}

export function stacks(app: App, config: Config): Stacks {
  Tags.of(app).add('stage', config.stage);
  const foundation = new Foundation(app, `auth-${config.stage}-foundation`, config);
  // Its name is part of the functions' names.
  const service = new Service(app, `auth-${config.stage}`, config, foundation);
  // What CDK's own checks cannot know of a template whose transform runs later, and whose parameters are set.
  Validations.of(service).acknowledge(
    { id: 'CloudFormation-Validate::F1020', reason: 'aliases and versions are made by the transform' },
    { id: 'CloudFormation-Validate::W1028', reason: 'conditions of parameters that are set here' },
    { id: 'CloudFormation-Validate::W8003', reason: 'conditions of parameters that are set here' },
    { id: 'CloudFormation-Validate::W9053', reason: 'conditions of parameters that are set here' },
  );
  const edge = config.edge ? new Edge(app, `auth-${config.stage}-edge`, config) : undefined;
  return { foundation, service, edge };
}
