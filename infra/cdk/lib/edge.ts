// CloudFront with a web ACL before the API. An HTTP API takes none of its own. The functions refuse what does
// not come through it (X-Origin-Verify).
import { CfnOutput, CfnParameter, Duration, SecretValue, Stack } from 'aws-cdk-lib';
import * as cloudfront from 'aws-cdk-lib/aws-cloudfront';
import * as origins from 'aws-cdk-lib/aws-cloudfront-origins';
import * as wafv2 from 'aws-cdk-lib/aws-wafv2';
import type { Construct } from 'constructs';
import type { Config } from './config.ts';

/** Where AWS keeps web ACLs of CloudFront. */
export const EDGE_REGION = 'us-east-1';

/** Where the functions find who the viewer is (VIEWER_ADDRESS_HEADER). A policy that forwards all headers but Host adds
 * none of CloudFront's own, so a function writes this one, over what a viewer may have sent. */
export const VIEWER_ADDRESS_HEADER = 'X-Viewer-Address';

/** Requests of one address in five minutes. The service has finer limits of its own. */
const REQUESTS_OF_AN_ADDRESS = 3000;

export class Edge extends Stack {
  constructor(scope: Construct, id: string, config: Config) {
    super(scope, id, { description: 'auth: CloudFront and its web ACL', env: { region: EDGE_REGION } });
    const api = new CfnParameter(this, 'ApiDomain', {
      description: 'Host of the output ApiUrl of the stack of functions, without https://',
    });
    const visible = (metricName: string) => ({ cloudWatchMetricsEnabled: true, metricName, sampledRequestsEnabled: false });
    const managed = (priority: number, name: string): wafv2.CfnWebACL.RuleProperty => ({
      name, priority, overrideAction: { none: {} }, visibilityConfig: visible(name),
      statement: { managedRuleGroupStatement: { vendorName: 'AWS', name } },
    });
    const acl = new wafv2.CfnWebACL(this, 'WebAcl', {
      scope: 'CLOUDFRONT',
      defaultAction: { allow: {} },
      visibilityConfig: visible('auth'),
      rules: [
        {
          name: 'RequestsOfAnAddress', priority: 0, action: { block: {} }, visibilityConfig: visible('RequestsOfAnAddress'),
          statement: { rateBasedStatement: { limit: REQUESTS_OF_AN_ADDRESS, aggregateKeyType: 'IP' } },
        },
        managed(1, 'AWSManagedRulesAmazonIpReputationList'),
        managed(2, 'AWSManagedRulesKnownBadInputsRuleSet'),
      ],
    });
    const viewer = new cloudfront.Function(this, 'ViewerAddress', {
      comment: 'Writes the address of the viewer into a header',
      runtime: cloudfront.FunctionRuntime.JS_2_0,
      code: cloudfront.FunctionCode.fromInline(`function handler(event) {
  var request = event.request;
  request.headers['${VIEWER_ADDRESS_HEADER.toLowerCase()}'] = { value: event.viewer.ip };
  return request;
}
`),
    });
    const distribution = new cloudfront.Distribution(this, 'Distribution', {
      comment: `auth ${config.stage}`,
      webAclId: acl.attrArn,
      minimumProtocolVersion: cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021,
      defaultBehavior: {
        origin: new origins.HttpOrigin(api.valueAsString, {
          customHeaders: { 'X-Origin-Verify': SecretValue.secretsManager(`auth/${config.stage}/origin-verify`).unsafeUnwrap() },
          readTimeout: Duration.seconds(15),
        }),
        allowedMethods: cloudfront.AllowedMethods.ALLOW_ALL,
        viewerProtocolPolicy: cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
        cachePolicy: cloudfront.CachePolicy.CACHING_DISABLED,
        functionAssociations: [{ eventType: cloudfront.FunctionEventType.VIEWER_REQUEST, function: viewer }],
        // All that the viewer sends but its Host, which the API refuses.
        originRequestPolicy: new cloudfront.OriginRequestPolicy(this, 'Forward', {
          headerBehavior: cloudfront.OriginRequestHeaderBehavior.denyList('Host'),
          queryStringBehavior: cloudfront.OriginRequestQueryStringBehavior.all(),
          cookieBehavior: cloudfront.OriginRequestCookieBehavior.none(),
        }),
      },
    });
    new CfnOutput(this, 'Domain', { value: distribution.distributionDomainName });
  }
}
