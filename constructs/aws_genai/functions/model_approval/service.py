"""Deploys approved model packages of the model registry, unless the approver also started the training."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from .deployment import Deployment
from .people import person, trainer
from .runs import Runs, StrangeError

_log = logging.getLogger(__name__)
#: CloudTrail shows an event after some minutes. Until then, the person who started the training is unknown:
#: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html
PATIENCE = timedelta(hours=1)

Notify = Callable[[str, str], None]


class NotYetKnownError(RuntimeError):
    """CloudTrail does not show yet who started the training; Lambda retries the event."""


class Approvals:
    """Approvals in one model group of the model registry."""

    def __init__(
        self,
        sagemaker: Any,  # noqa: ANN401 - boto3 has no types
        cloudtrail: Any,  # noqa: ANN401
        group: str,
        runs: Runs,
        deployment: Deployment,
        notify: Notify,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._sagemaker, self._cloudtrail, self._group = sagemaker, cloudtrail, group
        self._runs, self._deployment, self._notify, self._clock = runs, deployment, notify, clock

    def approved(self, package_arn: str) -> str:
        """Deploys an approved version, or rejects it.

        :raises NotYetKnownError: if CloudTrail does not show yet who started the training.
        """
        package = self._sagemaker.describe_model_package(ModelPackageName=package_arn)
        if package.get("ModelPackageGroupName") != self._group:
            return "of another model group"
        # The event may be old, so the current status in the registry is used.
        if package["ModelApprovalStatus"] != "Approved":
            return "not approved"
        version = int(package["ModelPackageVersion"])
        objection = self._objection(package)
        if objection:
            self._sagemaker.update_model_package(
                ModelPackageArn=package_arn, ModelApprovalStatus="Rejected", ApprovalDescription=objection[:1024]
            )
            self._notify(
                f"Version {version} of {self._group} is not deployed", f"{objection} The version was rejected."
            )
            return "rejected"
        done = self._deployment.deploy(package_arn, version)
        self._notify(f"Version {version} of {self._group} is approved", f"The endpoint is {done}.")
        return done

    def _objection(self, package: dict[str, Any]) -> str | None:
        by = package.get("LastModifiedBy", {})
        identity = by.get("IamIdentity", {})
        source = identity.get("SourceIdentity") or by.get("UserProfileName")
        approver = person(identity.get("Arn", ""), source) if identity or source else None
        if not approver:
            return "The registry does not show which person approved it."
        try:
            run = self._runs.of(package)
        except StrangeError as error:
            return str(error)
        trained = trainer(self._cloudtrail, run.arn, run.started)
        if trained is None:
            if self._clock() - package.get("LastModifiedTime", package["CreationTime"]) < PATIENCE:
                raise NotYetKnownError(f"CloudTrail does not show yet who started {run.arn}")
            return "CloudTrail does not show who started its training."
        if not trained:
            return "Its training was started in a session that shows no person."
        if trained == approver:
            return f"{approver} both trained and approved it; another person must approve."
        return None
