"""token-service as far as jts talks to it. Prints its port; every answer depends on what it was asked.

With a certificate's and its key's file as arguments it speaks TLS."""

import json
import ssl
import sys
import urllib.parse
from http.server import BaseHTTPRequestHandler, HTTPServer

generation = 0
signed_in = False


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *arguments):
        pass

    def answer(self, status, value=None):
        body = json.dumps(value).encode() if value is not None else b""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def problem(self, status, slug):
        self.answer(status, {"type": "urn:jts:problem:" + slug, "title": "No\u001b[31m"})

    def handle_any(self):
        global generation, signed_in
        text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        form = dict(urllib.parse.parse_qsl(text))
        body = json.loads(text) if text.startswith("{") else {}
        route = self.command + " " + self.path
        tokens = {"access_token": "at-strong", "refresh_token": f"rt+{generation}/&="}
        if route == "POST /v1/login":
            if body != {"username": "ann", "password": "correct horse"}:
                return self.problem(401, "invalid-credentials")
            return self.answer(202, {"mfa_token": "m1", "methods": ["totp"]})
        if route == "POST /v1/login/mfa":
            if body not in ({"mfa_token": "m1", "code": "123456"},):
                return self.problem(401, "invalid-code")
            signed_in = True
            return self.answer(200, tokens)
        if route == "POST /oauth2/token":
            if not signed_in or form.get("refresh_token") != tokens["refresh_token"]:
                return self.answer(400, {"error": "invalid_grant"})
            generation += 1
            return self.answer(200, {"access_token": "at-weak", "refresh_token": f"rt+{generation}/&="})
        if route == "POST /oauth2/revoke":
            if form.get("token") == tokens["refresh_token"]:
                signed_in = False
            return self.answer(200)
        bearer = self.headers.get("Authorization", "")
        if bearer not in ("Bearer at-weak", "Bearer at-strong"):
            return self.problem(401, "unauthorised")
        if route == "POST /v1/step-up":
            return self.answer(200, tokens) if body == {"code": "654321"} else self.problem(401, "invalid-code")
        if route == "GET /v1/sessions":
            return self.answer(200, {"sessions": [{"id": "s1", "current": True, "address": "\u001b[2J"}]})
        if route == "GET /v1/users?limit=200":
            return self.answer(200, {"users": [{"id": "usr_1", "username": "ann"}], "next_cursor": "c=1"})
        if route == "GET /v1/users?limit=200&cursor=c%3D1":
            return self.answer(200, {"users": [{"id": "usr_2", "username": "bob"}], "next_cursor": None})
        if route == "POST /v1/keys/rotate":
            if bearer != "Bearer at-strong":
                return self.problem(403, "step-up-required")
            return self.answer(202, {"kid": "k2", "activates_at": "2030-01-01T00:00:00Z"})
        if route == "DELETE /v1/sessions/a%2Fb":
            return self.answer(204)
        if route == "POST /v1/users/me/totp":
            return self.answer(201, {"secret": "ABCD", "otpauth_uri": "otpauth://totp/jts:ann?secret=ABCD"})
        if route == "POST /v1/users/me/totp/confirm":
            return self.answer(200, {"recovery_codes": ["r1", "r2"]}) if body == {"code": "111111"} else self.problem(401, "invalid-code")
        if route == "GET /v1/keys":
            return self.problem(503, "unavailable")
        return self.problem(404, "not-found")

    do_GET = do_POST = do_DELETE = do_PUT = handle_any


server = HTTPServer(("127.0.0.1", 0), Handler)
if len(sys.argv) > 1:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1])
sys.stdout.flush()
server.serve_forever()
