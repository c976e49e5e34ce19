"""The steps of the walk-through."""

import os
import secrets
import threading
import time

from walkthrough_client import Expectation, Person


def title(text):
    print(f"\n-- {text}")


def order(symbol="EURUSD"):
    return {"symbol": symbol, "side": "buy", "quantity": 100}


def set_up(tokens, person):
    """First sign-in: the temporary password is changed, then a second factor is enrolled. Goes on where an interrupted
    one ended: the service may have taken what its answer never told."""
    person.keep()
    answer = first_factor(tokens, person)
    if person.pending_password:
        tokens.ask(204, "POST", "/v1/users/me/password", token=answer["access_token"],
                   body={"current_password": person.password, "new_password": person.pending_password})
        person.password_counts()
        answer = first_factor(tokens, person)
    if answer.status == 202:
        person.secret_counts()
        if not person.secret:
            raise Expectation(f"{person.username} has a second factor that is not known here")
    else:
        enrol(tokens, person, answer["access_token"])


def first_factor(tokens, person):
    """Signs in with the password that is known, else with the one that was about to be set."""
    wanted = (200, 202, 401) if person.pending_password else (200, 202)
    answer = tokens.ask(wanted, "POST", "/v1/login", body=login(person, person.password))
    if answer.status == 401:
        answer = tokens.ask((200, 202), "POST", "/v1/login", body=login(person, person.pending_password))
        person.password_counts()
    return answer


def enrol(tokens, person, token):
    person.pending_secret = tokens.ask(201, "POST", "/v1/users/me/totp", token=token, body={})["secret"]
    person.keep()
    answer = tokens.ask(200, "POST", "/v1/users/me/totp/confirm", token=token, body={"code": person.code()})
    person.secret_counts()
    keep_recovery_codes(person, answer)


def keep_recovery_codes(person, answer):
    person.recovery_codes = answer["recovery_codes"]
    person.keep()
    if len(person.recovery_codes) != 10:
        raise Expectation("ten recovery codes")


def login(person, password):
    return {"username": person.username, "password": password, "device_id": "walk-through"}


def sign_in(tokens, person):
    """Password, then a code."""
    pending = tokens.ask(202, "POST", "/v1/login", body=login(person, person.password))
    return tokens.ask(200, "POST", "/v1/login/mfa", body={"mfa_token": pending["mfa_token"], "code": person.code()})


def bootstrap(tokens, memory):
    admin = memory.administrator()
    if admin.secret is None:
        title("the first administrator changes the password and enrols TOTP")
        set_up(tokens, admin)
    if not admin.recovery_codes:
        title("the administrator's recovery codes are not known here: new ones")
        token = sign_in(tokens, admin)["access_token"]
        keep_recovery_codes(admin, tokens.ask(201, "POST", "/v1/users/me/recovery-codes", token=token))
    if not os.path.exists(os.path.join(memory.folder, "order-api.secret")):
        title("a service account for order-api, which introspects tokens when the feed is stale")
        token = sign_in(tokens, admin)["access_token"]
        made = tokens.call("POST", "/v1/service-accounts", token=token,
                           body={"client_id": "order-api", "name": "order-api", "permissions": ["tokens:introspect"]})
        if made.status == 409:
            # It exists and its secret was lost: a second one is made.
            listed = tokens.ask(200, "GET", "/v1/service-accounts?limit=200", token=token, quiet=True)
            account = next(item for item in listed["service_accounts"] if item["client_id"] == "order-api")
            for old in account["secrets"]:
                tokens.ask(204, "DELETE", f"/v1/service-accounts/{account['id']}/secrets/{old['id']}", token=token)
            made = tokens.ask(201, "POST", f"/v1/service-accounts/{account['id']}/secrets", token=token)
        elif made.status != 201:
            raise Expectation(f"service account: {made.status} {made.json}")
        memory.write_secret("order-api.secret", made["client_secret"])
        print("  written to order-api.secret, mode 0600")


def create(tokens, token, role):
    name = f"{role}-{secrets.token_hex(3)}"
    made = tokens.ask(201, "POST", "/v1/users", token=token, body={"username": name, "roles": [role]})
    return Person(name, made["temporary_password"], secrets.token_urlsafe(24), user_id=made["id"])


def tour(tokens, orders, memory):
    admin = memory.administrator()
    title("the administrator signs in with password and code")
    admin_token = sign_in(tokens, admin)["access_token"]

    title("a trader and a viewer are created; each gets a password for one day")
    trader, viewer = create(tokens, admin_token, "trader"), create(tokens, admin_token, "viewer")

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
