#!/usr/bin/env python3
"""Walks through the running system as its users would, and prints what was asked and answered.

  bootstrap   sets up the first administrator and order-api's service account
  tour        the walk-through; every expectation that fails makes the exit status 1

Only the standard library. What must be known next time stands in STATE/walkthrough.json, mode 0600.
"""

import argparse
import sys

from walkthrough_client import Api, Expectation, Memory
from walkthrough_steps import bootstrap, tour


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("act", choices=["bootstrap", "tour"])
    parser.add_argument("--token-service", default="http://127.0.0.1:7001")
    parser.add_argument("--policy-service", default="http://127.0.0.1:7002")
    parser.add_argument("--order-api", default="http://127.0.0.1:7100")
    parser.add_argument("--state", default=".local")
    arguments = parser.parse_args()
    memory = Memory(arguments.state)
    tokens, orders = Api("token-service", arguments.token_service), Api("order-api", arguments.order_api)
    policies = Api("policy-service", arguments.policy_service)
    try:
        if arguments.act == "bootstrap":
            bootstrap(tokens, memory)
        else:
            tour(tokens, policies, orders, memory)
    except Expectation as fault:
        print(f"\nFAILED: {fault}", file=sys.stderr)
        return 1
    except OSError as fault:
        print(f"\nFAILED: {fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
