"""What a distribution needs besides itself: accepted values, the rotation of a secret, and deliveries of access logs.

The emulator has the services. It delivers no access logs of distributions.
"""

from __future__ import annotations

from typing import Any

from ministack.services import cloudwatch_logs, secretsmanager, waf
from ministack.services.cloudformation import provisioners

from .base import Model, Resource, answer

_SECRET = "AWS::SecretsManager::Secret"  # noqa: S105 - a type


def install() -> None:
    """Refer to a secret by its ARN, and generate it as the template says.

    The emulator refers to it by its name, and ignores which characters it must not have.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-secretsmanager-secret.html
    """
    handler = provisioners._RESOURCE_HANDLERS[_SECRET]
    create, update, delete = handler["create"], handler["update"], handler["delete"]

    def created(logical_id: str, properties: Model, stack: str) -> tuple[str, Model]:
        _, attributes = create(logical_id, _generated(properties), stack)
        return attributes["Arn"], attributes

    def updated(identifier: str, *arguments: Any) -> tuple[str, Model]:
        _, attributes = update(_name(identifier), *arguments)
        return attributes["Arn"], attributes

    handler |= {
        "create": created,
        "update": updated,
        "delete": lambda identifier, properties: delete(_name(identifier), properties),
    }


def _generated(properties: Model) -> Model:
    """The properties with a value for what is to be generated, unless it is a part of JSON."""
    wanted = properties.get("GenerateSecretString")
    if wanted is None or "GenerateStringKey" in wanted:
        return properties
    made = answer(secretsmanager._get_random_password(wanted))["RandomPassword"]
    return {
        **{name: value for name, value in properties.items() if name != "GenerateSecretString"},
        "SecretString": made,
    }


def _name(identifier: str) -> str:
    _, secret = secretsmanager._resolve(identifier)
    return str(secret["Name"]) if secret else identifier


class RegexPatternSet(Resource):
    """https://docs.aws.amazon.com/waf/latest/APIReference/API_RegexPatternSet.html"""

    type = "AWS::WAFv2::RegexPatternSet"
    name = "Name"
    name_limit = 128
    service = True

    def create(self, model: Model) -> Model:
        made = answer(waf._create_regex_pattern_set({**model, **_patterns(model)}))["Summary"]
        return {**model, "Arn": made["ARN"], "Id": made["Id"]}

    def update(self, old: Model, new: Model) -> Model:
        answer(waf._update_regex_pattern_set({**_named(new), **_patterns(new)}))
        return new

    def delete(self, model: Model) -> None:
        answer(waf._delete_regex_pattern_set(_named(model)))


def _patterns(model: Model) -> Model:
    """CloudFormation takes patterns as strings, the API as objects."""
    return {"RegularExpressionList": [{"RegexString": each} for each in model["RegularExpressionList"]]}


def _named(model: Model) -> Model:
    found = {"Id": model["Id"], "Scope": model["Scope"]}
    return {**found, "LockToken": answer(waf._get_regex_pattern_set(found))["LockToken"]}


class RotationSchedule(Resource):
    """https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_RotateSecret.html

    Secrets are rotated when they are asked to be; the schedule is kept.
    """

    type = "AWS::SecretsManager::RotationSchedule"
    service = True

    def create(self, model: Model) -> Model:
        self._secret(model).update(
            RotationEnabled=True, RotationLambdaARN=model["RotationLambdaARN"], RotationRules=model.get("RotationRules")
        )
        return {**model, "Id": model["SecretId"]}

    def update(self, old: Model, new: Model) -> Model:
        return self.create(new)

    def delete(self, model: Model) -> None:
        _, secret = secretsmanager._resolve(model["SecretId"])
        if secret:
            secret["RotationEnabled"] = False

    def _secret(self, model: Model) -> dict[str, Any]:
        answer(secretsmanager._describe_secret({"SecretId": model["SecretId"]}))
        found: dict[str, Any] = secretsmanager._resolve(model["SecretId"])[1]
        return found


class DeliverySource(Resource):
    """https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutDeliverySource.html"""

    type = "AWS::Logs::DeliverySource"
    name = "Name"
    name_limit = 60
    service = True

    def create(self, model: Model) -> Model:
        given = {"name": model["Name"], "resourceArn": model["ResourceArn"], "logType": model["LogType"]}
        made = answer(cloudwatch_logs._put_delivery_source(given))["deliverySource"]
        return {**model, "Arn": made["arn"], "Service": made["service"], "ResourceArns": made["resourceArns"]}

    def update(self, old: Model, new: Model) -> Model:
        return self.create(new)

    def delete(self, model: Model) -> None:
        answer(cloudwatch_logs._delete_delivery_source({"name": model["Name"]}))


class DeliveryDestination(Resource):
    """https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutDeliveryDestination.html"""

    type = "AWS::Logs::DeliveryDestination"
    name = "Name"
    name_limit = 60
    service = True

    def create(self, model: Model) -> Model:
        target = {"destinationResourceArn": model["DestinationResourceArn"]}
        given = {"name": model["Name"], "deliveryDestinationConfiguration": target}
        if "OutputFormat" in model:
            given["outputFormat"] = model["OutputFormat"]
        made = answer(cloudwatch_logs._put_delivery_destination(given))["deliveryDestination"]
        return {**model, "Arn": made["arn"], "DeliveryDestinationType": made["deliveryDestinationType"]}

    def update(self, old: Model, new: Model) -> Model:
        return self.create(new)

    def delete(self, model: Model) -> None:
        answer(cloudwatch_logs._delete_delivery_destination({"name": model["Name"]}))


class Delivery(Resource):
    """https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_CreateDelivery.html"""

    type = "AWS::Logs::Delivery"
    service = True

    def create(self, model: Model) -> Model:
        given = {"deliverySourceName": model["DeliverySourceName"]}
        given["deliveryDestinationArn"] = model["DeliveryDestinationArn"]
        made = answer(cloudwatch_logs._create_delivery(given))["delivery"]
        kind = made.get("deliveryDestinationType", "S3")
        return {**model, "DeliveryId": made["id"], "Arn": made["arn"], "DeliveryDestinationType": kind}

    def delete(self, model: Model) -> None:
        answer(cloudwatch_logs._delete_delivery({"id": model["DeliveryId"]}))
