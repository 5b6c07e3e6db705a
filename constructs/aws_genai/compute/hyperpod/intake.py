"""Submits Slurm jobs from messages of a queue: scripts that were deployed with the cluster, and no others.

A message is ``{"script": "pretrain.sbatch", "arguments": ["run-1"]}``. One that cannot be submitted stays in the queue,
which moves it to its dead-letter queue after a few attempts.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

JOBS = Path(os.environ.get("JOBS", "/opt/aws-genai/jobs"))
SCRIPT = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")
ARGUMENT = re.compile(r"^[A-Za-z0-9._/=:@+-]{1,200}$")
MOST_ARGUMENTS = 20


class RefusedError(ValueError):
    """A message that does not name a job of this cluster."""


def command(body: str) -> list[str]:
    """The command that submits the job of a message.

    :raises RefusedError: if the message names anything but a deployed script with plain arguments.
    """
    try:
        wanted = json.loads(body)
        script, arguments = wanted["script"], wanted.get("arguments", [])
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RefusedError("a message has a script and its arguments") from error
    if not isinstance(script, str) or not SCRIPT.match(script) or not (JOBS / script).is_file():
        raise RefusedError("no such script was deployed with this cluster")
    if not isinstance(arguments, list) or len(arguments) > MOST_ARGUMENTS:
        raise RefusedError(f"the arguments are a list of at most {MOST_ARGUMENTS}")
    if not all(isinstance(each, str) and ARGUMENT.match(each) for each in arguments):
        raise RefusedError("an argument has letters, digits and ._/=:@+- only")
    return ["sbatch", "--parsable", str(JOBS / script), *arguments]


def aws(*arguments: str) -> dict[str, Any]:
    """The response of a command of the AWS CLI."""
    answer = subprocess.run(["aws", *arguments, "--output", "json"], stdout=subprocess.PIPE, check=True)
    content: dict[str, Any] = json.loads(answer.stdout or b"{}")
    return content


def take(url: str) -> None:
    """Receive messages, and submit their jobs."""
    answer = aws("sqs", "receive-message", "--queue-url", url, "--wait-time-seconds", "20")
    for message in answer.get("Messages", []):
        try:
            submitted = subprocess.run(command(message["Body"]), stdout=subprocess.PIPE, check=True)
        except (RefusedError, OSError, subprocess.CalledProcessError) as error:
            print("not submitted:", error, file=sys.stderr, flush=True)
            continue
        # Deleted after the submission: a controller that fails in between submits the job again, and none is lost.
        aws("sqs", "delete-message", "--queue-url", url, "--receipt-handle", message["ReceiptHandle"])
        print("submitted as", submitted.stdout.decode().strip(), flush=True)


if __name__ == "__main__":
    queue_url = aws("sqs", "get-queue-url", "--queue-name", os.environ["QUEUE_NAME"])["QueueUrl"]
    while True:
        take(queue_url)
