"""Models are asked through the guardrail, compared, and told of where they were lost; nothing is done twice."""

from __future__ import annotations

import io
import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from aws_genai.functions.chat.service import Limits
from aws_genai.functions.evaluation.names import MOST_QUESTIONS
from aws_genai.functions.evaluation.questions import parse
from aws_genai.functions.evaluation.report import Compared, chart, table
from aws_genai.functions.evaluation.service import Evaluations, Plan
from aws_genai.functions.jobs.steps import RefusedError, TryAgainError, serve
from aws_genai.functions.waking import database

CHEAP, DEAR = "amazon.nova-micro-v1:0", "amazon.nova-pro-v1:0"
QUESTIONS = "".join(
    json.dumps({"prompt": f"What is {n}?", "referenceResponse": f"{n} is a number"}) + "\n" for n in range(4)
)


class NoSuchKeyError(Exception):
    pass


class S3:
    exceptions = SimpleNamespace(NoSuchKey=NoSuchKeyError)

    def __init__(self, objects: dict[str, str]) -> None:
        self.objects = objects

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        if Key not in self.objects:
            raise self.exceptions.NoSuchKey(Key)
        return {"Body": io.BytesIO(self.objects[Key].encode())}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str) -> None:
        self.objects[Key] = Body.decode()

    def get_paginator(self, _name: str) -> S3:
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:
        yield {"Contents": [{"Key": key} for key in sorted(self.objects) if key.startswith(Prefix)]}


class Models:
    """Answers in a sentence that is right for the dear model only; blocks what asks for 3."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.error: ClientError | None = None

    def converse(self, **request: Any) -> dict[str, Any]:
        self.requests.append(request)
        if self.error:
            raise self.error
        asked = request["messages"][0]["content"]
        text = asked[-1].get("text") or asked[-1]["guardContent"]["text"]["text"]
        number = text.removeprefix("What is ").removesuffix("?")
        blocked = number == "3"
        answer = f"{number} is a number" if request["modelId"] == DEAR else "I do not know"
        return {
            "output": {"message": {"content": [{"text": "No." if blocked else answer}]}},
            "stopReason": "guardrail_intervened" if blocked else "end_turn",
            "usage": {"inputTokens": 100, "outputTokens": 10},
        }

    def retrieve(self, **request: Any) -> dict[str, Any]:
        assert request["retrievalConfiguration"]["vectorSearchConfiguration"]["filter"]
        return {
            "retrievalResults": [
                {"content": {"text": "numbers count"}, "metadata": {"group_staff": True, "document": "n.md"}},
                {"content": {"text": "secret"}, "metadata": {"group_hr": True, "document": "s.md"}},
            ]
        }


class Bedrock:
    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.status = "InProgress"

    def create_evaluation_job(self, **request: Any) -> dict[str, str]:
        self.jobs.setdefault(request["clientRequestToken"], request)
        return {"jobArn": f"arn:job/{request['jobName']}"}

    def get_evaluation_job(self, *, jobIdentifier: str) -> dict[str, Any]:
        return {"status": self.status, "failureMessages": ["the judge is out"]}


@pytest.fixture
def made() -> dict[str, Any]:
    models = Models()
    s3 = S3({"questions/numbers.jsonl": QUESTIONS})
    return {"s3": s3, "bedrock": Bedrock(), "bedrock-runtime": models, "bedrock-agent-runtime": models}


def evaluations(made: dict[str, Any], **options: Any) -> Evaluations:
    inference = {"inferenceConfig": {"maxTokens": 100, "temperature": 0}}
    limits = Limits({DEAR: inference, CHEAP: inference}, {}, "guard", "1", "Be brief.")
    plan: dict[str, Any] = {
        "name": "numbers",
        "bucket": "b",
        "limits": limits,
        "prices": {DEAR: (1.0, 10.0), CHEAP: (0.1, 1.0)},
    }
    ticks = iter(range(1, 10_000))
    return Evaluations(Plan(**{**plan, **options}), lambda name: made[name], clock=lambda: next(ticks) / 8)


def through(work: Evaluations, run: str = "r1") -> dict[str, Any]:
    """What a state machine does."""
    jobs = serve({"step": "prepare", "run": run, "given": {}}, work)["jobs"]
    left = []
    for job in jobs:
        job = serve({"step": "start", "run": run, "job": job}, work)
        if job["state"] == "running":
            job = serve({"step": "look", "run": run, "job": job}, work)
        left.append(job)
    return serve({"step": "finish", "run": run, "jobs": left}, work)


def report(made: dict[str, Any], run: str = "r1") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(made["s3"].objects[f"reports/numbers/{run}/report.json"])
    return found


def test_quality_latency_and_price_stand_side_by_side(made: dict[str, Any]) -> None:
    outcome = through(evaluations(made, thresholds={"f1": 0.9, "usd_per_answer": 0.001}))
    assert outcome == {"passed": True, "reason": "", "report": "reports/numbers/r1/"}
    dear, cheap = report(made)["models"]
    assert dear["figures"]["f1"] == 1
    assert cheap["figures"]["f1"] < 0.5
    assert dear["figures"]["usd_per_answer"] == pytest.approx(200e-6)
    assert cheap["figures"]["usd_per_answer"] == pytest.approx(20e-6)
    assert dear["figures"]["blocked_percent"] == 25
    assert dear["figures"]["latency_ms"] > 0
    assert all(each["guardrailConfig"]["guardrailIdentifier"] == "guard" for each in made["bedrock-runtime"].requests)
    markdown = made["s3"].objects["reports/numbers/r1/report.md"]
    assert f"|  | {DEAR} | {CHEAP} | threshold |" in markdown
    assert "| f1 | 1 |" in markdown
    assert "at most 0.001" in markdown


def test_a_threshold_fails_the_run_and_says_why(made: dict[str, Any]) -> None:
    outcome = through(evaluations(made, thresholds={"blocked_percent": 10, "f1": 0.5}))
    assert not outcome["passed"]
    assert outcome["reason"] == f"blocked_percent of {DEAR} is 25, above 10"
    outcome = through(evaluations(made, thresholds={"rouge_l": 1.1, "Correctness": 0.5}), "r2")
    assert outcome["reason"] == f"{DEAR} has no Correctness; rouge_l of {DEAR} is 1, below 1.1"


def test_a_judge_reads_what_users_would_and_its_means_are_shown(made: dict[str, Any]) -> None:
    work = evaluations(made, judge="judge", metrics=("Correctness",), role_arn="role", key_arn="key")
    jobs = work.prepare("r1", {})
    first = work.start("r1", jobs[0])
    assert first["state"] == "running"
    (asked,) = made["bedrock"].jobs.values()
    config = asked["evaluationConfig"]["automated"]
    assert config["datasetMetricConfigs"][0]["metricNames"] == ["Builtin.Correctness"]
    source = asked["inferenceConfig"]["models"][0]["precomputedInferenceSource"]["inferenceSourceIdentifier"]
    lines = [json.loads(line) for line in made["s3"].objects["runs/r1/0/answers.jsonl"].splitlines()]
    # What was blocked is not judged.
    assert len(lines) == 3
    assert lines[0]["modelResponses"] == [{"response": "0 is a number", "modelIdentifier": source}]
    assert lines[0]["referenceResponse"] == "0 is a number"
    assert work.look("r1", first)["state"] == "running"
    made["bedrock"].status = "Completed"
    scores = [{"metricName": "Builtin.Correctness", "result": value} for value in (0.5, 1.0, None)]
    body = "".join(json.dumps({"automatedEvaluationResult": {"scores": [each]}}) + "\n" for each in scores)
    made["s3"].objects["runs/r1/0/judged/job/id/x_output.jsonl"] = body
    done = work.look("r1", first)
    assert done["state"] == "done"
    assert work.finish("r1", [done])["passed"]
    assert report(made)["models"][0]["figures"]["Correctness"] == 0.75


def test_documents_that_the_groups_may_read_are_answered_from_and_judged_with(made: dict[str, Any]) -> None:
    work = evaluations(
        made, judge="judge", metrics=("Faithfulness",), knowledge_base="kb", groups=("staff",), role_arn="r"
    )
    work.start("r1", work.prepare("r1", {})[0])
    (asked,) = made["bedrock"].jobs.values()
    assert asked["applicationType"] == "RagEvaluation"
    (config,) = asked["inferenceConfig"]["ragConfigs"]
    assert "retrieveAndGenerateSourceConfig" in config["precomputedRagSourceConfig"]
    text = made["s3"].objects["runs/r1/0/answers.jsonl"]
    assert "numbers count" in text
    assert "secret" not in text
    turn = json.loads(text.splitlines()[0])["conversationTurns"][0]
    assert turn["referenceResponses"] == [{"content": [{"text": "0 is a number"}]}]


def test_delivered_twice_a_judge_begins_once(made: dict[str, Any]) -> None:
    work = evaluations(made, judge="judge", metrics=("Correctness",))
    job = work.prepare("r1", {})[0]
    assert work.start("r1", job) == work.start("r1", job)
    assert len(made["bedrock"].jobs) == 1
    # Another run is another job.
    work.prepare("r2", {})
    work.start("r2", job)
    assert len(made["bedrock"].jobs) == 2


def test_a_model_that_is_lost_is_told_of_beside_the_others(made: dict[str, Any]) -> None:
    work = evaluations(made)
    jobs = work.prepare("r1", {})
    lost = {"state": "failed", "job": jobs[1], "reason": json.dumps({"errorMessage": "it was throttled"})}
    outcome = work.finish("r1", [work.start("r1", jobs[0]), lost])
    assert outcome["reason"] == f"{CHEAP} was not evaluated: it was throttled"
    assert f"- {CHEAP}: it was throttled" in made["s3"].objects["reports/numbers/r1/report.md"]


def test_a_judge_that_fails_is_told_of(made: dict[str, Any]) -> None:
    made["bedrock"].status = "Failed"
    outcome = through(evaluations(made, judge="judge", metrics=("Correctness",)))
    assert "the judge's job is Failed: the judge is out" in outcome["reason"]


def test_a_judge_that_somebody_stopped_is_not_started_again(made: dict[str, Any]) -> None:
    work = evaluations(made, judge="judge", metrics=("Correctness",))
    job = work.start("r1", work.prepare("r1", {})[0])
    made["bedrock"].status = "Stopping"
    assert work.look("r1", job)["state"] == "running"
    made["bedrock"].status = "Stopped"
    stopped = work.look("r1", job)
    assert (stopped["state"], stopped["reason"]) == ("failed", "the judge's job is Stopped: the judge is out")
    assert len(made["bedrock"].jobs) == 1


def test_throttling_ends_the_step_so_that_it_is_tried_again(made: dict[str, Any]) -> None:
    work = evaluations(made)
    job = work.prepare("r1", {})[0]
    made["bedrock-runtime"].error = ClientError({"Error": {"Code": "ThrottlingException"}}, "Converse")
    with pytest.raises(TryAgainError):
        work.start("r1", job)
    made["bedrock-runtime"].error = None
    assert work.start("r1", job)["state"] == "done"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "has no prompts"),
        ("{}", "line 1"),
        ('{"prompt": 3}', "line 1: prompt and referenceResponse must be strings"),
        ('{"prompt": "a"}\n[1]', "line 2"),
        ('{"prompt": "a"}\n' * (MOST_QUESTIONS + 1), f"the maximum is {MOST_QUESTIONS}"),
    ],
    ids=["empty", "no prompt", "number", "list", "too many"],
)
def test_odd_data_sets_are_refused_by_the_line(text: str, words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        parse(text, "s3://b/q.jsonl")


def test_a_data_set_that_is_not_there_or_cannot_be_compared_is_refused(made: dict[str, Any]) -> None:
    with pytest.raises(RefusedError, match=r"s3://b/other.jsonl does not exist"):
        evaluations(made).prepare("r1", {"data_set": "other.jsonl"})
    made["s3"].objects["questions/numbers.jsonl"] = '{"prompt": "a"}\n'
    with pytest.raises(RefusedError, match="which f1 needs"):
        evaluations(made, thresholds={"f1": 0.5}).prepare("r1", {})


def test_a_judge_of_answers_from_documents_needs_an_expected_answer_to_each(made: dict[str, Any]) -> None:
    documents: dict[str, Any] = {"knowledge_base": "kb", "groups": ("staff",)}
    whole = json.dumps({"prompt": "a", "referenceResponse": "b"})
    made["s3"].objects["questions/numbers.jsonl"] = f'{whole}\n{{"prompt": "a"}}\n{{"prompt": "c"}}\n'
    judged = evaluations(made, judge="judge", metrics=("Correctness",), **documents)
    with pytest.raises(RefusedError, match="has 2 questions without a referenceResponse, the first of them question 2"):
        judged.prepare("r1", {})
    # Nothing else needs one.
    assert evaluations(made, **documents).prepare("r1", {})
    assert evaluations(made, judge="judge", metrics=("Correctness",)).prepare("r1", {})


def test_documents_that_cannot_be_searched_now_are_searched_again(
    made: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    work = evaluations(made, knowledge_base="kb", groups=("staff",))
    job, slept = work.prepare("r1", {})[0], list[float]()
    monkeypatch.setattr(database, "time", SimpleNamespace(sleep=slept.append))
    message = "The Aurora DB instance db-X is resuming after being auto-paused."
    error = ClientError({"Error": {"Code": "ValidationException", "Message": message}}, "Retrieve")

    def asleep(**_: Any) -> None:
        raise error

    found = made["bedrock-agent-runtime"].retrieve
    made["bedrock-agent-runtime"].retrieve = asleep
    # Not lost: the state machine tries the step again.
    with pytest.raises(TryAgainError, match="being woken up"):
        work.start("r1", job)
    assert set(slept) == set(database.PATIENT)
    made["bedrock-agent-runtime"].retrieve = found
    assert work.start("r1", job)["state"] == "done"


def test_what_is_no_step_is_refused(made: dict[str, Any]) -> None:
    with pytest.raises(RefusedError, match="dance is not a step"):
        serve({"step": "dance", "run": "r1"}, evaluations(made))


def test_the_chart_is_an_svg_and_the_table_escapes_nothing_away() -> None:
    compared = [Compared("a<b", {"f1": 0.5, "latency_ms": 100}), Compared("c", {"f1": 1.0}, "lost")]
    root = ElementTree.fromstring(chart("n", compared))  # noqa: S314 - made a line above
    texts = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert "a<b" in texts
    assert "0.5" in texts
    widths = [float(each.attrib["width"]) for each in root.iter("{http://www.w3.org/2000/svg}rect")]
    assert widths[-4:] == [210.0, 420.0, 420.0, 0.0]
    assert "- c: lost" in table("n", compared, {})
