"""HTTP, TOTP and the memory of the walk-through. Standard library only."""

import base64
import hashlib
import hmac
import http.client
import json
import os
import secrets
import struct
import time
import urllib.parse

SECRETS = {
    "access_token", "refresh_token", "mfa_token", "password", "current_password", "new_password", "secret",
    "client_secret", "temporary_password", "code", "otpauth_uri", "qr_svg", "recovery_codes", "recovery_code", "token",
}


class Expectation(Exception):
    """Something was answered that should not have been."""


def shorten(value, name=""):
    """The value as it may be shown: secrets cut to a few characters."""
    if isinstance(value, dict):
        return {key: shorten(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [shorten(item, name) for item in value]
    if name in SECRETS and isinstance(value, str):
        return "***" if len(value) < 24 else value[:4] + "***"
    return value


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers = status, headers
        try:
            self.json = json.loads(body) if body else {}
        except ValueError:
            self.json = {"text": body[:200].decode("utf-8", "replace")}

    def __getitem__(self, key):
        if key not in self.json:
            raise Expectation(f"the answer has no {key}: {shorten(self.json)}")
        return self.json[key]


class Api:
    """One service. Each call is a connection of its own, as from clients that do not know each other."""

    def __init__(self, name, url):
        self.name, self.address = name, urllib.parse.urlsplit(url)

    def call(self, method, path, body=None, form=None, token=None, basic=None, headers=None, timeout=15):
        sent = {"Accept": "application/json", **(headers or {})}
        data = None
        if body is not None:
            data, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
        elif form is not None:
            data = urllib.parse.urlencode(form).encode()
            sent["Content-Type"] = "application/x-www-form-urlencoded"
        if token:
            sent["Authorization"] = "Bearer " + token
        if basic:
            sent["Authorization"] = "Basic " + base64.b64encode(":".join(basic).encode()).decode()
        connection = http.client.HTTPConnection(self.address.hostname, self.address.port, timeout=timeout)
        try:
            connection.request(method, path, data, sent)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def ask(self, expected, method, path, quiet=False, **options):
        """Calls, prints question and answer, and insists on the status. A 429 or 503 that says how long is waited out once."""
        answer = self.call(method, path, **options)
        wanted = {expected} if isinstance(expected, int) else set(expected)
        retry = answer.headers.get("Retry-After", "")
        if answer.status in (429, 503) and answer.status not in wanted and retry.isdigit() and int(retry) <= 60:
            time.sleep(int(retry) + 0.2)
            answer = self.call(method, path, **options)
        if not quiet:
            body = options.get("body") or options.get("form")
            print(f"  > {self.name} {method} {path}" + (f" {json.dumps(shorten(body))}" if body else ""))
            shown = json.dumps(shorten(answer.json)) if answer.json else ""
            print(f"  < {answer.status} {shown[:300]}")
        if answer.status not in wanted:
            raise Expectation(f"{method} {path}: expected {sorted(wanted)}, got {answer.status} {shorten(answer.json)}")
        return answer


def totp(secret, step, digits=6, algorithm="SHA1"):
    """RFC 6238 over a base32 secret."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.new(key, struct.pack(">Q", step), getattr(hashlib, algorithm.lower())).digest()
    offset = digest[-1] & 15
    number = struct.unpack(">I", digest[offset:offset + 4])[0] & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits)


class Person:
    """Credentials of somebody, and the last time step whose code was used: a code counts once, ever.

    What is about to be set stands in `pending_…` until the service has answered. `keep` writes everything down; it runs
    before the service learns of a change, so that whoever is interrupted in between still knows what may hold by now.
    """

    KEPT = ("username", "password", "pending_password", "secret", "pending_secret", "step", "recovery_codes")

    def __init__(self, username, password, pending_password=None, user_id=None, keep=lambda person: None):
        self.username, self.password, self.pending_password = username, password, pending_password
        self.secret, self.pending_secret, self.step, self.recovery_codes = None, None, 0, []
        self.id, self._keep = user_id, keep

    def keep(self):
        self._keep(self)

    def password_counts(self):
        """The service has taken the pending password: it is the password now."""
        self.password, self.pending_password = self.pending_password, None
        self.keep()

    def secret_counts(self):
        """The service asks for codes, or has taken one: the pending secret is the secret now."""
        if self.pending_secret:
            self.secret, self.pending_secret = self.pending_secret, None
            self.keep()

    def code(self):
        """A code not used before. The next step's is accepted already; beyond it, waits."""
        while True:
            step = max(int(time.time()) // 30, self.step + 1)
            if step <= int(time.time()) // 30 + 1:
                self.step = step
                self.keep()
                return totp(self.pending_secret or self.secret, step)
            time.sleep(0.5)


class Memory:
    def __init__(self, folder):
        self.folder = folder
        self.file = os.path.join(folder, "walkthrough.json")

    def read(self, name):
        path = os.path.join(self.folder, name)
        if not os.path.exists(path):
            return None
        with open(path, encoding="utf-8") as handle:
            return json.load(handle)

    def write_secret(self, name, text):
        """Replaces the file as a whole; only its owner can read it."""
        path = os.path.join(self.folder, name)
        temporary = path + "." + secrets.token_hex(4)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            handle.write(text)
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(temporary, path)

    def administrator(self):
        known = self.read("walkthrough.json")
        if known:
            person = Person(known["username"], known["password"], keep=self.keep)
            for name in Person.KEPT:
                setattr(person, name, known.get(name, getattr(person, name)))
            return person
        first = self.read("admin.json")
        if not first:
            raise Expectation(f"neither {self.file} nor admin.json is there: who is the administrator?")
        return Person(first["username"], first["password"], secrets.token_urlsafe(24), keep=self.keep)

    def keep(self, person):
        fields = {name: getattr(person, name) for name in Person.KEPT}
        self.write_secret("walkthrough.json", json.dumps(fields) + "\n")
