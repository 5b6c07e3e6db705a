"""Deploys approved model packages of the model registry, unless the approver also started the training."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from .deployment import Deployment
from .people import person, trainer

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
        deployment: Deployment,
        notify: Notify,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._sagemaker, self._cloudtrail, self._group = sagemaker, cloudtrail, group
        self._deployment, self._notify, self._clock = deployment, notify, clock

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
            return "The registry does not show who approved it."
        execution = package.get("CustomerMetadataProperties", {}).get("execution", "")
        registered = package["CreationTime"]
        trained = trainer(self._cloudtrail, execution, self._started(execution, registered)) if execution else None
        if trained is None:
            if execution and self._clock() - package.get("LastModifiedTime", registered) < PATIENCE:
                raise NotYetKnownError(f"CloudTrail does not show yet who started {execution}")
            return "CloudTrail does not show who started its training."
        if not trained:
            return "Its training was started in a notebook session without a source identity."
        if trained == approver:
            return f"{approver} both trained and approved it; another person must approve."
        return None

    def _started(self, execution: str, registered: datetime) -> datetime:
        """Returns the start time of a pipeline execution, which may register a version days later.

        https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DescribePipelineExecution.html
        """
        try:
            found = self._sagemaker.describe_pipeline_execution(PipelineExecutionArn=execution)
        except ClientError as error:
            # Executions are deleted with their pipeline, versions are not.
            if error.response["Error"]["Code"] not in ("ResourceNotFound", "ValidationException"):
                raise
            return registered
        started: datetime = found["CreationTime"]
        return started
