"""A knowledge base is tried until Bedrock takes it, for a time that is bounded, and nothing is left of a trial."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from aws_genai.functions.custom_resource.serving import Made
from aws_genai.functions.knowledge_trial import service
from aws_genai.functions.knowledge_trial.names import TAG
from aws_genai.functions.knowledge_trial.service import LONGEST_SECONDS, Trials

REQUEST = {
    "name": "genai-handbook",
    "roleArn": "arn:aws:iam::111122223333:role/reader",
    "knowledgeBaseConfiguration": {"type": "VECTOR", "vectorKnowledgeBaseConfiguration": {"dimensions": 512}},
    "storageConfiguration": {"type": "S3_VECTORS"},
}
PROPERTIES = {"Request": json.dumps(REQUEST)}


def refused(code: str = "ValidationException", message: str = "no such index [chunks]") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "CreateKnowledgeBase")


class Agent:
    def __init__(self, *errors: Exception, statuses: tuple[str, ...] = ("CREATING", "ACTIVE")) -> None:
        self.errors, self.statuses = list(errors), list(statuses)
        self.asked, self.standing = list[dict[str, Any]](), dict[str, list[str]]()

    def create_knowledge_base(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        if self.errors:
            raise self.errors.pop(0)
        name = f"KB{len(self.asked)}"
        self.standing[name] = [*self.statuses]
        return self._shown(name)

    def get_knowledge_base(self, *, knowledgeBaseId: str) -> dict[str, Any]:
        self.standing[knowledgeBaseId].pop(0)
        return self._shown(knowledgeBaseId)

    def _shown(self, name: str) -> dict[str, Any]:
        return {"knowledgeBase": {"knowledgeBaseId": name, "status": self.standing[name][0]}}

    def delete_knowledge_base(self, *, knowledgeBaseId: str) -> None:
        del self.standing[knowledgeBaseId]


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    clock = [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    monkeypatch.setattr(service, "time", SimpleNamespace(monotonic=lambda: clock[0], sleep=sleep))
    return clock


def test_a_trial_that_stands_is_deleted_and_the_deployment_goes_on(now: list[float]) -> None:
    agent = Agent()
    assert Trials(agent).create(PROPERTIES, "t") == Made("tried")
    (asked,) = agent.asked
    assert {**REQUEST, "name": asked["name"]}.items() <= asked.items()
    assert asked["name"].startswith("genai-handbook-")
    assert agent.standing == {}
    assert now[0] == 3


@pytest.mark.parametrize(
    "error",
    [
        refused(),
        refused(message="403 security_exception"),
        refused(message="Bedrock was unable to assume the given role"),
        refused(message="The Aurora DB instance db-X is resuming after being auto-paused."),
        refused("AccessDeniedException", "not authorized to perform: iam:PassRole"),
        refused("ThrottlingException", "slow down"),
        EndpointConnectionError(endpoint_url="https://bedrock-agent"),
    ],
)
def test_what_passes_by_itself_is_waited_for(now: list[float], error: Exception) -> None:
    agent = Agent(error, error, error)
    Trials(agent).update("tried", PROPERTIES, {}, "t")
    assert len(agent.asked) == 4
    assert 30 <= now[0] < 60
    assert agent.standing == {}
    # Each try is a request of its own, and the same when CloudFormation delivers the whole again.
    tokens = [each["clientToken"] for each in agent.asked]
    assert len(set(tokens)) == 4
    again = Agent()
    Trials(again).create(PROPERTIES, "t")
    assert again.asked[0]["clientToken"] == tokens[0]


def test_the_wait_ends_and_the_knowledge_base_itself_tells_what_is_wrong(now: list[float]) -> None:
    agent = Agent(*[refused()] * 999)
    assert Trials(agent).create(PROPERTIES, "t") == Made("tried")
    # Within the five minutes of the function.
    assert LONGEST_SECONDS - 10 <= now[0] <= LONGEST_SECONDS < 290


def test_a_full_account_is_told_by_the_knowledge_base_at_once(now: list[float]) -> None:
    agent = Agent(refused("ServiceQuotaExceededException", "100 are the most"))
    Trials(agent).create(PROPERTIES, "t")
    assert (len(agent.asked), now[0]) == (1, 0)


def test_one_that_fails_while_it_is_made_is_deleted_and_tried_again(now: list[float]) -> None:
    agent = Agent(statuses=("CREATING", "FAILED"))
    Trials(agent).create(PROPERTIES, "t")
    assert len(agent.asked) > 2
    assert agent.standing == {}


def test_one_that_cannot_be_deleted_is_told_of_and_not_made_again(
    now: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    agent = Agent()

    def denied(**_: str) -> None:
        raise refused("AccessDeniedException", "no")

    agent.delete_knowledge_base = denied  # type: ignore[method-assign]
    assert Trials(agent).create(PROPERTIES, "t") == Made("tried")
    assert len(agent.asked) == 1
    assert "the trial knowledge base KB1 could not be deleted" in caplog.text


def test_names_and_tags_are_those_of_trials(now: list[float]) -> None:
    agent = Agent()
    Trials(agent).create({"Request": json.dumps({**REQUEST, "name": f"{'n' * 79}-x"})}, "t")
    (asked,) = agent.asked
    assert len(asked["name"]) <= 100
    assert "--" not in asked["name"]
    assert asked["tags"] == {TAG: "true"}
    assert 33 <= len(asked["clientToken"]) <= 256
    assert Trials(agent).delete("tried", PROPERTIES) is None
