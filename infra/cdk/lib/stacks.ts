// The stacks of a stage.
import type { App } from 'aws-cdk-lib';
import { Tags } from 'aws-cdk-lib';
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
  const edge = config.edge ? new Edge(app, `auth-${config.stage}-edge`, config) : undefined;
  return { foundation, service, edge };
}
