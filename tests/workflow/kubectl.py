#!/usr/bin/env python3
"""A kubectl whose pods are process groups of this machine; OFF2ON_PODS is where their manifests lie."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

PODS = Path(os.environ["OFF2ON_PODS"])


def create() -> None:
    """`create -f - -o name`: the container's command in a session of its own, as a pod has its own processes."""
    job = json.load(sys.stdin)
    name = f"{job['metadata']['generateName']}{len(list(PODS.glob('*.log')))}"
    (PODS / f"{name}.json").write_text(json.dumps(job))
    container = job["spec"]["template"]["spec"]["containers"][0]
    ended = shlex.quote(str(PODS / f"{name}.status"))
    command = f"setsid --wait {shlex.join(container['command'])}; echo $? > {ended}"
    with (PODS / f"{name}.log").open("w") as log:
        subprocess.Popen(
            ["bash", "-c", command], cwd=container["workingDir"], stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )
    sys.stdout.write(f"job.batch/{name}\n")


def get(name: str) -> None:
    """`get job NAME -o jsonpath=...`: the conditions that are true."""
    if not (PODS / f"{name}.json").is_file():
        sys.exit(f'Error from server (NotFound): jobs.batch "{name}" not found')
    status = PODS / f"{name}.status"
    if status.is_file():
        sys.stdout.write("Complete" if status.read_text().strip() == "0" else "FailureTarget Failed")


def delete(name: str) -> None:
    """`delete job --wait=false NAME`: SIGTERM for the first process of the container alone."""
    container = json.loads((PODS / f"{name}.json").read_text())["spec"]["template"]["spec"]["containers"][0]
    (PODS / f"{name}.json").rename(PODS / f"{name}.deleted")
    script = container["command"][-1]
    first = subprocess.run(["pgrep", "-f", f"^/bin/bash .*{re.escape(script)}"], stdout=subprocess.PIPE, text=True)
    os.kill(min(map(int, first.stdout.split())), signal.SIGTERM)


if __name__ == "__main__":
    {"create": create, "get": lambda: get(sys.argv[3]), "delete": lambda: delete(sys.argv[4])}[sys.argv[1]]()
