"""Plans of GuardDuty that scan uploads for malware. Nothing is scanned here."""

from __future__ import annotations

from typing import ClassVar

from ministack.services import s3

from .base import Model, Resource, ServiceError


class MalwareProtectionPlan(Resource):
    """https://docs.aws.amazon.com/guardduty/latest/APIReference/API_CreateMalwareProtectionPlan.html"""

    type = "AWS::GuardDuty::MalwareProtectionPlan"
    attributes: ClassVar = {
        "MalwareProtectionPlanId": "{token:.20}",
        "Arn": "arn:aws:guardduty:{region}:{account}:malware-protection-plan/{token:.20}",
        "Status": "ACTIVE",
        "CreatedAt": "{now}",
    }

    def create(self, model: Model) -> Model:
        bucket = model["ProtectedResource"]["S3Bucket"].get("BucketName")
        if bucket not in s3._buckets:
            raise ServiceError(f"The S3 bucket {bucket} does not exist (Service: GuardDuty)")
        return {**super().create(model), "StatusReasons": []}
