"""Prints tokens that other libraries made, one JSON object a line: library, alg, jwk (public), token."""

import json
import time

import jwt
from authlib.jose import JsonWebKey, JsonWebToken
from joserfc import jwt as jose_jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey
from jwcrypto import jwk as wc_jwk
from jwcrypto import jwt as wc_jwt

CLAIMS = {"iss": "https://other.example", "sub": "somebody", "aud": "jts", "iat": int(time.time()),
          "exp": int(time.time()) + 600}
KEYS = {
    "RS256": RSAKey.generate_key(2048, auto_kid=True), "ES256": ECKey.generate_key("P-256", auto_kid=True),
    "ES384": ECKey.generate_key("P-384", auto_kid=True), "EdDSA": OKPKey.generate_key("Ed25519", auto_kid=True),
}


def show(library, algorithm, public, token):
    print(json.dumps({"library": library, "alg": algorithm, "jwk": public, "token": token}))


for algorithm, key in KEYS.items():
    public, private = key.as_dict(private=False), key.as_dict(private=True)
    header = {"alg": algorithm, "typ": "at+jwt", "kid": public["kid"]}
    algorithms = [algorithm]
    if algorithm == "EdDSA":
        # RFC 9864 deprecates the name; it is still what RFC 8037 says.
        algorithms = ["EdDSA", "Ed25519"]
    show("joserfc", algorithm, public, jose_jwt.encode(header, CLAIMS, key, algorithms=algorithms))
    show("pyjwt", algorithm, public, jwt.encode(
        CLAIMS, jwt.PyJWK(private, algorithm=algorithm).key, algorithm=algorithm,
        headers={"typ": "at+jwt", "kid": public["kid"]}))
    made = wc_jwt.JWT(header=header, claims=CLAIMS, algs=[algorithm])
    made.make_signed_token(wc_jwk.JWK.from_json(json.dumps(private)))
    show("jwcrypto", algorithm, public, made.serialize())
    show("authlib", algorithm, public, JsonWebToken([algorithm]).encode(
        header, CLAIMS, JsonWebKey.import_key(private)).decode())
