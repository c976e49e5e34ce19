#!/usr/bin/env python3
"""Checks what every service of a compose file must have: pinned image, limits, least privilege, health check."""

import re
import sys

import yaml

INTERNAL = {"data", "events"}


def faults(name, service):
    image = service.get("image", "")
    if not re.search(r":(\d[\w.-]*|\$\{TAG)", image):
        yield f"image {image!r} is not pinned to a version"
    if service.get("read_only") is not True:
        yield "root file system is writable"
    if service.get("cap_drop") != ["ALL"] or service.get("cap_add"):
        yield "capabilities are kept"
    if "no-new-privileges:true" not in service.get("security_opt", []):
        yield "new privileges are possible"
    if str(service.get("user", "0")).split(":")[0] in ("0", "root", ""):
        yield "runs as root"
    if service.get("privileged") or service.get("network_mode") == "host":
        yield "privileged"
    if "healthcheck" not in service:
        yield "no health check"
    limits = service.get("deploy", {}).get("resources", {}).get("limits", {})
    if not {"cpus", "memory", "pids"} <= limits.keys():
        yield "no limits on cpus, memory and pids"
    for key, value in service.get("environment", {}).items():
        if not key.endswith("_FILE") and re.search(r"PASSWORD|SECRET|TOKEN$|_KEY$|REDIS_URL$|DATABASE_URL$", key):
            yield f"{key} may be a secret; give it as a file"
        if re.search(r"://[^/]*:[^/]*@", str(value)):
            yield f"{key} holds credentials"
    for port in service.get("ports", []):
        if set(service.get("networks", [])) & INTERNAL or not str(port).startswith("127.0.0.1:"):
            yield f"port {port} is open to the outside or leads to an internal network"


def main():
    found = False
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as handle:
            document = yaml.safe_load(handle)
        declared = set(document.get("secrets", {}))
        for name, service in document["services"].items():
            problems = list(faults(name, service))
            problems += [f"secret {item} is not declared" for item in service.get("secrets", []) if item not in declared]
            for problem in problems:
                found = True
                print(f"{path}: {name}: {problem}")
        for network in sorted(INTERNAL):
            if not (document["networks"].get(network) or {}).get("internal"):
                found = True
                print(f"{path}: network {network} is not internal")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
