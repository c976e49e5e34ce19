"""The steps of the walk-through that policies decide."""

import os
import pathlib
import signal
import time

from walkthrough_client import Expectation
from walkthrough_people import create, order, set_up, sign_in, title

LIMIT = 10_000


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
        entity("Desk", "fx", {"halted": False, "order_limit": 1_000_000, "networks": []}, [("Platform", "platform")]),
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
    title("a valid one is stored, proposed by the administrator and approved by the risk manager")
    small = files() | {"walk-through.cedar": (
        '@id("small-orders-only")\n@reason("Only small orders today.")\nforbid (\n  principal,\n'
        '  action == Action::"orders:place",\n  resource is Order\n)\nwhen { resource.notional > 500 };\n')}
    small.pop("tests/trading.json")
    stored = policies.ask(201, "POST", "/v1/policies/versions", token=admin_token, quiet=True,
                          body={"files": small, "reason": "a quiet day"})
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
    without_policy_service(memory, orders, trader_token)
