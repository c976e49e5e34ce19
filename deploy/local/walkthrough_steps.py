"""The steps of the walk-through."""

import os
import secrets
import threading
import time

from walkthrough_client import Expectation
from walkthrough_people import create, keep_recovery_codes, order, set_up, sign_in, title
from walkthrough_policies import decide, furnish

# The services that have an account of their own, and what each may do.
ACCOUNTS = {"policy-service": ["tokens:introspect", "users:read"], "order-api": ["tokens:introspect", "bundles:read"]}


def bootstrap(tokens, memory):
    admin = memory.administrator()
    if admin.secret is None:
        title("the first administrator changes the password and enrols TOTP")
        set_up(tokens, admin)
    if not admin.recovery_codes:
        title("the administrator's recovery codes are not known here: new ones")
        token = sign_in(tokens, admin)["access_token"]
        keep_recovery_codes(admin, tokens.ask(201, "POST", "/v1/users/me/recovery-codes", token=token))
    for name, permissions in ACCOUNTS.items():
        if os.path.exists(os.path.join(memory.folder, name + ".secret")):
            permit(tokens, admin, name, permissions)
        else:
            make_account(tokens, admin, memory, name, permissions)


def account(tokens, token, name):
    listed = tokens.ask(200, "GET", "/v1/service-accounts?limit=200", token=token, quiet=True)
    return next(item for item in listed["service_accounts"] if item["client_id"] == name)


def make_account(tokens, admin, memory, name, permissions):
    title(f"a service account for {name}, which introspects tokens when the feed is stale")
    token = sign_in(tokens, admin)["access_token"]
    made = tokens.call("POST", "/v1/service-accounts", token=token,
                       body={"client_id": name, "name": name, "permissions": permissions})
    if made.status == 409:
        # It exists and its secret was lost: a second one is made.
        known = account(tokens, token, name)
        for old in known["secrets"]:
            tokens.ask(204, "DELETE", f"/v1/service-accounts/{known['id']}/secrets/{old['id']}", token=token)
        made = tokens.ask(201, "POST", f"/v1/service-accounts/{known['id']}/secrets", token=token)
    elif made.status != 201:
        raise Expectation(f"service account: {made.status} {made.json}")
    memory.write_secret(name + ".secret", made["client_secret"])
    print(f"  written to {name}.secret, mode 0600")


def permit(tokens, admin, name, permissions):
    """An account that an older walk-through made may lack what the service needs today."""
    token = sign_in(tokens, admin)["access_token"]
    known = account(tokens, token, name)
    if set(permissions) - set(known["permissions"]):
        title(f"the service account of {name} is given what it lacks")
        tokens.ask(200, "PATCH", f"/v1/service-accounts/{known['id']}", token=token, body={"permissions": permissions})


def tour(tokens, policies, orders, memory):
    admin = memory.administrator()
    title("the administrator signs in with password and code")
    admin_token = sign_in(tokens, admin)["access_token"]

    title("a trader and a viewer are created; each gets a password for one day")
    trader, viewer = create(tokens, admin_token, "trader"), create(tokens, admin_token, "viewer")

    furnish(policies, admin_token, trader)
    title("the trader changes the password and enrols TOTP")
    set_up(tokens, trader)
    title("the trader signs in with password and code")
    session = sign_in(tokens, trader)
    title("the trader places an order")
    orders.ask(201, "POST", "/v1/orders", token=session["access_token"], body=order(),
               headers={"Idempotency-Key": secrets.token_hex(8)})

    title("the viewer may look but not trade")
    set_up(tokens, viewer)
    watching = sign_in(tokens, viewer)["access_token"]
    orders.ask(200, "GET", "/v1/orders", token=watching)
    orders.ask(403, "POST", "/v1/orders", token=watching, body=order())

    decide(tokens, policies, orders, memory, admin, trader)
    rotate_under_load(tokens, orders, admin, session["access_token"])
    title("refresh, refresh again, then replay the first refresh token")
    first = session["refresh_token"]
    second = refresh(tokens, 200, first)
    third = refresh(tokens, 200, second["refresh_token"])
    orders.ask(200, "GET", "/v1/orders", token=third["access_token"])
    refresh(tokens, 400, first)
    print("  the session is dead: the newest refresh token is refused as well")
    refresh(tokens, 400, third["refresh_token"])
    refused_after(orders, third["access_token"], time.monotonic(), "the replay")

    title("log out, and see order-api refuse")
    session = sign_in(tokens, trader)
    orders.ask(201, "POST", "/v1/orders", token=session["access_token"], body=order())
    tokens.ask(204, "POST", "/v1/logout", token=session["access_token"])
    refused_after(orders, session["access_token"], time.monotonic(), "the logout was answered")
    print("\nEverything was as expected.")


def refresh(tokens, expected, token):
    return tokens.ask(expected, "POST", "/oauth2/token", form={"grant_type": "refresh_token", "refresh_token": token})


def refused_after(orders, token, since, what):
    """Asks until refused; five seconds is the stated bound."""
    while time.monotonic() - since < 5:
        answer = orders.call("GET", "/v1/orders", token=token)
        if answer.status == 401:
            print(f"  order-api refused the token {1000 * (time.monotonic() - since):.1f} ms after {what}")
            return
        if answer.status != 200:
            raise Expectation(f"order-api answered {answer.status} {answer.json}")
    raise Expectation(f"order-api still accepts the token 5 s after {what}")


def rotate_under_load(tokens, orders, admin, token):
    title("the signing key is rotated while four clients call order-api")
    stop, faults, counted = threading.Event(), [], [0] * 4

    def load(index):
        while not stop.is_set():
            try:
                answer = orders.call("GET", "/v1/orders", token=token)
                if answer.status != 200:
                    faults.append(f"{answer.status} {answer.json}")
            except OSError as fault:
                faults.append(str(fault))
            counted[index] += 1

    fresh = sign_in(tokens, admin)["access_token"]
    threads = [threading.Thread(target=load, args=(index,), daemon=True) for index in range(4)]
    for thread in threads:
        thread.start()
    try:
        kid = tokens.ask(202, "POST", "/v1/keys/rotate", token=fresh)["kid"]
        deadline = time.monotonic() + 60
        while state_of(tokens, fresh, kid) != "active":
            if time.monotonic() > deadline:
                raise Expectation("the rotated key did not become active within a minute")
            time.sleep(0.5)
        # A token signed with the new key, in the middle of the load.
        signed = sign_in(tokens, admin)["access_token"]
        orders.ask((200, 403), "GET", "/v1/orders", token=signed)
        time.sleep(1)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    if faults:
        raise Expectation(f"{len(faults)} of {sum(counted)} requests failed during the rotation: {faults[0]}")
    print(f"  {sum(counted)} requests during the rotation, none failed")


def state_of(tokens, token, kid):
    keys = tokens.ask(200, "GET", "/v1/keys", token=token, quiet=True)["keys"]
    return next((key["state"] for key in keys if key["kid"] == kid), "missing")
