"""Is a known user's refused sign-in told from an unknown one's by its time? Prints medians and a rank test.

Method. Wrong passwords for accounts that exist and names that do not, in random order over one kept connection, so that
whatever else the machine does meets both alike. Every attempt states an address of its own (the service trusts this
proxy), and no name is tried more often than the brakes allow, so that each attempt goes all the way through: count in
Redis, one query, one Argon2id, one event. The first fifth is warm-up and left out. The two samples are compared by
Mann-Whitney's U with the normal approximation: rank tests do not care about the long tail that request times have. The
effect is U divided by the number of pairs: the chance that a known user's answer takes longer than an unknown one's; 0.5
is no difference. A p-value below 0.01 on a quiet machine, twice in a row, would be a finding.

Standard input: {"url": ..., "known": [names]}. Standard library only.
"""

import http.client
import json
import math
import random
import secrets
import statistics
import sys
import time
import urllib.parse

ATTEMPTS_A_NAME = 15


def mann_whitney(left, right):
    """U of `left`, and the two-sided p of the normal approximation with correction for ties."""
    ordered = sorted([(value, 0) for value in left] + [(value, 1) for value in right])
    rank_sum, ties, index = 0.0, 0.0, 0
    while index < len(ordered):
        end = index
        while end < len(ordered) and ordered[end][0] == ordered[index][0]:
            end += 1
        rank = (index + 1 + end) / 2
        rank_sum += rank * sum(1 for _, side in ordered[index:end] if side == 0)
        ties += (end - index) ** 3 - (end - index)
        index = end
    n, m = len(left), len(right)
    total = n + m
    u = rank_sum - n * (n + 1) / 2
    deviation = math.sqrt(n * m / 12 * (total + 1 - ties / (total * (total - 1))))
    z = (u - n * m / 2) / deviation if deviation else 0.0
    return u, math.erfc(abs(z) / math.sqrt(2))


def main():
    given = json.load(sys.stdin)
    address = urllib.parse.urlsplit(given["url"])
    known = given["known"]
    unknown = [f"viewer-{secrets.token_hex(4)}" for _ in known]
    plan = [(name, True) for name in known] * ATTEMPTS_A_NAME + [(name, False) for name in unknown] * ATTEMPTS_A_NAME
    random.shuffle(plan)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
    times = {True: [], False: []}
    answers = set()
    for number, (name, exists) in enumerate(plan):
        body = json.dumps({"username": name, "password": "not the password at all"})
        headers = {"Content-Type": "application/json",
                   "X-Forwarded-For": f"10.{200 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"}
        began = time.perf_counter()
        connection.request("POST", "/v1/login", body, headers)
        response = connection.getresponse()
        content = response.read()
        elapsed = time.perf_counter() - began
        answer = json.loads(content)
        answers.add((response.status, answer.get("type"), len(content)))
        if number >= len(plan) // 5:
            times[exists].append(1000 * elapsed)
    print(f"known:   {len(times[True])} attempts, median {statistics.median(times[True]):.3f} ms")
    print(f"unknown: {len(times[False])} attempts, median {statistics.median(times[False]):.3f} ms")
    u, p = mann_whitney(times[True], times[False])
    effect = u / (len(times[True]) * len(times[False]))
    print(f"Mann-Whitney: U {u:.0f}, effect {effect:.3f} (0.5 is none), p {p:.3f}")
    print("answers differ:", "none" if len(answers) == 1 else sorted(answers, key=str))


main()
