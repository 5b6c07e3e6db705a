"""The four steps of a rotation, each of which may run more than once.

At any time the API accepts what the distribution sends. A value is accepted before CloudFront sends it, and is removed
only when the distribution is deployed with another.
https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda-functions.html
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from .accepted import Accepted, RotationError
from .distribution import Distribution

CURRENT, PENDING = "AWSCURRENT", "AWSPENDING"
#: Number of random bytes of a value, which has two hexadecimal digits for each.
_BYTES = 32
_POLL_SECONDS = 10


class Rotation:
    """One rotation of a secret.

    :param client: the client of AWS Secrets Manager.
    :param secret: ARN of the secret.
    :param token: id of the version that the rotation creates.
    :param accepted: what the API accepts.
    :param distribution: what sends it.
    :param sleep: waits for a number of seconds.
    """

    def __init__(
        self,
        client: Any,  # noqa: ANN401 - boto3 has no types
        secret: str,
        token: str,
        *,
        accepted: Accepted,
        distribution: Distribution,
        sleep: Callable[[float], None],
    ) -> None:
        self._client, self._secret, self._token = client, secret, token
        self._accepted, self._distribution, self._sleep = accepted, distribution, sleep

    def done(self) -> bool:
        """Whether the version is the current one.

        :raises RotationError: if the secret has no such version in rotation.
        """
        stages = self._stages()
        found = stages.get(self._token)
        if found is None:
            raise RotationError("The secret has no version with this token")
        if CURRENT in found:
            return True
        if PENDING not in found:
            raise RotationError("The version with this token is not in rotation")
        return False

    def create(self) -> None:
        """Create the new value, unless it is there."""
        if self._pending() is None:
            self._client.put_secret_value(
                SecretId=self._secret,
                ClientRequestToken=self._token,
                SecretString=secrets.token_hex(_BYTES),
                VersionStages=[PENDING],
            )

    def set(self, propagation_seconds: float) -> None:
        """Accept the new value, and let CloudFront send it once it is accepted everywhere."""
        pending = self._pending()
        if pending is None:
            raise RotationError("The new value was not created")
        state = self._distribution.state()
        needed = [self._value(VersionStage=CURRENT), *state.sent, pending]
        if state.deployed:
            # Of rotations that did not end, only what is needed stays.
            self._accepted.only(needed)
        else:
            self._accepted.add(needed)
        if state.sent != [pending]:
            self._sleep(propagation_seconds)
            self._distribution.send(pending)

    def test(self, remaining: Callable[[], float]) -> None:
        """Wait until every edge location sends the new value.

        Secrets Manager also runs this step alone, with a version that no distribution sends, to try the configuration.

        :param remaining: the number of seconds that the function may still run.
        :raises RotationError: if CloudFront takes longer, or sends what the API does not accept.
        """
        pending, accepted = self._pending(), self._accepted.values()
        state = self._distribution.state()
        if unknown := [each for each in state.sent if each not in accepted]:
            raise RotationError(f"CloudFront sends {len(unknown)} values that the API does not accept")
        if pending is None or pending not in accepted:
            return
        while not (state.deployed and state.sent == [pending]):
            if remaining() < 3 * _POLL_SECONDS:
                raise RotationError("CloudFront is not deployed with the new value yet; both values are accepted")
            if state.sent != [pending]:
                # An update of the stack has sent the current value again.
                self._distribution.send(pending)
            self._sleep(_POLL_SECONDS)
            state = self._distribution.state()

    def finish(self) -> bool:
        """Make the new value the current one, and accept no other. Returns whether the old value was removed."""
        pending = self._value(VersionId=self._token)
        stages = self._stages()
        current = next((version for version, labels in stages.items() if CURRENT in labels), None)
        if current != self._token:
            self._client.update_secret_version_stage(
                SecretId=self._secret,
                VersionStage=CURRENT,
                MoveToVersionId=self._token,
                **({"RemoveFromVersionId": current} if current else {}),
            )
        # An update of the stack that began before has the old value.
        state = self._distribution.state()
        if state.deployed and state.sent == [pending]:
            self._accepted.only([pending])
            return True
        return False

    def _stages(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = self._client.describe_secret(SecretId=self._secret).get("VersionIdsToStages", {})
        return found

    def _value(self, **version: str) -> str:
        return str(self._client.get_secret_value(SecretId=self._secret, **version)["SecretString"])

    def _pending(self) -> str | None:
        try:
            return self._value(VersionId=self._token, VersionStage=PENDING)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            return None
