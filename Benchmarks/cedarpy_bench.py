"""Measures the reference implementation of Cedar (the Rust engine in `cedarpy`) for PolicyBench.swift.

Standard input, one JSON object a line:
  {"load": {"policies": text, "entities": [...], "requests": [...]}}   parses, answers {"decisions": [bool], "parsing": seconds}
  {"decide": "warm" | "cold"}   decides every request of what was loaded last, answers {"micros": number}
The time of a decision is the engine's own, `authz_duration_micros`, which has whole microseconds, rounded down.
"""

import json
import statistics
import sys
import time

import cedarpy

# Larger than the caches of processors; walked before each decision when these are to be cold.
BUFFER = bytearray(64 << 20)
COLD_REQUESTS = 30


def micros(result):
    return result.metrics["authz_duration_micros"]


class Loaded:
    def __init__(self, workload):
        start = time.perf_counter()
        self.policies = cedarpy.PolicySet.from_str(workload["policies"])
        self.parsing = time.perf_counter() - start
        self.entities = cedarpy.Entities.from_json_str(json.dumps(workload["entities"]))
        self.requests = workload["requests"]

    def results(self, requests):
        return cedarpy.is_authorized_batch(requests, self.policies, self.entities)

    def decide_all(self):
        results = self.results(self.requests)
        self.mean = max(1, statistics.fmean(micros(result) for result in results))
        return [result.allowed for result in results]

    def warm(self):
        """The mean over requests, of each the least of three times, as these are by the wall clock and others may run.
        Where decisions take long, of so many requests as take two seconds."""
        count = max(20, int(2e6 / 3 / self.mean))
        passes = [[micros(result) for result in self.results(self.requests[:count])] for _ in range(3)]
        return statistics.fmean(min(times) for times in zip(*passes))

    def cold(self):
        times = []
        for request in self.requests[:COLD_REQUESTS]:
            BUFFER.count(1)
            times.append(micros(cedarpy.is_authorized(request, self.policies, self.entities)))
        return statistics.median(times)


def main():
    loaded = None
    for line in sys.stdin:
        try:
            question = json.loads(line)
            if "load" in question:
                loaded = Loaded(question["load"])
                answer = {"decisions": loaded.decide_all(), "parsing": loaded.parsing}
            else:
                answer = {"micros": loaded.cold() if question["decide"] == "cold" else loaded.warm()}
        except Exception as error:  # whatever it is, the other side is told
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)


main()
