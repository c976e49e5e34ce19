"""The steps of the walk-through that policies decide."""

import os
import pathlib
import signal
import time

from walkthrough_client import Expectation
from walkthrough_people import create, order, set_up, sign_in, title

LIMIT = 10_000
DESK_LIMIT = 100_000


def entity(kind, name, attrs=None, parents=()):
    return {"uid": {"type": kind, "id": name}, "attrs": attrs or {},
            "parents": [{"type": parent, "id": parent_id} for parent, parent_id in parents]}


def put(policies, token, *entities):
    policies.ask(200, "POST", "/v1/entities", token=token, quiet=True,
                 body={"put": list(entities), "reason": "walk-through"})


def furnish(policies, token, trader):
    """The desk, its instruments and who trades there, as policies know them."""
    title("policy-service learns of a desk, an instrument and the trader's limit")
    put(policies, token,
        entity("Platform", "platform", {"halted": False}),
        entity("Desk", "fx", {"halted": False, "order_limit": DESK_LIMIT, "networks": []}, [("Platform", "platform")]),
        entity("Instrument", "EURUSD", {"halted": False}),
        entity("User", trader.id, {"order_limit": LIMIT}, [("Desk", "fx")]))
    print(f"  the trader sits at desk fx and may place orders up to {LIMIT}")


def until(what, expected, ask, seconds=5.0):
    """Asks until the answer has the status; returns the milliseconds it took."""
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        answer = ask()
        if answer.status == expected:
            return 1000 * (time.monotonic() - begun), answer
    raise Expectation(f"{what}: order-api answers {answer.status} {answer.json}")


def limits(orders, token):
    title("within the trader's limit the order is placed; above it the policy that decided is named")
    orders.ask(201, "POST", "/v1/orders", token=token, body=order(quantity=LIMIT))
    refused = orders.ask(403, "POST", "/v1/orders", token=token, body=order(quantity=LIMIT + 1))
    if refused["policies"] != ["order-above-own-limit"]:
        raise Expectation(f"another policy decided: {refused.json}")


def kill_switch(policies, orders, manager_token, trader_token):
    title("the risk manager halts the desk: its orders stop everywhere, cancelling goes on")
    place = lambda: orders.call("POST", "/v1/orders", token=trader_token, body=order())
    placed = orders.ask(201, "POST", "/v1/orders", token=trader_token, body=order())
    answer = policies.ask(200, "PUT", "/v1/kill-switches/Desk/fx", token=manager_token, body={"reason": "walk-through"})
    milliseconds, refused = until("the halt", 403, place)
    print(f"  order-api refused by {', '.join(refused['policies'])} {milliseconds:.1f} ms after the halt was answered")
    if answer["changed"] is not True or refused["policies"] != ["desk-halted"]:
        raise Expectation(f"another policy decided: {refused.json}")
    orders.ask(200, "DELETE", f"/v1/orders/{placed['id']}", token=trader_token)
    policies.ask(200, "DELETE", "/v1/kill-switches/Desk/fx", token=manager_token, body={"reason": "it is over"})
    milliseconds, _ = until("the end of the halt", 201, place)
    print(f"  orders go on {milliseconds:.1f} ms after it was lifted")


def files():
    root = pathlib.Path(__file__).resolve().parents[2] / "policies"
    return {str(path.relative_to(root)): path.read_text(encoding="utf-8")
            for path in sorted(root.rglob("*")) if path.suffix in (".cedar", ".cedarschema", ".json")}


def new_policies(policies, orders, admin_token, manager_token, trader_token):
    title("a policy set is changed: what is not valid is not stored")
    broken = files() | {"walk-through.cedar": 'forbid (principal, action, resource) when { resource.notional > "5" };'}
    answer = policies.ask(422, "POST", "/v1/policies/versions", token=admin_token, quiet=True,
                          body={"files": broken, "reason": "a mistake"})
    print(f"  refused: {answer['detail']}")
    title("a valid one is stored, tried on live decisions, proposed by the administrator and approved by the risk manager")
    small = files() | {"walk-through.cedar": (
        '@id("small-orders-only")\n@reason("Only small orders today.")\nforbid (\n  principal,\n'
        '  action == Action::"orders:place",\n  resource is Order\n)\nwhen { resource.notional > 500 };\n')}
    small.pop("tests/trading.json")
    stored = policies.ask(201, "POST", "/v1/policies/versions", token=admin_token, quiet=True,
                          body={"files": small, "reason": "a quiet day"})
    shadow(policies, orders, manager_token, trader_token, stored["version"])
    proposed = policies.ask(201, "POST", "/v1/policies/activations", token=admin_token,
                            body={"version": stored["version"], "reason": "a quiet day"})
    policies.ask(403, "POST", f"/v1/policies/activations/{proposed['id']}/approve", token=admin_token)
    policies.ask(200, "POST", f"/v1/policies/activations/{proposed['id']}/approve", token=manager_token)
    place = lambda: orders.call("POST", "/v1/orders", token=trader_token, body=order(quantity=501))
    milliseconds, refused = until("the new set", 403, place)
    print(f"  order-api decides by version {refused['policy_version']} {milliseconds:.0f} ms after the approval")
    title("and it is rolled back")
    policies.ask(201, "POST", "/v1/policies/rollback", token=manager_token, body={"reason": "too quiet"})
    milliseconds, _ = until("the rollback", 201, place)
    print(f"  order-api decides by the old set {milliseconds:.0f} ms after the rollback")


def shadow(policies, orders, manager_token, trader_token, version):
    """What the set would change is seen on the decisions that order-api makes by itself, before it decides anything."""
    policies.ask(200, "PUT", "/v1/policies/shadow", token=manager_token,
                 body={"version": version, "reason": "what would it change?"})
    begun = time.monotonic()
    while time.monotonic() - begun < 30:
        for quantity in (100, 501):
            orders.ask(201, "POST", "/v1/orders", token=trader_token, body=order(quantity=quantity), quiet=True)
        report = policies.ask(200, "GET", "/v1/policies/shadow/report", token=manager_token, quiet=True)
        found = [each for each in report["differences"] if each["shadow_policies"] == ["small-orders-only"]]
        if found and report["same"]:
            print(f"  of {report['same'] + report['different']} live decisions {report['different']} would be others, "
                  f"such as {found[0]['action']}: {found[0]['active']} -> {found[0]['shadow']} "
                  f"by {', '.join(found[0]['shadow_policies'])}")
            policies.ask(204, "DELETE", "/v1/policies/shadow", token=manager_token)
            return
        time.sleep(0.25)
    raise Expectation(f"the shadow report tells of no difference: {report.json}")


def override(tokens, policies, orders, admin_token, manager):
    """Four eyes, for a while: whoever asks does not approve, and what was given ends."""
    title("an order above the desk's limit takes an override, which another person has to approve")
    session = sign_in(tokens, manager)
    above = order(quantity=DESK_LIMIT + 1)
    put(policies, admin_token, entity("User", manager.id, {}, [("Desk", "fx")]))
    orders.ask(403, "POST", "/v1/orders", token=session["access_token"], body=above)
    asked = policies.ask(201, "POST", "/v1/elevations", token=session["access_token"], body={
        "role": "risk-override", "scope": {"type": "Desk", "id": "fx"}, "seconds": 600, "reason": "a block trade"})
    policies.ask(409, "POST", f"/v1/elevations/{asked['id']}/approve", token=session["access_token"], body={})
    approved = policies.ask(200, "POST", f"/v1/elevations/{asked['id']}/approve", token=admin_token,
                            body={"reason": "agreed on the phone"})
    print(f"  approved until {approved['ends_at']}")
    title("nobody is signed out by it: the next refresh has the role, for that desk and until it ends")

    def renewed():
        answer = tokens.call("POST", "/oauth2/token", form={
            "grant_type": "refresh_token", "refresh_token": session["refresh_token"]})
        session.json.update(answer.json)
        return orders.call("POST", "/v1/orders", token=session["access_token"], body=above)

    milliseconds, placed = until("the override", 201, renewed)
    print(f"  an order of {above['quantity']} is placed {milliseconds:.0f} ms after the approval")
    title("it is ended early: order-api refuses")
    policies.ask(200, "POST", f"/v1/elevations/{asked['id']}/end", token=admin_token, body={"reason": "done"})
    place = lambda: orders.call("POST", "/v1/orders", token=session["access_token"], body=above)
    milliseconds, _ = until("the end of the override", 401, place)
    print(f"  the token with the role is refused {milliseconds:.1f} ms after the end was answered")
    milliseconds, _ = until("the refreshed session", 403, renewed)
    print("  the session goes on without the role")
    title("another one runs out by itself")
    asked = policies.ask(201, "POST", "/v1/elevations", token=session["access_token"], body={
        "role": "risk-override", "scope": {"type": "Desk", "id": "fx"}, "seconds": 6, "reason": "one more"})
    policies.ask(200, "POST", f"/v1/elevations/{asked['id']}/approve", token=admin_token, body={})
    until("the second override", 201, renewed)
    seconds, _ = until("its end", 401, place, seconds=15)
    until("the refreshed session", 403, renewed)
    print(f"  refused {seconds / 1000:.1f} s later")


def without_policy_service(memory, orders, trader_token):
    title("policy-service stands still: order-api decides on, in its own process")
    with open(os.path.join(memory.folder, "run", "policy-service.pid"), encoding="ascii") as handle:
        pid = int(handle.read().split()[0])
    os.kill(pid, signal.SIGSTOP)
    try:
        orders.ask(201, "POST", "/v1/orders", token=trader_token, body=order())
        orders.ask(403, "POST", "/v1/orders", token=trader_token, body=order(quantity=LIMIT + 1))
    finally:
        os.kill(pid, signal.SIGCONT)


def decide(tokens, policies, orders, memory, admin, trader):
    """All of it; signs in anew, as privileged acts ask for a fresh second factor."""
    admin_token = sign_in(tokens, admin)["access_token"]
    title("a risk manager is created")
    manager = create(tokens, admin_token, "risk-manager")
    set_up(tokens, manager)
    manager_token = sign_in(tokens, manager)["access_token"]
    trader_token = sign_in(tokens, trader)["access_token"]
    limits(orders, trader_token)
    kill_switch(policies, orders, manager_token, trader_token)
    new_policies(policies, orders, admin_token, manager_token, trader_token)
    override(tokens, policies, orders, admin_token, manager)
    without_policy_service(memory, orders, trader_token)
