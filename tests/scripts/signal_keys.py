"""The identity key of the recorded events, which signs what `events/*.json` hold, and the proof that
a client has it.

`signal_keys.py VERIFICATION_ID` prints the example of a registration or log-in with keys, proven for
this verification.

Standard library only: Ed25519 (RFC 8032) by its formulas, slow and not in constant time. An XEdDSA
signature is one whose last bit is the sign of the key; the key itself is sent in Montgomery form.
"""

import base64
import hashlib
import json
import pathlib
import sys
import uuid

# No secret: it only signs the keys of recorded requests.
SEED = hashlib.sha256(b"the recorded events").digest()
ISSUER = "whispr-auth"

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
# The base point, as x, y, z and x·y/z.
BASE_Y = 4 * pow(5, -1, P) % P
BASE_X = 15112221349535400772501151409588531511454012693041857206046113283949847762202
BASE = (BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P)


def add(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiple(scalar, point=BASE):
    result = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point, scalar = add(point, point), scalar >> 1
    return result


def compress(point):
    inverse = pow(point[2], -1, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def hashed(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little")


def private():
    """The scalar, and what makes signatures deterministic."""
    secret = hashlib.sha512(SEED).digest()
    scalar = int.from_bytes(secret[:32], "little") & (1 << 254) - 8 | 1 << 254
    return scalar, secret[32:]


def identity():
    """The 33 bytes of the public identity key."""
    y = int.from_bytes(compress(multiple(private()[0])), "little") & (1 << 255) - 1
    return b"\5" + ((1 + y) * pow(1 - y, -1, P) % P).to_bytes(32, "little")


def sign(message):
    scalar, prefix = private()
    key = compress(multiple(scalar))
    nonce = hashed(prefix, message) % ORDER
    commitment = compress(multiple(nonce))
    s = (nonce + hashed(commitment, key, message) * scalar) % ORDER
    signature = bytearray(commitment + s.to_bytes(32, "little"))
    signature[63] |= key[31] & 0x80
    return bytes(signature)


def keys_digest(bundle):
    """What `/signal/keys/check` takes."""
    digest = hashlib.sha256(base64.b64decode(bundle["identityKey"]))
    for key in (bundle["signedPreKey"], bundle["kyberLastResortPreKey"]):
        digest.update(key["keyId"].to_bytes(8, "big") + base64.b64decode(key["publicKey"]))
    return digest.digest()


def proven(bundle, verification_id):
    """A recorded bundle, with the proof for this verification."""
    parts = (
        b"\0whispr identity v1",
        hashlib.sha256(ISSUER.encode()).digest(),
        b"\1",
        uuid.UUID(verification_id).bytes,
        keys_digest(bundle),
    )
    return {**bundle, "identityProof": base64.b64encode(sign(b"".join(parts))).decode()}


def main():
    document = pathlib.Path(__file__).resolve().parents[2] / "infra/openapi.json"
    examples = json.loads(document.read_text())["components"]["examples"]
    body = examples["LoginRequestWithKeys"]["value"] | {"verificationId": sys.argv[1]}
    body["signalKeyBundle"] = proven(body["signalKeyBundle"], body["verificationId"])
    print(json.dumps(body))


if __name__ == "__main__":
    main()
