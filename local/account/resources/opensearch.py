"""Collections of OpenSearch Serverless, their policies and indexes, which are records.

https://docs.aws.amazon.com/opensearch-service/latest/developerguide/serverless-overview.html
"""

from __future__ import annotations

import json
from typing import ClassVar

from .base import Model, Resource, ServiceError, instances


class SecurityPolicy(Resource):
    """https://docs.aws.amazon.com/opensearch-service/latest/ServerlessAPIReference/API_CreateSecurityPolicy.html"""

    type = "AWS::OpenSearchServerless::SecurityPolicy"

    def create(self, model: Model) -> Model:
        _parsed(model)
        return super().create(model)


class AccessPolicy(Resource):
    """https://docs.aws.amazon.com/opensearch-service/latest/ServerlessAPIReference/API_CreateAccessPolicy.html"""

    type = "AWS::OpenSearchServerless::AccessPolicy"

    def create(self, model: Model) -> Model:
        _parsed(model)
        return super().create(model)


class Collection(Resource):
    """https://docs.aws.amazon.com/opensearch-service/latest/ServerlessAPIReference/API_CreateCollection.html"""

    type = "AWS::OpenSearchServerless::Collection"
    attributes: ClassVar = {
        "Id": "{token}",
        "Arn": "arn:aws:aoss:{region}:{account}:collection/{token}",
        "CollectionEndpoint": "https://{token}.{region}.aoss.amazonaws.com",
        "KmsKeyArn": "auto",
        "DashboardEndpoint": "https://{token}.{region}.aoss.amazonaws.com/_dashboards",
    }

    def create(self, model: Model) -> Model:
        policies = [each for each in instances(SecurityPolicy.type) if each["Type"] == "encryption"]
        if not any(f"collection/{model['Name']}" in each["Policy"] for each in policies):
            raise ServiceError(f"No matching security policy of encryption type found for collection {model['Name']}")
        return super().create(model)


class Index(Resource):
    """https://docs.aws.amazon.com/opensearch-service/latest/developerguide/serverless-vector-search.html"""

    type = "AWS::OpenSearchServerless::Index"
    attributes: ClassVar = {"Uuid": "{token}"}

    def create(self, model: Model) -> Model:
        if not any(each["CollectionEndpoint"] == model["CollectionEndpoint"] for each in instances(Collection.type)):
            raise ServiceError(f"No collection answers at {model['CollectionEndpoint']}")
        return super().create(model)


def _parsed(model: Model) -> None:
    try:
        json.loads(model["Policy"])
    except ValueError as error:
        raise ServiceError(f"Policy json is invalid, error: {error}") from error
