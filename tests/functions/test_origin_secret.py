"""Rotation of the secret between CloudFront and an API: at no time does CloudFront send what the API refuses."""

from __future__ import annotations

import copy
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from aws_genai.functions.origin_secret import handler
from aws_genai.functions.origin_secret.accepted import MOST, Accepted, RotationError
from aws_genai.functions.origin_secret.distribution import Distribution
from aws_genai.functions.origin_secret.service import Rotation

SECRET = "arn:aws:secretsmanager:us-east-1:111122223333:secret:origin-AbCdEf"  # noqa: S105 - an ARN
SET = "arn:aws:wafv2:us-east-1:111122223333:regional/regexpatternset/accepted/1234"
HEADER = "x-origin-verify"
OLD, TOKEN = "a" * 64, "token-2"
STEPS = ("createSecret", "setSecret", "testSecret", "finishSecret")


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "x")


class Account:
    """Secrets Manager, AWS WAF and CloudFront, whose edge locations follow a number of looks later.

    Whatever changes, it checks that the API accepts everything that some edge location sends.
    """

    def __init__(self) -> None:
        self.versions: dict[str, dict[str, Any]] = {
            "token-1": {"value": OLD, "stages": ["AWSCURRENT"]},
            TOKEN: {"value": None, "stages": ["AWSPENDING"]},
        }
        self.patterns = [f"^{OLD}$"]
        self.lock = 0
        self.config = self._config(OLD)
        self.etag = 0
        #: What edge locations may send: the configured value, and those of before until all have followed.
        self.sending = {OLD}
        self.looks = 0
        self.looks_until_deployed = 3
        self.conflicts: list[str] = []
        self.calls: list[str] = []
        self.slept: list[float] = []

    @staticmethod
    def _config(value: str) -> dict[str, Any]:
        headers = {"Quantity": 1, "Items": [{"HeaderName": "X-Origin-Verify", "HeaderValue": value}]}
        api = {"Id": "api", "DomainName": "abc.execute-api.us-east-1.amazonaws.com", "CustomHeaders": headers}
        page = {"Id": "page", "DomainName": "page.s3.us-east-1.amazonaws.com", "CustomHeaders": {"Quantity": 0}}
        return {"Comment": "kept", "Origins": {"Quantity": 2, "Items": [api, page]}}

    def check(self) -> None:
        accepted = {each.strip("^$") for each in self.patterns}
        assert self.sending <= accepted, "CloudFront sends what the API refuses"

    # AWS Secrets Manager

    def describe_secret(self, *, SecretId: str) -> dict[str, Any]:
        assert SecretId == SECRET
        return {"VersionIdsToStages": {key: list(each["stages"]) for key, each in self.versions.items()}}

    def get_secret_value(self, *, SecretId: str, VersionId: str = "", VersionStage: str = "") -> dict[str, Any]:
        for key, each in self.versions.items():
            named = key == VersionId if VersionId else VersionStage in each["stages"]
            if named and each["value"] is not None and (not VersionStage or VersionStage in each["stages"]):
                return {"SecretString": each["value"]}
        raise refused("ResourceNotFoundException")

    def put_secret_value(
        self, *, ClientRequestToken: str, SecretString: str, VersionStages: list[str], **_: str
    ) -> None:
        self.calls.append("put")
        self.versions[ClientRequestToken] = {"value": SecretString, "stages": VersionStages}

    def update_secret_version_stage(
        self, *, VersionStage: str, MoveToVersionId: str, RemoveFromVersionId: str, **_: str
    ) -> None:
        self.calls.append("current")
        self.versions[RemoveFromVersionId]["stages"] = ["AWSPREVIOUS"]
        self.versions[MoveToVersionId]["stages"] = [VersionStage]

    # AWS WAF

    def get_regex_pattern_set(self, **named: str) -> dict[str, Any]:
        assert named == {"Name": "accepted", "Id": "1234", "Scope": "REGIONAL"}
        patterns = [{"RegexString": each} for each in self.patterns]
        return {"RegexPatternSet": {"RegularExpressionList": patterns}, "LockToken": str(self.lock)}

    def update_regex_pattern_set(
        self, *, RegularExpressionList: list[dict[str, str]], LockToken: str, **_: str
    ) -> None:
        if "waf" in self.conflicts:
            self.conflicts.remove("waf")
            self.lock += 1
        if LockToken != str(self.lock):
            raise refused("WAFOptimisticLockException")
        self.calls.append("accept")
        self.lock += 1
        self.patterns = [each["RegexString"] for each in RegularExpressionList]
        self.check()

    # CloudFront

    def get_distribution(self, *, Id: str) -> dict[str, Any]:
        assert Id == "E1"
        self.looks += 1
        if self.looks >= self.looks_until_deployed:
            self.sending = {self.value}
        status = "Deployed" if self.sending == {self.value} else "InProgress"
        return {
            "ETag": str(self.etag),
            "Distribution": {"Status": status, "DistributionConfig": copy.deepcopy(self.config)},
        }

    def update_distribution(self, *, Id: str, IfMatch: str, DistributionConfig: dict[str, Any]) -> None:
        if "cloudfront" in self.conflicts:
            self.conflicts.remove("cloudfront")
            self.etag += 1
        if IfMatch != str(self.etag):
            raise refused("PreconditionFailed")
        self.calls.append("send")
        self.etag += 1
        self.config, self.looks = DistributionConfig, 0
        self.sending |= {self.value}
        self.check()

    @property
    def value(self) -> str:
        return str(self.config["Origins"]["Items"][0]["CustomHeaders"]["Items"][0]["HeaderValue"])

    def deploy(self, value: str) -> None:
        """An update of the stack, which has resolved the secret to ``value``."""
        self.config = self._config(value)
        self.etag += 1
        self.looks = 0
        self.sending |= {value}
        self.check()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.check()


@pytest.fixture
def account() -> Account:
    return Account()


def rotation(account: Account, token: str = TOKEN) -> Rotation:
    return Rotation(
        account,
        SECRET,
        token,
        accepted=Accepted(account, SET),
        distribution=Distribution(account, "E1", HEADER),
        sleep=account.sleep,
    )


def plenty() -> float:
    return 600.0


def run(account: Account, *steps: str, token: str = TOKEN) -> bool | None:
    made = rotation(account, token)
    done: bool | None = None
    for step in steps or STEPS:
        match step:
            case "createSecret":
                made.create()
            case "setSecret":
                made.set(120)
            case "testSecret":
                made.test(plenty)
            case "finishSecret":
                done = made.finish()
    return done


def test_a_rotation_accepts_then_sends_then_forgets(account: Account) -> None:
    assert run(account) is True
    new = account.value
    assert new != OLD
    assert (account.patterns, account.sending) == ([f"^{new}$"], {new})
    assert account.versions[TOKEN] == {"value": new, "stages": ["AWSCURRENT"]}
    assert account.calls == ["put", "accept", "send", "current", "accept"]
    # The new value is not sent before AWS WAF had time to accept it everywhere.
    assert account.slept[0] == 120
    # Nothing else of the distribution changes.
    assert account.config == Account._config(new) | {"Comment": "kept"} | {"Origins": account.config["Origins"]}
    assert account.config["Origins"]["Items"][1] == Account._config(OLD)["Origins"]["Items"][1]


def test_values_are_long_random_letters_and_digits(account: Account) -> None:
    other = Account()
    run(account)
    run(other)
    assert account.value != other.value
    assert len(account.value) == 64
    assert account.value.isalnum()


@pytest.mark.parametrize("step", STEPS)
def test_every_step_may_run_twice(account: Account, step: str) -> None:
    for each in STEPS:
        run(account, each)
        if each == step:
            run(account, each)
    assert account.patterns == [f"^{account.value}$"]
    assert account.calls.count("put") == account.calls.count("send") == account.calls.count("current") == 1


def test_both_values_are_accepted_until_every_edge_location_has_followed(account: Account) -> None:
    account.looks_until_deployed = 1000
    run(account, "createSecret", "setSecret")
    left = iter([100.0, 100.0, 20.0])
    with pytest.raises(RotationError, match="not deployed with the new value yet; both values are accepted"):
        rotation(account).test(lambda: next(left))
    assert len(account.patterns) == 2
    assert account.versions["token-1"]["stages"] == ["AWSCURRENT"]
    # Secrets Manager tries again later.
    account.looks_until_deployed = 1
    assert run(account) is True
    assert len(account.patterns) == 1


def test_an_update_of_the_stack_in_the_middle_is_corrected(account: Account) -> None:
    run(account, "createSecret", "setSecret")
    account.deploy(OLD)
    assert run(account, "testSecret", "finishSecret") is True
    assert account.value == account.versions[TOKEN]["value"]


def test_an_update_of_the_stack_at_the_end_leaves_both_values_accepted(account: Account) -> None:
    run(account, "createSecret", "setSecret", "testSecret")
    account.deploy(OLD)
    assert run(account, "finishSecret") is False
    assert len(account.patterns) == 2
    # The next rotation removes what is not needed any more.
    account.versions["token-3"] = {"value": None, "stages": ["AWSPENDING"]}
    assert run(account, token="token-3") is True  # noqa: S106 - the id of a version
    assert account.patterns == [f"^{account.versions['token-3']['value']}$"]


def test_the_configuration_is_tried_without_a_rotation(account: Account) -> None:
    """Secrets Manager runs this step alone, with a version that is empty or that nobody accepts."""
    run(account, "testSecret")
    account.versions[TOKEN]["value"] = "b" * 64
    run(account, "testSecret")
    assert account.calls == []


def test_a_distribution_that_is_refused_is_told(account: Account) -> None:
    account.patterns = ["^" + "c" * 64 + "$"]
    with pytest.raises(RotationError, match="CloudFront sends 1 values that the API does not accept"):
        run(account, "testSecret")


def test_a_distribution_that_sends_nothing_is_told(account: Account) -> None:
    account.config["Origins"]["Items"][0]["CustomHeaders"]["Items"][0]["HeaderName"] = "x-other"
    with pytest.raises(RotationError, match="sends no header x-origin-verify; deploy the stack"):
        run(account, "createSecret", "setSecret")
    assert account.patterns == [f"^{OLD}$"]


@pytest.mark.parametrize("who", ["waf", "cloudfront"])
def test_changes_at_the_same_time_are_read_again(account: Account, who: str) -> None:
    account.conflicts = [who, who]
    assert run(account) is True
    account = Account()
    account.conflicts = [who] * 9
    with pytest.raises(ClientError):
        run(account)
    account.check()


def test_a_value_that_is_a_pattern_is_refused(account: Account) -> None:
    account.versions[TOKEN]["value"] = ".*" * 20
    with pytest.raises(RotationError, match="not 32 to 190 letters and digits"):
        run(account, "setSecret")
    assert account.patterns == [f"^{OLD}$"]


def test_rotations_that_never_end_do_not_fill_the_set(account: Account) -> None:
    account.patterns += [f"^{letter * 40}$" for letter in "bcdefghij"]
    assert len(account.patterns) == MOST
    account.sending.add("b" * 40)  # not deployed, so nothing may be removed
    account.looks_until_deployed = 1000
    run(account, "createSecret")
    with pytest.raises(RotationError, match="10 values are accepted already"):
        run(account, "setSecret")
    # With the distribution deployed, what is not needed goes.
    account.looks_until_deployed = 1
    assert run(account) is True


@pytest.mark.parametrize(
    ("stages", "said"),
    [(None, "no version with this token"), (["AWSPREVIOUS"], "not in rotation")],
)
def test_a_token_that_is_not_in_rotation(account: Account, stages: list[str] | None, said: str) -> None:
    if stages is None:
        del account.versions[TOKEN]
    else:
        account.versions[TOKEN]["stages"] = stages
    with pytest.raises(RotationError, match=said):
        rotation(account).done()


@pytest.fixture
def handle(account: Account, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    monkeypatch.setattr(handler, "client", lambda _: account)
    monkeypatch.setattr(handler.time, "sleep", account.sleep)
    for name, value in {"DISTRIBUTION": "E1", "ACCEPTED": SET, "HEADER": HEADER, "PROPAGATION_SECONDS": "5"}.items():
        monkeypatch.setenv(name, value)
    context = SimpleNamespace(
        function_name="f",
        memory_limit_in_mb=1,
        invoked_function_arn="arn",
        aws_request_id="1",
        get_remaining_time_in_millis=lambda: 600_000,
    )

    def handled(step: str) -> None:
        handler.handler({"Step": step, "SecretId": SECRET, "ClientRequestToken": TOKEN}, context)

    return handled


def test_secrets_manager_calls_the_steps(
    account: Account, handle: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    for step in STEPS:
        handle(step)
    assert account.versions[TOKEN]["stages"] == ["AWSCURRENT"]
    assert account.patterns == [f"^{account.value}$"]
    assert account.slept[0] == 5
    # A step of a rotation that has ended changes nothing.
    calls = list(account.calls)
    handle("setSecret")
    assert account.calls == calls
    said = capsys.readouterr()
    assert account.value not in said.out + said.err
    assert OLD not in said.out + said.err


def test_an_unknown_step_is_an_error(handle: Callable[[str], None]) -> None:
    with pytest.raises(RotationError, match="no step other"):
        handle("other")
