"""Uses token-service with clients that others wrote. Standard input: a JSON object of what to use; see `main`."""

import json
import sys
import time

import jwt
import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.jose import JsonWebKey, JsonWebToken
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from joserfc import jwt as jose_jwt
from joserfc.jwk import ECKey, KeySet
from jwcrypto import jwk as wc_jwk
from jwcrypto import jwt as wc_jwt


def done(step):
    print(f"{step}: ok")


def metadata(issuer):
    document = requests.get(issuer + "/.well-known/oauth-authorization-server", timeout=10).json()
    known = AuthorizationServerMetadata(document)
    for name in AuthorizationServerMetadata.REGISTRY_KEYS:
        # Two rules ask for https and for an authorization endpoint; the tests run on plain loopback, and the code flow
        # is not there yet, which RFC 8414 section 2 allows.
        if name in ("issuer", "authorization_endpoint") or name.endswith(("_endpoint", "_uri")):
            continue
        getattr(known, "validate_" + name)()
    assert document["issuer"] == issuer
    for name in ("token_endpoint", "introspection_endpoint", "revocation_endpoint", "jwks_uri"):
        assert document[name].startswith(issuer + "/"), name
    done("metadata")
    return document


def verify(issuer, document, token, subject):
    key = jwt.PyJWKClient(document["jwks_uri"]).get_signing_key_from_jwt(token)
    claims = jwt.decode(token, key, algorithms=["RS256"], audience="jts", issuer=issuer)
    assert claims["sub"] == subject
    assert jwt.get_unverified_header(token)["typ"] == "at+jwt"
    done("pyjwt")

    keys = requests.get(document["jwks_uri"], timeout=10).json()
    verified = jose_jwt.decode(token, KeySet.import_key_set(keys), algorithms=["RS256"])
    assert verified.claims == claims
    registry = jose_jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": issuer}, aud={"essential": True, "value": "jts"}, exp={"essential": True})
    registry.validate(verified.claims)
    done("joserfc")

    loaded = wc_jwk.JWKSet.from_json(json.dumps(keys))
    token_object = wc_jwt.JWT(jwt=token, key=loaded, algs=["RS256"], expected_type="JWS",
                              check_claims={"iss": issuer, "aud": "jts", "exp": None})
    assert json.loads(token_object.claims) == claims
    done("jwcrypto")

    decoded = JsonWebToken(["RS256"]).decode(token, JsonWebKey.import_key_set(keys))
    decoded.validate()
    assert dict(decoded) == claims
    done("authlib jwt")
    return claims


def refresh(document, given):
    client = OAuth2Session("jts", token_endpoint_auth_method="none")
    token = client.refresh_token(document["token_endpoint"], refresh_token=given["refresh_token"])
    assert token["access_token"] and token["refresh_token"] != given["refresh_token"]
    assert token["token_type"] == "Bearer"
    again = client.refresh_token(document["token_endpoint"], refresh_token=token["refresh_token"])
    assert again["refresh_token"] != token["refresh_token"]
    done("refresh")


def service(document, client_id, secret, method, name):
    client = OAuth2Session(client_id, secret, token_endpoint_auth_method=method)
    token = client.fetch_token(document["token_endpoint"], grant_type="client_credentials")
    assert "refresh_token" not in token
    assert jwt.decode(token["access_token"], options={"verify_signature": False})["client_id"] == client_id
    done(name)
    return client


def keyed(document, given):
    key = ECKey.generate_key("P-256", {"kid": "k1", "use": "sig", "alg": "ES256"})
    public = key.as_dict(private=False)
    made = requests.post(given["issuer"] + "/v1/service-accounts", timeout=10, json={
        "client_id": given["keyed_client"], "permissions": ["tokens:introspect"], "jwks": {"keys": [public]},
    }, headers={"Authorization": "Bearer " + given["admin_token"]})
    assert made.status_code == 201, made.text
    assert "client_secret" not in made.json()
    client = OAuth2Session(given["keyed_client"], key, token_endpoint_auth_method="private_key_jwt")
    client.register_client_auth_method(
        PrivateKeyJWT(document["token_endpoint"], headers={"kid": "k1"}, alg="ES256"))
    token = client.fetch_token(document["token_endpoint"], grant_type="client_credentials")
    assert token["access_token"]
    done("private_key_jwt")
    return key


def replay(document, given, key):
    """An assertion counts once (RFC 7523 section 3, item 7)."""
    now = int(time.time())
    assertion = jwt.encode(
        {"iss": given["keyed_client"], "sub": given["keyed_client"], "aud": document["token_endpoint"], "iat": now,
         "exp": now + 60, "jti": "one-of-a-kind"},
        key.as_pem(private=True), algorithm="ES256", headers={"kid": "k1"})
    form = {"grant_type": "client_credentials", "client_assertion": assertion,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}
    first = requests.post(document["token_endpoint"], data=form, timeout=10)
    second = requests.post(document["token_endpoint"], data=form, timeout=10)
    assert (first.status_code, second.status_code) == (200, 401), (first.text, second.text)
    assert second.json()["error"] == "invalid_client"
    done("assertion replay")


def introspection(client, document, given, claims):
    answer = client.introspect_token(document["introspection_endpoint"], token=given["access_token"]).json()
    assert answer["active"] is True and answer["sub"] == claims["sub"] and answer["jti"] == claims["jti"]
    assert client.introspect_token(document["introspection_endpoint"], token="nonsense").json() == {"active": False}
    done("introspection")


def revocation(client, document, given):
    url = document["introspection_endpoint"]
    assert client.introspect_token(url, token=given["other_access_token"]).json()["active"]
    answer = client.revoke_token(document["revocation_endpoint"], token=given["other_access_token"])
    assert answer.status_code == 200
    assert client.introspect_token(url, token=given["other_access_token"]).json() == {"active": False}
    # An unknown token is answered like a known one (RFC 7009 section 2.2).
    assert client.revoke_token(document["revocation_endpoint"], token="nonsense").status_code == 200
    done("revocation")


def main():
    given = json.load(sys.stdin)
    document = metadata(given["issuer"])
    claims = verify(given["issuer"], document, given["access_token"], given["subject"])
    client = service(document, given["client_id"], given["client_secret"], "client_secret_basic", "secret basic")
    service(document, given["client_id"], given["client_secret"], "client_secret_post", "secret post")
    introspection(client, document, given, claims)
    revocation(client, document, given)
    refresh(document, given)
    replay(document, given, keyed(document, given))


main()
