"""People and their sign-in, for the steps of the walk-through."""

import secrets

from walkthrough_client import Expectation, Person


def title(text):
    print(f"\n-- {text}")


def order(symbol="EURUSD", quantity=100):
    return {"symbol": symbol, "side": "buy", "quantity": quantity}


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


def create(tokens, token, role):
    name = f"{role}-{secrets.token_hex(3)}"
    made = tokens.ask(201, "POST", "/v1/users", token=token, body={"username": name, "roles": [role]})
    return Person(name, made["temporary_password"], secrets.token_urlsafe(24), user_id=made["id"])
