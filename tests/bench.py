"""How long a synthesis takes, and where the time goes: `make bench`.

Each figure is the median of five runs after a warm-up, the runs of what is compared in turn, so that a machine
that slows down slows both. CPU time is that of the process and its Node.js child.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNS = 5
ENDPOINTS = 20

GOALS = {
    "dev": "at most 1.6x",
    "reference": "at most 3.0x, 800 MB",
    "settings check": "at most 0.25 s",
}

EMPTY = """
import json, sys
import aws_cdk as cdk
context = json.load(open(sys.argv[1]))["context"]
app = cdk.App(context=context, outdir=sys.argv[2])
# The least that CloudFormation accepts: a stack needs one resource.
cdk.CfnWaitConditionHandle(cdk.Stack(app, "Empty"), "Nothing")
app.synth()
"""

#: One jsii process: an app with one endpoint, which creates what all share, and one with twenty more, through the gate.
ENDPOINT = """
import json, sys, tempfile, time
from aws_genai.node import tune_node
tune_node()
import aws_cdk as cdk
from aws_genai.models import EndpointOptions, JumpStartEndpoint
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import CompliancePack, attach_gate
context = json.load(open(sys.argv[1]))["context"]

def app(count):
    started = time.perf_counter()
    app = cdk.App(context=context, outdir=tempfile.mkdtemp())
    attach_gate(app, packs=list(CompliancePack))
    CostTags(project="p", environment="e", layer="l", owner="o", cost_center="c").apply(app)
    stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
    foundation = Foundation(stack, network=["us-east-1a", "us-east-1b"])
    options = EndpointOptions(model="huggingface-sentencesimilarity-bge-m3")
    for index in range(count):
        JumpStartEndpoint(stack, f"E{index}", foundation=foundation, endpoint_name=f"e{index}", options=options)
    app.synth()
    return time.perf_counter() - started

app(1)
pairs = [(app(1), app(1 + int(sys.argv[2]))) for _ in range(5)]
print(json.dumps(pairs))
"""

#: The same as app.py, with the clock between its parts.
PARTS = """
import json, sys, tempfile, time
clock = [time.perf_counter()]
def lap():
    clock.append(time.perf_counter()); return clock[-1] - clock[-2]
parts = {}
from settings import load
settings = load(sys.argv[1])
parts["settings"] = lap()
from aws_genai.node import tune_node
tune_node()
import aws_cdk as cdk
parts["import aws_cdk and start Node.js"] = lap()
import cdk_nag
from aws_genai.gate import CompliancePack, attach_gate
from aws_genai.gate import synthesis as gate
from stacks import assemble
parts["import cdk_nag and our own"] = lap()
context = json.load(open(sys.argv[2]))["context"]
app = cdk.App(context=context, outdir=tempfile.mkdtemp())
attach_gate(app, packs=[CompliancePack(p) for p in settings.security.packs])
parts["start the rule engines"] = lap()
assemble(app, settings)
parts["construct"] = lap()
app.synth()
parts["validate and write, all plug-ins"] = lap()
print(json.dumps(parts))
"""

#: A first synthesis with one plug-in, or none: what it adds, loading its code included.
PLUGIN = """
import json, sys, tempfile, time
from aws_genai.node import tune_node
tune_node()
import aws_cdk as cdk
import cdk_nag
from aws_genai.gate.synthesis import OwnRules, _cloudformation_validate
from settings import load
from stacks import assemble
context = json.load(open(sys.argv[2]))["context"]
app = cdk.App(context=context, outdir=tempfile.mkdtemp(), builtin_cloud_formation_validation=False)
assemble(app, load(sys.argv[1]))
name = sys.argv[3]
if name:
    own = {"validate": _cloudformation_validate, "rules": OwnRules}
    plugin = own[name]() if name in own else getattr(cdk_nag, name)(app, verbose=True)
    cdk.Validations.of(app).add_plugins(plugin)
started = time.perf_counter()
app.synth()
print(time.perf_counter() - started)
"""
PLUGINS = {
    "AwsSolutions": "AwsSolutionsChecks",
    "Serverless": "ServerlessChecks",
    "NIST 800-53 R5": "NIST80053R5Checks",
    "HIPAA": "HIPAASecurityChecks",
    "PCI DSS": "PCIDSS321Checks",
    "CloudFormation Validate": "validate",
    "own rules": "rules",
}


def cpu(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """CPU seconds and peak memory in MB of a command and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, _resident(process.pid))
        time.sleep(0.02)
    if process.returncode:
        sys.exit(process.stderr.read().decode() if process.stderr else "failed")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, peak


def _resident(pid: int) -> float:
    """Resident memory in MB of a process and all its descendants."""
    total, pids = 0, [pid]
    while pids:
        current = pids.pop()
        try:
            for line in Path(f"/proc/{current}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    total += int(line.split()[1])
            for task in Path(f"/proc/{current}/task").iterdir():
                pids += map(int, (task / "children").read_text().split())
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total / 1024


def main() -> None:
    """Run every measurement and print a table."""
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    # As on a user's machine, where Python keeps what it compiled.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    cdk_json = str(ROOT / "cdk.json")
    with tempfile.TemporaryDirectory() as scratch:

        def app(name: str) -> Callable[[], tuple[float, float]]:
            context = json.dumps({"environment": name})
            extra = {"CDK_CONTEXT_JSON": context, "CDK_OUTDIR": f"{scratch}/{name}"}
            # As cdk.json has it.
            return lambda: cpu([sys.executable, "-O", "app.py"], {**environment, **extra})

        def empty() -> tuple[float, float]:
            return cpu([sys.executable, "-c", EMPTY, cdk_json, f"{scratch}/empty"], environment)

        def check() -> tuple[float, float]:
            return cpu([sys.executable, "-m", "settings", "check", "reference"], environment)

        runs: dict[str, Callable[[], tuple[float, float]]] = {
            "empty": empty,
            "dev": app("dev"),
            "prod": app("prod"),
            "reference": app("reference"),
            "settings check": check,
        }
        figures: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
        for round_ in range(RUNS + 1):
            for name, run in runs.items():
                figure = run()
                if round_:
                    figures[name].append(figure)
        counts = {
            name: sum(
                len(json.loads(path.read_text())["Resources"]) for path in Path(scratch, name).glob("*.template.json")
            )
            for name in runs
        }
        print(f"{'python -O app.py':<17}{'resources':>10}{'CPU s':>8}{'x empty':>9}{'peak MB':>9}   goal")
        for name, values in figures.items():
            ratio = statistics.median(a[0] / b[0] for a, b in zip(values, figures["empty"], strict=True))
            seconds, peak = statistics.median(v[0] for v in values), statistics.median(v[1] for v in values)
            print(f"{name:<17}{counts[name]:>10}{seconds:>8.2f}{ratio:>9.2f}{peak:>9.0f}   {GOALS.get(name, '')}")
        further = statistics.median(a[0] - b[0] for a, b in zip(figures["reference"], figures["empty"], strict=True))
        each = further / counts["reference"] * 1000
        print(f"\neach further resource of reference: {each:.1f} ms   goal: at most 4 ms")
    pairs = json.loads(output(ENDPOINT, environment, cdk_json, str(ENDPOINTS)))
    per = statistics.median((many - none) / ENDPOINTS for none, many in pairs)
    print(f"each further JumpStartEndpoint, over {ENDPOINTS}: {per * 1000:.1f} ms   goal: at most 15 ms")
    parts = json.loads(output(PARTS, environment, "reference", cdk_json))
    print("\nreference, where the time goes (seconds):")
    for name, seconds in parts.items():
        print(f"  {name:<34}{seconds:6.2f}")
    writing = float(output(PLUGIN, environment, "reference", cdk_json, ""))
    print(f"    {'of which writing':<32}{writing:6.2f}")
    for name, plugin in PLUGINS.items():
        alone = float(output(PLUGIN, environment, "reference", cdk_json, plugin))
        print(f"    {name + ', alone':<32}{alone - writing:6.2f}")


def output(program: str, environment: dict[str, str], *arguments: str) -> str:
    """The last line that a program prints."""
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


if __name__ == "__main__":
    main()
