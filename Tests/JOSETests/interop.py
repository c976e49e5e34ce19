"""Signs and verifies tokens with PyJWT, joserfc, jwcrypto and Authlib, for InteropTests.swift.

    interop.py verify   standard input: {"tokens": [{"alg", "jwk", "token", "forged"}]}
                        answer: one entry for each library and token, with the claims read, the error, whether the
                        forged token was taken, and the thumbprint where the library makes one
    interop.py sign     standard input: {"claims": {...}}
                        answer: one token for each library and algorithm with its public JWK, and tokens to be refused
"""

import json
import sys

import authlib.jose
import joserfc.jwk
import joserfc.jwt
import jwcrypto.jwk
import jwcrypto.jwt
import jwt as pyjwt
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
# Characters of a coordinate of full length.
COORDINATES = {"ES256": 43, "ES384": 64, "ES512": 88}


def header(algorithm, kid):
    return {"alg": algorithm, "kid": kid, "typ": "at+jwt"}


class PyJWT:
    curves = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}

    def generate(self, algorithm):
        if algorithm in CURVES:
            return ec.generate_private_key(self.curves[algorithm]())
        if algorithm == "EdDSA":
            return ed25519.Ed25519PrivateKey.generate()
        return rsa.generate_private_key(65537, 2048)

    def public(self, key, algorithm):
        return pyjwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key(), as_dict=True)

    def sign(self, key, algorithm, kid, claims):
        return pyjwt.encode(claims, key, algorithm=algorithm, headers=header(algorithm, kid))

    def verify(self, token, jwk, algorithm):
        key = pyjwt.PyJWK(jwk, algorithm=algorithm)
        return pyjwt.decode(token, key, algorithms=[algorithm], audience="jts", issuer="https://issuer.example")


class Joserfc:
    def generate(self, algorithm):
        if algorithm in CURVES:
            return joserfc.jwk.ECKey.generate_key(CURVES[algorithm])
        if algorithm == "EdDSA":
            return joserfc.jwk.OKPKey.generate_key("Ed25519")
        return joserfc.jwk.RSAKey.generate_key(2048)

    def public(self, key, algorithm):
        return key.as_dict(private=False)

    def sign(self, key, algorithm, kid, claims):
        return joserfc.jwt.encode(header(algorithm, kid), claims, key, algorithms=[algorithm])

    def verify(self, token, jwk, algorithm):
        return joserfc.jwt.decode(token, joserfc.jwk.import_key(jwk), algorithms=[algorithm]).claims

    def thumbprint(self, jwk):
        return joserfc.jwk.import_key(jwk).thumbprint()


class JWCrypto:
    def generate(self, algorithm):
        if algorithm in CURVES:
            return jwcrypto.jwk.JWK.generate(kty="EC", crv=CURVES[algorithm])
        if algorithm == "EdDSA":
            return jwcrypto.jwk.JWK.generate(kty="OKP", crv="Ed25519")
        return jwcrypto.jwk.JWK.generate(kty="RSA", size=2048)

    def public(self, key, algorithm):
        return key.export_public(as_dict=True)

    def sign(self, key, algorithm, kid, claims):
        token = jwcrypto.jwt.JWT(header=header(algorithm, kid), claims=claims)
        token.make_signed_token(key)
        return token.serialize()

    def verify(self, token, jwk, algorithm):
        key = jwcrypto.jwk.JWK(**jwk)
        return json.loads(jwcrypto.jwt.JWT(jwt=token, key=key, algs=[algorithm]).claims)

    def thumbprint(self, jwk):
        return jwcrypto.jwk.JWK(**jwk).thumbprint()


class Authlib:
    """Its own implementation, which warns that joserfc will take its place: a fourth one as long as it is there."""

    def generate(self, algorithm):
        while algorithm in CURVES:
            key = authlib.jose.ECKey.generate_key(CURVES[algorithm], is_private=True)
            # It writes coordinates without their leading zeros, against RFC 7518 section 6.2.1.2; PyJWT refuses
            # such keys as well. Others are the same in both forms.
            if all(len(key.as_dict()[name]) == COORDINATES[algorithm] for name in "xy"):
                return key
        if algorithm == "EdDSA":
            return authlib.jose.OKPKey.generate_key("Ed25519", is_private=True)
        return authlib.jose.RSAKey.generate_key(2048, is_private=True)

    def public(self, key, algorithm):
        return key.as_dict(is_private=False)

    def sign(self, key, algorithm, kid, claims):
        return authlib.jose.JsonWebToken([algorithm]).encode(header(algorithm, kid), claims, key).decode()

    def verify(self, token, jwk, algorithm):
        claims = authlib.jose.JsonWebToken([algorithm]).decode(token, authlib.jose.JsonWebKey.import_key(jwk))
        claims.validate()
        return dict(claims)

    def thumbprint(self, jwk):
        return authlib.jose.JsonWebKey.import_key(jwk).thumbprint()


LIBRARIES = [PyJWT(), Joserfc(), JWCrypto(), Authlib()]


def verify(task):
    for library in LIBRARIES:
        for entry in task["tokens"]:
            jwk, algorithm = entry["jwk"], entry["alg"]
            outcome = {"library": type(library).__name__, "alg": algorithm}
            try:
                outcome["claims"] = library.verify(entry["token"], jwk, algorithm)
                if hasattr(library, "thumbprint"):
                    outcome["thumbprint"] = library.thumbprint(jwk)
            except Exception as error:  # every library has its own
                outcome["error"] = repr(error)
            try:
                library.verify(entry["forged"], jwk, algorithm)
                outcome["forged_taken"] = True
            except Exception:
                outcome["forged_taken"] = False
            yield outcome


def sign(claims):
    tokens = []
    for library in LIBRARIES:
        name = type(library).__name__
        keys = {}
        for algorithm in ALGORITHMS:
            form = algorithm if algorithm in CURVES or algorithm == "EdDSA" else "RSA"
            kid = f"{name}-{form}"
            key = keys.setdefault(form, None) or library.generate(algorithm)
            keys[form] = key
            jwk = {**library.public(key, algorithm), "kid": kid}
            # One RSA key for six algorithms: bound to none of them.
            jwk.pop("alg", None)
            tokens.append(
                {"library": name, "alg": algorithm, "jwk": jwk, "token": library.sign(key, algorithm, kid, claims)}
            )
    return tokens


def odd_salts(claims):
    """Rightly signed but for the length of the salt, which is that of the hash (RFC 7518 section 3.5)."""
    library = PyJWT()
    key = library.generate("PS256")
    jwk = {**library.public(key, "PS256"), "kid": "salts"}
    signing_input = library.sign(key, "PS256", "salts", claims).rpartition(".")[0]
    for length in (0, 20, 48, padding.PSS.MAX_LENGTH, 32):
        pss = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=length)
        signature = key.sign(signing_input.encode(), pss, hashes.SHA256())
        encoded = pyjwt.utils.base64url_encode(signature).decode()
        yield {"jwk": jwk, "token": f"{signing_input}.{encoded}", "valid": length == 32}


def main():
    task = json.load(sys.stdin)
    if sys.argv[1] == "verify":
        answer = {"outcomes": list(verify(task))}
    else:
        answer = {"tokens": sign(task["claims"]), "salts": list(odd_salts(task["claims"]))}
    json.dump(answer, sys.stdout)


main()
