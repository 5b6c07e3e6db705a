"""Deploys a version that was approved in the registry, if another person than its trainer did so."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from .deployment import Deployment
from .people import person, trainer

_log = logging.getLogger(__name__)
#: CloudTrail shows an event after some minutes; until then nobody knows who trained:
#: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html
PATIENCE = timedelta(hours=1)

Notify = Callable[[str, str], None]


class NotYetKnownError(RuntimeError):
    """CloudTrail does not tell yet who trained; the event is delivered again."""


class Approvals:
    """Approvals in one group of the model registry."""

    def __init__(
        self,
        sagemaker: Any,  # noqa: ANN401 - boto3 has no types
        cloudtrail: Any,  # noqa: ANN401
        group: str,
        deployment: Deployment,
        notify: Notify,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._sagemaker, self._cloudtrail, self._group = sagemaker, cloudtrail, group
        self._deployment, self._notify, self._clock = deployment, notify, clock

    def approved(self, package_arn: str) -> str:
        """Deploy a version that was approved, or take the approval back.

        :raises NotYetKnownError: if it cannot be said yet who trained it.
        """
        package = self._sagemaker.describe_model_package(ModelPackageName=package_arn)
        if package.get("ModelPackageGroupName") != self._group:
            return "not ours"
        # The event may be an old one: what counts is what the registry says now.
        if package["ModelApprovalStatus"] != "Approved":
            return "not approved"
        version = int(package["ModelPackageVersion"])
        objection = self._objection(package)
        if objection:
            self._sagemaker.update_model_package(
                ModelPackageArn=package_arn, ModelApprovalStatus="Rejected", ApprovalDescription=objection[:1024]
            )
            self._notify(
                f"Version {version} of {self._group} is not deployed", f"{objection} Its approval was taken back."
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
            return "The registry does not say who approved it."
        execution = package.get("CustomerMetadataProperties", {}).get("execution", "")
        registered = package["CreationTime"]
        trained = trainer(self._cloudtrail, execution, self._started(execution, registered)) if execution else None
        if trained is None:
            if execution and self._clock() - package.get("LastModifiedTime", registered) < PATIENCE:
                raise NotYetKnownError(f"CloudTrail does not tell yet who started {execution}")
            return "Nobody can tell who trained it."
        if not trained:
            return "It was trained in a notebook whose session names nobody."
        if trained == approver:
            return f"{approver} trained and approved it; another person has to approve."
        return None

    def _started(self, execution: str, registered: datetime) -> datetime:
        """When a run was started, which may be days before it registered a version: training and Spot capacity last.

        https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribePipelineExecution.html
        """
        try:
            found = self._sagemaker.describe_pipeline_execution(PipelineExecutionArn=execution)
        except ClientError as error:
            # Runs go with their pipeline; a version outlives both.
            if error.response["Error"]["Code"] not in ("ResourceNotFound", "ValidationException"):
                raise
            return registered
        started: datetime = found["CreationTime"]
        return started
