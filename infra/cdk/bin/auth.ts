// The stacks of one stage: `npx cdk deploy --all -c stage=dev`. See README.md for all context.
import { App } from 'aws-cdk-lib';
import { readConfig } from '../lib/config.ts';
import { stacks } from '../lib/stacks.ts';

const app = new App();
stacks(app, readConfig((key) => app.node.tryGetContext(key)));
