"""The audit trail and the VPC's flow logs, in the emulator's own CloudTrail and EC2."""

from __future__ import annotations

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudtrail, ec2, s3

from .base import Model, Resource, ServiceError, answer

#: Properties that have another name in CreateTrail, or none.
_RENAMED = {
    "TrailName": "Name",
    "KMSKeyId": "KmsKeyId",
    "CloudWatchLogsLogGroupArn": "CloudWatchLogsLogGroupArn",
}
_SELECTORS = ("EventSelectors", "AdvancedEventSelectors")


class Trail(Resource):
    """https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_CreateTrail.html"""

    type = "AWS::CloudTrail::Trail"
    name = "TrailName"
    name_limit = 128
    service = True

    def create(self, model: Model) -> Model:
        if model["S3BucketName"] not in s3._buckets:
            raise ServiceError(f"S3 bucket {model['S3BucketName']} does not exist! (Service: CloudTrail)")
        made = answer(cloudtrail._create_trail(_request(model)))
        self._settle(model)
        return {**model, "Arn": made["TrailARN"], **_topic(model)}

    def update(self, old: Model, new: Model) -> Model:
        answer(cloudtrail._update_trail(_request(new)))
        self._settle(new)
        return {**new, **_topic(new)}

    def delete(self, model: Model) -> None:
        answer(cloudtrail._delete_trail({"Name": model["TrailName"]}))

    def tag(self, model: Model) -> None:
        tags = {each["Key"]: each["Value"] for each in model.get("Tags", [])}
        cloudtrail._trail_tags[model["Arn"]] = tags

    def _settle(self, model: Model) -> None:
        logs = cloudtrail._start_logging if str(model["IsLogging"]).lower() == "true" else cloudtrail._stop_logging
        answer(logs({"Name": model["TrailName"]}))
        chosen = {key: model[key] for key in _SELECTORS if model.get(key)}
        if chosen:
            answer(cloudtrail._put_event_selectors({"TrailName": model["TrailName"], **chosen}))


def _topic(model: Model) -> Model:
    name = model.get("SnsTopicName", "")
    arn = name if name.startswith("arn:") else f"arn:aws:sns:{get_region()}:{get_account_id()}:{name}"
    return {"SnsTopicArn": arn} if name else {}


def _request(model: Model) -> Model:
    return {_RENAMED.get(key, key): value for key, value in model.items() if key not in ("IsLogging", *_SELECTORS)}


class FlowLog(Resource):
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateFlowLogs.html"""

    type = "AWS::EC2::FlowLog"
    service = True

    def create(self, model: Model) -> Model:
        known = {"VPC": ec2._vpcs, "Subnet": ec2._subnets}.get(model["ResourceType"])
        if known is not None and model["ResourceId"] not in known:
            raise ServiceError(f"The {model['ResourceType']} {model['ResourceId']} does not exist (Service: Ec2)")
        before = set(ec2._flow_logs)
        plain = {key: [value] for key, value in model.items() if isinstance(value, str) and key != "ResourceId"}
        ec2._create_flow_logs({**plain, "ResourceId.1": [model["ResourceId"]]})
        (made,) = set(ec2._flow_logs) - before
        return {**model, "Id": made}

    def tag(self, model: Model) -> None:
        ec2._tags[model["Id"]] = [dict(tag) for tag in model.get("Tags", [])]

    def delete(self, model: Model) -> None:
        ec2._delete_flow_logs({"FlowLogId.1": [model["Id"]]})
