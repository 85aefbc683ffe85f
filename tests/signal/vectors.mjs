// Writes shared/domain/src/prekey/vectors.json: keys and signatures as libsignal, the library in the
// apps, makes them. Both are random, so each run writes others; any run's must pass. libsignal is under
// the AGPL: nothing but tests may use it, and no code is taken from it.
//
//     npm ci && npm run vectors

import { IdentityKeyPair, KEMKeyPair, PrivateKey } from "@signalapp/libsignal-client";
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";

const IDENTITIES = 32;
// Kyber keys are long: a few of them will do.
const WITH_KYBER = 8;
// Around the ends of SHA-512's blocks, which begin with R and the public key: 64 bytes.
const LENGTHS = [0, 1, 32, 47, 48, 63, 64, 65, 127, 128, 1000];

const base64 = (bytes) => Buffer.from(bytes).toString("base64");

function signer() {
  const { privateKey, publicKey } = IdentityKeyPair.generate();
  const identity = { key: base64(publicKey.serialize()) };
  return { identity, sign: (bytes) => base64(privateKey.sign(bytes)) };
}

const identities = Array.from({ length: IDENTITIES }, (_, n) => {
  const { identity, sign } = signer();
  const key = PrivateKey.generate().getPublicKey().serialize();
  identity.signed = {
    key: base64(key),
    signature: sign(key),
    // What a client makes that forgets the type byte.
    of_raw: sign(key.slice(1)),
  };
  if (n < WITH_KYBER) {
    const kyber = KEMKeyPair.generate().getPublicKey().serialize();
    identity.kyber = { key: base64(kyber), signature: sign(kyber) };
  }
  return identity;
});

const { identity: author, sign } = signer();
author.messages = LENGTHS.map((length) => {
  const message = randomBytes(length);
  return { message: base64(message), signature: sign(message) };
});

const lock = JSON.parse(readFileSync(new URL("package-lock.json", import.meta.url)));
const library = "@signalapp/libsignal-client";
const madeWith = `${library} ${lock.packages[`node_modules/${library}`].version}`;
const to = new URL("../../shared/domain/src/prekey/vectors.json", import.meta.url);
writeFileSync(to, `${JSON.stringify({ madeWith, identities, author }, null, 1)}\n`);
