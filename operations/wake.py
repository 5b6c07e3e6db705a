"""Wake an endpoint that the sweeper stopped: ``make wake NAME=genai-prod-llama ENV=prod``."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from settings import Settings, SettingsError, load, told

from .naming import UnnamedError, named

#: The responses of the sweeper's function, and the messages for the user.
_TOLD = {
    "waking": "{name} is being restored. It is in service in some minutes.",
    "not swept": "{name} was not stopped by the sweeper: it is in service, or it belongs to another environment.",
}


class WakeError(Exception):
    """The endpoint could not be woken; the message says what to do."""


def wake(name: str, environment: str) -> str:
    """Invoke the sweeper of an environment to wake an endpoint. Return its response.

    :raises UnnamedError: if the settings have no such endpoint.
    :raises WakeError: if the environment has no sweeper, or it failed.
    """
    settings = load(environment)
    whole = f"{settings.prefix}-{name}"
    name = named(
        whole if whole in _endpoints(settings) else name,
        _endpoints(settings),
        settings,
        what="endpoint",
        option="NAME",
        where="models.endpoints",
    )
    session = boto3.Session(region_name=settings.region)
    function = _function(session, f"{settings.prefix}-hosting")
    answer = session.client("lambda").invoke(FunctionName=function, Payload=json.dumps({"wake": name}).encode())
    content = json.loads(answer["Payload"].read())
    if answer.get("FunctionError"):
        raise WakeError(f"The sweeper failed: {content.get('errorMessage', content)}. Read the log of {function}")
    return str(content[name])


def _endpoints(settings: Settings) -> list[str]:
    """The endpoints of an environment by their physical names."""
    models = settings.models
    tuned = models.fine_tuning.pipelines if models and models.fine_tuning else {}
    return [f"{settings.prefix}-{name}" for name in (*(models.endpoints if models else ()), *tuned)]


def _function(session: Any, stack: str) -> str:  # noqa: ANN401 - boto3 has no types
    outputs = session.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0].get("Outputs", [])
    found = [each["OutputValue"] for each in outputs if each["OutputKey"].startswith("IdleFunctionName")]
    if not found:
        raise WakeError(f"The stack {stack} has no sweeper. Add models.idle to its settings and deploy")
    return str(found[0])


def main(arguments: list[str] | None = None) -> int:
    """Wake one endpoint. Return 0 if it is starting, 2 with one message on failure."""
    parser = argparse.ArgumentParser(prog="python -m operations.wake", description=__doc__)
    parser.add_argument("name", nargs="?", default="", help="name of the endpoint")
    parser.add_argument("--environment", default="dev")
    chosen = parser.parse_args(arguments)
    try:
        said = wake(chosen.name, chosen.environment)
    except (SettingsError, UnnamedError, WakeError) as error:
        print(error, file=sys.stderr)
        return 2
    except (BotoCoreError, ClientError) as error:
        print(f"AWS did not answer: {error}. Sign in with an account that has this environment.", file=sys.stderr)
        return 2
    print(_TOLD.get(said, said).format(name=chosen.name), file=sys.stdout if said == "waking" else sys.stderr)
    return 0 if said == "waking" else 2


if __name__ == "__main__":
    sys.exit(told(main))
