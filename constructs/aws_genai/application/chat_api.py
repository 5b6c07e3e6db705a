"""A chat endpoint in front of the guarded models."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, TypeVar

from aws_cdk import (
    CfnOutput,
    CfnResource,
    RemovalPolicy,
    Stack,
    aws_apigateway as apigateway,
    aws_lambda as lambda_,
    aws_logs as logs,
)
from constructs import Construct

from ..data.bedrock import BedrockCatalogue, check_chat, check_waited
from ..data.concurrency import SECONDS_PER_ANSWER, check_concurrency, concurrency_of
from ..foundation.alarms import AlarmTopic, alarm
from ..foundation.key import DataKey
from ..foundation.pseudo import ACCOUNT_ID, PARTITION, REGION, URL_SUFFIX
from ..gate.acknowledgement import acknowledge, compliance
from ..models.access.inference import Inference, requests_of
from ..models.access.model_access import ModelAccess
from ..packaging import PythonFunction
from .api_logging import api_gateway_logging
from .firewall import Firewall
from .gateway_errors import GATEWAY_ERRORS
from .identity import Identity

if TYPE_CHECKING:
    from ..data.bedrock_parameters import ModelParameters
    from ..foundation.network import PrivateNetwork
    from ..models.access.application_profiles import ApplicationProfiles
    from ..models.knowledge.knowledge_base import KnowledgeBase
    from .usage_budget import UsageBudget

_Made = TypeVar("_Made", bound=CfnResource)

STAGE = "v1"


class ChatApi(Construct):
    """A REST API that answers questions of signed-in users through the guardrail.

    Requests are validated, throttled and authorized before any code runs; the function behind it may call the
    models of the access and nothing else. ``POST /v1/chat`` takes what ``request.schema.json`` describes.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-integrate-with-cognito.html

    Example::

        import aws_cdk as cdk
        from aws_genai.application import ChatApi, Firewall, Identity
        from aws_genai.models import Guardrail, ModelAccess
        from aws_genai.foundation import AlarmTopic, CostTags, DataKey
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Chat", env=cdk.Environment(region="us-east-1"))
        key = DataKey(stack, "Key", description="Chat")
        key.allow_logs()
        guardrail = Guardrail(stack, "Guardrail", name="assistant", key=key)
        ChatApi(
            stack,
            "Chat",
            name="assistant",
            access=ModelAccess(stack, "Access", models=["amazon.nova-lite-v1:0"], guardrail=guardrail),
            identity=Identity(stack, "Users", pool_name="assistant"),
            firewall=Firewall(stack, "Firewall", name="assistant", key=key),
            key=key,
            topic=AlarmTopic(stack, "Alarms", key=key),
        )
        app.synth()

    :param name: name of the API, 1 to 128 characters.
    :param access: the models and the guardrail.
    :param identity: whose users may call.
    :param firewall: what requests pass first.
    :param key: encrypts the logs.
    :param topic: told of every alarm.
    :param models: the models offered, the first by default. Default: all of the access.
    :param inference: bounds of what a caller may ask. Default: :class:`Inference` without arguments.
    :param parameters: knobs of single models, which go before ``inference``. Default: none.
    :param profiles: the application's own names of the models, to which costs are attributed. Default: none.
    :param knowledge: documents that questions are answered from, as far as a user's groups may read them. Default:
        none.
    :param budget: how much each user may ask in a day. Default: as much as they like.
    :param account_log_role: whether to set the role under which API Gateway writes logs, of which an account and Region
        has one: without it, the logs need one that another stack has set. Default: yes.
    :param requests_per_second: sustained rate of all callers together. Default: 10.
    :param burst: requests at once above that rate. Default: 20.
    :param network: a VPC for the function. Default: none.
    :param seconds_per_answer: expected time of an answer, above 0 to 29: that of the model, and of what is looked up
        before. Default: 4.
    :param reserved_concurrency: most answers at a time, reserved from the account's. Default: as many as the account
        has left; where the app reserves concurrency, the rate times the seconds of an answer, and the burst.
    :param log_days: days that logs are kept. Default: 365.
    :param removal_policy: what happens to the logs on deletion of the stack. Default: retain.
    :raises InvalidValueError: if a model cannot chat, cannot give so many tokens or not in the time that API Gateway
        waits, or lacks one of the knobs; if the concurrency cannot carry the rate.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        access: ModelAccess,
        identity: Identity,
        firewall: Firewall,
        key: DataKey,
        topic: AlarmTopic,
        models: Sequence[str] = (),
        inference: Inference | None = None,
        parameters: Mapping[str, ModelParameters] | None = None,
        profiles: ApplicationProfiles | None = None,
        knowledge: KnowledgeBase | None = None,
        budget: UsageBudget | None = None,
        account_log_role: bool = True,
        requests_per_second: float = 10,
        burst: int = 20,
        seconds_per_answer: float = SECONDS_PER_ANSWER,
        network: PrivateNetwork | None = None,
        reserved_concurrency: int | None = None,
        log_days: int = 365,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        bounds = inference or Inference()
        offered = list(models) or [model for model in access.models if BedrockCatalogue.get(model).mode == "chat"]
        check_chat(offered, bounds.max_tokens)
        for most in (bounds.max_tokens, *(each.max_tokens or 0 for each in (parameters or {}).values())):
            check_waited(most)
        if reserved_concurrency:
            check_concurrency(reserved_concurrency, requests_per_second, seconds_per_answer)
        self.name = name
        self.function = PythonFunction(
            self,
            "Function",
            folder="chat",
            key=key,
            topic=topic,
            network=network,
            reserved_concurrency=reserved_concurrency or concurrency_of(requests_per_second, burst, seconds_per_answer),
            reserve=True if reserved_concurrency else None,
            log_days=log_days,
            removal_policy=removal_policy,
            include=("untrusted", "usage_budget", "waking") if budget else ("untrusted", "waking"),
            environment={
                "MODELS": json.dumps(requests_of(offered, bounds, parameters or {})),
                "SYSTEM_PROMPT": bounds.system_prompt,
                "GUARDRAIL_ID": access.guardrail.guardrail_id,
                "GUARDRAIL_VERSION": access.guardrail.version,
                **({"PROFILES": Stack.of(self).to_json_string(profiles.arns)} if profiles else {}),
                **(knowledge.environment if knowledge else {}),
                **(budget.environment if budget else {}),
            },
        )
        if knowledge:
            knowledge.grant_retrieve(self.function.role)
        if profiles:
            profiles.grant_invoke(self.function.role)
        else:
            access.grant_invoke(self.function.role, models=offered)
        if budget:
            budget.grant_use(self.function.role)
        #: What a deployment takes a snapshot of, and what it is made of.
        self.deployed: list[tuple[CfnResource, dict[str, Any]]] = []
        api = self._snapshot(
            apigateway.CfnRestApi,
            "Resource",
            name=name,
            endpoint_configuration={"types": ["REGIONAL"]},
            minimum_compression_size=1024,
        )
        self._method(api, identity)
        self._gateway_errors(api)
        self.stage = self._stage(api, key, requests_per_second, burst, log_days, removal_policy)
        if account_log_role:
            self.stage.node.add_dependency(api_gateway_logging(Stack.of(self)))
        lambda_.CfnPermission(
            self,
            "Invoke",
            action="lambda:InvokeFunction",
            function_name=self.function.function_arn,
            principal="apigateway.amazonaws.com",
            source_account=ACCOUNT_ID,
            source_arn=f"arn:{PARTITION}:execute-api:{REGION}:{ACCOUNT_ID}:{api.ref}/{STAGE}/POST/chat",
        )
        stage_arn = f"arn:{PARTITION}:apigateway:{REGION}::/restapis/{api.ref}/stages/{STAGE}"
        association = firewall.protect(self, "Protection", stage_arn)
        association.add_resource_dependency(self.stage)
        self.url = f"https://{api.ref}.execute-api.{REGION}.{URL_SUFFIX}/{STAGE}/chat"
        _chat_alarms(self, topic)
        if budget:
            _lock_out_alarm(self, topic)
        CfnOutput(self, "Url", value=self.url, description="POST questions here with a token of the user pool")

    def _snapshot(self, kind: type[_Made], id: str, **properties: Any) -> _Made:  # noqa: ANN401 - JSON
        """A resource that a deployment takes a snapshot of."""
        made = kind(self, id, **properties)
        self.deployed.append((made, {"id": id, **properties}))
        return made

    def _method(self, api: apigateway.CfnRestApi, identity: Identity) -> None:
        authorizer = self._snapshot(
            apigateway.CfnAuthorizer,
            "Authorizer",
            rest_api_id=api.ref,
            name="users",
            type="COGNITO_USER_POOLS",
            identity_source="method.request.header.Authorization",
            provider_arns=[identity.pool_arn],
        )
        validator = self._snapshot(
            apigateway.CfnRequestValidator,
            "Validator",
            rest_api_id=api.ref,
            validate_request_body=True,
            validate_request_parameters=True,
        )
        model = self._snapshot(
            apigateway.CfnModel,
            "Request",
            rest_api_id=api.ref,
            name="ChatRequest",
            content_type="application/json",
            schema=_request_schema(),
        )
        resource = self._snapshot(
            apigateway.CfnResource, "Chat", rest_api_id=api.ref, parent_id=api.attr_root_resource_id, path_part="chat"
        )
        self._snapshot(
            apigateway.CfnMethod,
            "Post",
            rest_api_id=api.ref,
            resource_id=resource.ref,
            http_method="POST",
            authorization_type="COGNITO_USER_POOLS",
            authorizer_id=authorizer.ref,
            request_validator_id=validator.ref,
            request_models={"application/json": model.ref},
            integration={
                "type": "AWS_PROXY",
                "integrationHttpMethod": "POST",
                "uri": self.function.invoke_uri(),
                "passthroughBehavior": "NEVER",
                "timeoutInMillis": 29_000,
            },
        )

    def _gateway_errors(self, api: apigateway.CfnRestApi) -> None:
        """Errors before the function, in the same form as its own."""
        for error in GATEWAY_ERRORS:
            self._snapshot(
                apigateway.CfnGatewayResponse,
                "".join(part.title() for part in error.kind.split("_")),
                rest_api_id=api.ref,
                **error.properties,
            )

    def _deployment(self, api: apigateway.CfnRestApi) -> apigateway.CfnDeployment:
        """A snapshot of the API: a new logical id makes CloudFormation take a new one, once all of it is there.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/updating-api.html
        """
        content = Stack.of(self).resolve([properties for _, properties in self.deployed])
        digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]
        deployment = apigateway.CfnDeployment(self, f"Deployment{digest}", rest_api_id=api.ref)
        for resource, _ in self.deployed:
            deployment.add_resource_dependency(resource)
        return deployment

    def _stage(
        self,
        api: apigateway.CfnRestApi,
        key: DataKey,
        rate: float,
        burst: int,
        log_days: int,
        removal_policy: RemovalPolicy,
    ) -> apigateway.CfnStage:
        key.allow_logs()
        access_log = logs.CfnLogGroup(self, "AccessLog", kms_key_id=key.key_arn, retention_in_days=log_days)
        access_log.apply_removal_policy(removal_policy)
        stage = apigateway.CfnStage(
            self,
            "Stage",
            rest_api_id=api.ref,
            stage_name=STAGE,
            deployment_id=self._deployment(api).ref,
            tracing_enabled=True,
            access_log_setting={
                "destinationArn": f"arn:{PARTITION}:logs:{REGION}:{ACCOUNT_ID}:log-group:{access_log.ref}",
                "format": json.dumps(
                    {
                        "requestId": "$context.requestId",
                        "ip": "$context.identity.sourceIp",
                        "user": "$context.authorizer.claims.sub",
                        "time": "$context.requestTime",
                        "method": "$context.httpMethod",
                        "path": "$context.resourcePath",
                        "status": "$context.status",
                        "latency": "$context.responseLatency",
                    }
                ),
            },
            method_settings=[
                {
                    "resourcePath": "/*",
                    "httpMethod": "*",
                    "loggingLevel": "ERROR",
                    "dataTraceEnabled": False,
                    "metricsEnabled": True,
                    "throttlingRateLimit": rate,
                    "throttlingBurstLimit": burst,
                }
            ],
        )
        acknowledge(
            stage,
            compliance("APIGWCacheEnabledAndEncrypted"),
            reason="A cache of answers could serve one person's conversation to another, so there is none to encrypt.",
            met_by="the response header Cache-Control: no-store",
        )
        acknowledge(
            stage,
            compliance("APIGWSSLEnabled"),
            reason="A client certificate identifies API Gateway to an HTTP backend; this backend is a Lambda function.",
            met_by="the function's resource policy, which admits this method of this stage only",
        )
        return stage


@cache
def _request_schema() -> dict[str, Any]:
    path = files("aws_genai") / "functions" / "chat" / "request.schema.json"
    schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return schema


def _lock_out_alarm(chat: ChatApi, topic: AlarmTopic) -> None:
    """Repeated probing: whoever draws out a model, or tries to pass its guardrail, is blocked often."""
    alarm(
        chat,
        "AlarmLockedOut",
        topic=topic,
        description=f"A user of {chat.name} was blocked so often that they are locked out: read the chat's log.",
        namespace="AwsGenAi",
        metric="LockedOut",
        dimensions={"function": chat.function.function_name, "service": "chat"},
        threshold=1,
    )


def _chat_alarms(chat: ChatApi, topic: AlarmTopic) -> None:
    """Errors, refusals, and more requests than are answered at a time."""
    for metric, threshold, description in (
        ("5XXError", 5, "answers with server errors: read the function's log group"),
        ("4XXError", 100, "refuses many requests: look for probing in the access log"),
    ):
        alarm(
            chat,
            f"Alarm{metric}",
            topic=topic,
            description=f"Chat API {chat.name} {description}.",
            namespace="AWS/ApiGateway",
            metric=metric,
            dimensions={"ApiName": chat.name, "Stage": STAGE},
            threshold=threshold,
        )
    alarm(
        chat,
        "AlarmThrottles",
        topic=topic,
        description=f"Chat API {chat.name} has more requests than may run at a time: raise that, or find the caller.",
        namespace="AWS/Lambda",
        metric="Throttles",
        dimensions={"FunctionName": chat.function.function_name},
        threshold=1,
    )
