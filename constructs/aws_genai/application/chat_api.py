"""A chat API in front of the guarded models."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, TypeVar

from aws_cdk import (
    CfnOutput,
    CfnResource,
    Duration,
    Stack,
    Token,
    aws_apigateway as apigateway,
    aws_cloudwatch as cloudwatch,
    aws_lambda as lambda_,
    aws_logs as logs,
    aws_route53 as route53,
)
from constructs import Construct

from ..data.concurrency import concurrency_of
from ..errors import InvalidValueError
from ..foundation.alarms import AlarmTopic, Runbook, alarm
from ..foundation.foundation import Foundation
from ..foundation.pseudo import ACCOUNT_ID, PARTITION, REGION, URL_SUFFIX
from ..foundation.statements import EVERYBODY, allow, document
from ..functions.chat.metrics import BLOCKED, NAMESPACE
from ..gate.acknowledgement import acknowledge, compliance
from ..models.access.model_access import ModelAccess
from ..packaging import PythonFunction
from .answering import Answering, lock_out_alarm
from .api_logging import api_gateway_logging
from .firewall import Firewall
from .gateway_errors import GATEWAY_ERRORS
from .history import WITH_BODY, scope_of
from .identity import Identity
from .options import ChatOptions, CustomDomain, PrivateApi

if TYPE_CHECKING:
    from ..models.access.application_profiles import ApplicationProfiles
    from ..models.knowledge.knowledge_base import KnowledgeBase
    from .assistant import Assistant
    from .history import History
    from .usage_budget import UsageBudget

_Made = TypeVar("_Made", bound=CfnResource)

STAGE = "v1"
#: How ids of resources end that list models. No name of an assistant has a hyphen in its id.
_LISTING = "-Models"


class ChatApi(Construct):
    """A REST API that answers questions of signed-in users through the guardrail.

    Requests are validated, throttled and authorized before any code runs. The function behind the API may call only the
    models of the access. ``POST /v1/chat`` takes what ``request.schema.json`` describes.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-integrate-with-cognito.html

    Example::

        import aws_cdk as cdk
        from aws_genai.application import ChatApi, ChatOptions, Firewall, Identity
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate
        from aws_genai.models import Guardrail, ModelAccess, ModelAccessOptions

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Chat", env=cdk.Environment(region="us-east-1"))
        foundation = Foundation(stack)
        guardrail = Guardrail(stack, "Guardrail", name="assistant", foundation=foundation)
        options = ChatOptions(allowed_origins=["https://chat.example.com"])
        ChatApi(
            stack,
            "Chat",
            foundation=foundation,
            name="assistant",
            access=ModelAccess(
                stack,
                "Access",
                guardrail=guardrail,
                options=ModelAccessOptions(models=["amazon.nova-lite-v1:0"]),
            ),
            identity=Identity(
                stack, "Users", foundation=foundation, pool_name="assistant", options=options
            ),
            firewall=Firewall(stack, "Firewall", foundation=foundation, name="assistant", options=options),
            options=options,
        )
        app.synth()

    :param foundation: key, alarm topic, retention, and the network of a private API or a private function.
    :param name: name of the API, 1 to 128 characters.
    :param access: the models and the guardrail.
    :param identity: the users that may call the API.
    :param firewall: the web ACL in front of the API.
    :param options: models, limits, CORS, domain name and the type of the endpoint. Default: a public Regional API for
        every chat model of the access.
    :param profiles: application inference profiles, which costs are attributed to. Default: none.
    :param knowledge: a knowledge base that answers are based on, as far as the groups of a user may read it. Default:
        none.
    :param budget: how much each user may use in a day. Default: no limit.
    :param assistants: assistants that answer ``POST /v1/assistants/{name}/answers``. Default: none.
    :param history: conversations, which their users list, change and erase at ``/v1/conversations``. Default: none.
    :raises InvalidValueError: if two assistants have one name; if a model is not a chat model, cannot generate so many
        tokens or not within the timeout of API Gateway, or does not support a parameter; if the concurrency is lower
        than the rate requires; if a certificate or secret is in another Region; if a private API has neither VPC
        endpoints nor a network.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        name: str,
        access: ModelAccess,
        identity: Identity,
        firewall: Firewall,
        options: ChatOptions | None = None,
        profiles: ApplicationProfiles | None = None,
        knowledge: KnowledgeBase | None = None,
        budget: UsageBudget | None = None,
        assistants: Sequence[Assistant] = (),
        history: History | None = None,
    ) -> None:
        super().__init__(scope, id)
        self.options = options = options or ChatOptions()
        region = Stack.of(self).region
        if not Token.is_unresolved(region):
            options.check_region(region)
        self.name = name
        #: The assistants that answer through the API.
        self.assistants = list(assistants)
        self._foundation, self._identity = foundation, identity
        answering = Answering(
            access=access,
            identity=identity,
            models=options.models,
            inference=options,
            parameters=options.parameters,
            profiles=profiles,
            knowledge=knowledge,
            budget=budget,
            origins=options.allowed_origins,
        )
        self.function = answering.function(
            self,
            folder="chat",
            foundation=foundation,
            reserved_concurrency=options.concurrency
            or concurrency_of(options.requests_per_second, options.burst, options.seconds_per_answer),
            reserve=True if options.concurrency else None,
        )
        #: What a deployment takes a snapshot of, and the properties of each.
        self.deployed: list[tuple[CfnResource, dict[str, Any]]] = []
        self._completion: apigateway.CfnModel | None = None
        api = self._snapshot(
            apigateway.CfnRestApi,
            "Resource",
            name=name,
            endpoint_configuration=self._endpoint(),
            # A response that streams cannot be compressed:
            # https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html
            **({} if assistants else {"minimum_compression_size": 1024}),
            **({"policy": self._policy(options.private_api)} if options.private_api else {}),
            **({"disable_execute_api_endpoint": True} if options.domain else {}),
        )
        ask = self._questions(api, identity)
        chat = self._resource(api, "Chat", api.attr_root_resource_id, "chat")
        self._method("Post", ask, chat, self.function.integration())
        asked = {"": chat, **self._answers(api, ask, assistants)}
        kept = self._conversations(api, ask, history) if history else {}
        if options.allowed_origins:
            for id, resource in asked.items():
                method = "GET" if id.endswith(_LISTING) else "POST"
                self._preflight(f"Options{id}", api, resource, method, options.allowed_origins)
            for id, (resource, methods) in kept.items():
                self._preflight(f"Options-{id}", api, resource, ",".join(methods), options.allowed_origins)
        self._gateway_errors(api)
        self.stage = self._stage(api)
        if options.account_log_role:
            self.stage.node.add_dependency(api_gateway_logging(Stack.of(self)))
        self._permit("Invoke", self.function, api, "chat")
        for each in assistants:
            for suffix, method, path in each.methods:
                id = f"Invoke{_id(each.name)}{suffix}"
                self._permit(id, each.function, api, path, method)
        if history:
            for id, method, path in history.methods:
                # Parameters of a path are asterisks in its ARN:
                # https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-control-access-using-iam-policies-to-invoke-api.html
                self._permit(f"Invoke-{id}", history.function, api, re.sub(r"{\w+}", "*", path), method)
        stage_arn = f"arn:{PARTITION}:apigateway:{REGION}::/restapis/{api.ref}/stages/{STAGE}"
        association = firewall.protect(self, "Protection", stage_arn)
        association.add_resource_dependency(self.stage)
        self.api_id: str = api.ref
        self.firewall = firewall
        self.url = self._url(api)
        if options.domain:
            self._domain(api, options.domain)
        _chat_alarms(self, foundation.topic)
        if budget:
            lock_out_alarm(self, foundation.topic, name=name, dimensions=self.own_dimensions)
        self._published = CfnOutput(self, "Url", value=self.url, description="POST questions here with an access token")

    def publish(self, base: str) -> None:
        """Tell clients another address of the API than its own, such as that of CloudFront before it.

        :param base: scheme and host, such as ``https://chat.example.com``.
        """
        self.url = f"{base}/{STAGE}/chat"
        self._published.value = self.url

    def metric_requests(self, *, statistic: str = "Sum", period: Duration | None = None) -> cloudwatch.Metric:
        """Number of requests. Default: Sum over 5 minutes.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html
        """
        return self._metric("Count", statistic, period)

    def metric_latency(self, *, statistic: str = "p90", period: Duration | None = None) -> cloudwatch.Metric:
        """Milliseconds between a request and its response. Default: p90 over 5 minutes."""
        return self._metric("Latency", statistic, period)

    def metric_client_errors(self, *, statistic: str = "Sum", period: Duration | None = None) -> cloudwatch.Metric:
        """Number of responses with a 4xx status. Default: Sum over 5 minutes."""
        return self._metric("4XXError", statistic, period)

    def metric_server_errors(self, *, statistic: str = "Sum", period: Duration | None = None) -> cloudwatch.Metric:
        """Number of responses with a 5xx status. Default: Sum over 5 minutes."""
        return self._metric("5XXError", statistic, period)

    def metric_blocked(self, *, statistic: str = "Sum", period: Duration | None = None) -> cloudwatch.Metric:
        """Number of requests and responses that the guardrail blocked. Default: Sum over 5 minutes."""
        return cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name=BLOCKED,
            dimensions_map=self.own_dimensions,
            statistic=statistic,
            period=period,
        )

    def _metric(self, name: str, statistic: str, period: Duration | None) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="AWS/ApiGateway",
            metric_name=name,
            dimensions_map={"ApiName": self.name, "Stage": STAGE},
            statistic=statistic,
            period=period,
        )

    @property
    def own_dimensions(self) -> dict[str, str]:
        """Dimensions of the metrics that the function publishes."""
        return {"function": self.function.function_name, "service": "chat"}

    def _endpoint(self) -> dict[str, Any]:
        """The type of the endpoint.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-ip-address-type.html
        """
        if private := self.options.private_api:
            named = {"vpcEndpointIds": private.vpc_endpoint_ids} if private.vpc_endpoint_ids else {}
            return {"types": ["PRIVATE"], **named}
        return {"types": ["REGIONAL"], **self._dual_stack}

    @property
    def _dual_stack(self) -> dict[str, str]:
        six = any(":" in each for each in self.options.allowed_addresses)
        return {"ipAddressType": "dualstack"} if six else {}

    def _policy(self, private: PrivateApi) -> dict[str, Any]:
        """The resource policy of a private API: who is not allowed by it is denied, signed in or not.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-resource-policies-examples.html
        https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-authorization-flow.html
        """
        conditions: dict[str, Any] = {}
        if private.vpc_endpoint_ids:
            conditions["StringEquals"] = {"aws:SourceVpce": private.vpc_endpoint_ids}
        else:
            conditions["StringEquals"] = {"aws:SourceVpc": self._foundation.private_network.vpc_id}
        if private.allowed_addresses:
            conditions["IpAddress"] = {"aws:VpcSourceIp": private.allowed_addresses}
        # API Gateway completes the ARN: the API does not exist while its policy is written.
        return document([allow(["execute-api:Invoke"], ["execute-api:/*"], principal=EVERYBODY, conditions=conditions)])

    def _url(self, api: apigateway.CfnRestApi) -> str:
        if domain := self.options.domain:
            base = f"/{domain.base_path}" if domain.base_path else ""
            return f"https://{domain.name}{base}/chat"
        private = self.options.private_api
        # This name resolves with or without private DNS of the endpoint.
        named = f"-{private.vpc_endpoint_ids[0]}" if private and private.vpc_endpoint_ids else ""
        return f"https://{api.ref}{named}.execute-api.{REGION}.{URL_SUFFIX}/{STAGE}/chat"

    def _domain(self, api: apigateway.CfnRestApi, domain: CustomDomain) -> None:
        """The domain name, its path to the stage, and its DNS record.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-regional-api-custom-domain-create.html
        """
        # Only policies of this form have an access mode:
        # https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-security-policies.html
        strict: dict[str, Any] = (
            {"endpoint_access_mode": "STRICT"} if domain.security_policy.startswith("SecurityPolicy_") else {}
        )
        made = apigateway.CfnDomainName(
            self,
            "Domain",
            domain_name=domain.name,
            regional_certificate_arn=domain.certificate_arn,
            endpoint_configuration={"types": ["REGIONAL"], **self._dual_stack},
            security_policy=domain.security_policy,
            **strict,
        )
        mapping = apigateway.CfnBasePathMapping(
            self,
            "DomainPath",
            domain_name=made.ref,
            rest_api_id=api.ref,
            stage=STAGE,
            base_path=domain.base_path,
        )
        mapping.add_resource_dependency(self.stage)
        if domain.hosted_zone_id:
            for kind in ("A", "AAAA") if self._dual_stack else ("A",):
                route53.CfnRecordSet(
                    self,
                    f"DomainRecord{kind}",
                    hosted_zone_id=domain.hosted_zone_id,
                    name=domain.name,
                    type=kind,
                    alias_target={
                        "dnsName": made.attr_regional_domain_name,
                        "hostedZoneId": made.attr_regional_hosted_zone_id,
                    },
                )
        CfnOutput(
            self,
            "DomainTarget",
            value=made.attr_regional_domain_name,
            description=f"Target of the DNS record of {domain.name}: an alias or a CNAME",
        )

    def _snapshot(self, kind: type[_Made], id: str, **properties: Any) -> _Made:  # noqa: ANN401 - JSON
        """A resource that a deployment takes a snapshot of."""
        made = kind(self, id, **properties)
        self.deployed.append((made, {"id": id, **properties}))
        return made

    def _questions(self, api: apigateway.CfnRestApi, identity: Identity) -> dict[str, Any]:
        """What all methods that take questions have in common: who may ask, and how a question looks."""
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
        return {
            "rest_api_id": api.ref,
            "http_method": "POST",
            "authorization_type": "COGNITO_USER_POOLS",
            "authorizer_id": authorizer.ref,
            # With scopes, the authorizer accepts access tokens and no others.
            "authorization_scopes": identity.scopes("ask"),
            "request_validator_id": validator.ref,
            "request_models": {"application/json": model.ref},
        }

    def _answers(
        self, api: apigateway.CfnRestApi, ask: dict[str, Any], assistants: Sequence[Assistant]
    ) -> dict[str, apigateway.CfnResource]:
        """The resources at which assistants answer, by the id of each."""
        if not assistants:
            return {}
        names = [each.name for each in assistants]
        for name in names:
            if names.count(name) > 1:
                raise InvalidValueError(f"Two assistants are called {name}", field="assistants", hint="Rename one")
        question = self._snapshot(
            apigateway.CfnModel,
            "AnswerRequest",
            rest_api_id=api.ref,
            name="AnswerRequest",
            content_type="application/json",
            schema=_request_schema("assistant/request.schema.json"),
        )
        asking = {**ask, "request_models": {"application/json": question.ref}}
        root, found = self._resource(api, "Assistants", api.attr_root_resource_id, "assistants"), {}
        for each in assistants:
            id = _id(each.name)
            own = self._resource(api, f"Assistant{id}", root.ref, each.name)
            found[id] = self._resource(api, f"Answers{id}", own.ref, "answers")
            integration = each.function.integration(timeout_seconds=each.options.timeout_seconds)
            self._method(f"Post{id}", asking, found[id], integration)
            if each.options.openai:
                door = self._resource(api, f"OpenAi-{id}", own.ref, "openai")
                chat = self._resource(api, f"OpenAiChat-{id}", door.ref, "chat")
                completions = self._resource(api, f"Completions-{id}", chat.ref, "completions")
                model = {"request_models": {"application/json": self._completion_model(api).ref}}
                self._method(f"PostCompletions-{id}", {**ask, **model}, completions, integration)
                models = self._resource(api, f"Models-{id}", door.ref, "models")
                listing = {**ask, "http_method": "GET", "request_models": {}}
                self._method(f"GetModels-{id}", listing, models, integration)
                # No id of a name has a hyphen, so that no two names can make the same id.
                found |= {f"{id}-Completions": completions, f"{id}{_LISTING}": models}
        return found

    def _conversations(
        self, api: apigateway.CfnRestApi, ask: dict[str, Any], history: History
    ) -> dict[str, tuple[apigateway.CfnResource, list[str]]]:
        """The resources of conversations with the methods of each, by the id of each."""
        body = self._snapshot(
            apigateway.CfnModel,
            "ConversationRequest",
            rest_api_id=api.ref,
            name="ConversationRequest",
            content_type="application/json",
            schema=_request_schema("conversations/request.schema.json"),
        )
        integration, paths = history.function.integration(), dict[str, apigateway.CfnResource]()
        found: dict[str, tuple[apigateway.CfnResource, list[str]]] = {}
        for id, method, path in history.methods:
            parts = path.split("/")
            for end in range(1, len(parts) + 1):
                if (whole := "/".join(parts[:end])) not in paths:
                    parent = paths["/".join(parts[: end - 1])].ref if end > 1 else api.attr_root_resource_id
                    paths[whole] = self._resource(api, f"Path-{_path_id(whole)}", parent, parts[end - 1])
            parameters = {
                **{f"method.request.path.{name}": True for name in re.findall(r"{(\w+)}", path)},
                **{f"method.request.querystring.{name}": False for name in ("next", "before") if method == "GET"},
            }
            own = {
                "http_method": method,
                "authorization_scopes": self._identity.scopes(scope_of(path)),
                "request_models": {"application/json": body.ref} if id in WITH_BODY else {},
                "request_parameters": parameters,
            }
            self._method(f"Method-{id}", {**ask, **own}, paths[path], integration)
            found.setdefault(_path_id(path), (paths[path], []))[1].append(method)
        return found

    def _completion_model(self, api: apigateway.CfnRestApi) -> apigateway.CfnModel:
        """What a request in OpenAI's form looks like, once for all assistants."""
        if self._completion is None:
            self._completion = self._snapshot(
                apigateway.CfnModel,
                "CompletionRequest",
                rest_api_id=api.ref,
                name="CompletionRequest",
                content_type="application/json",
                schema=_request_schema("assistant/completion.schema.json"),
            )
        return self._completion

    def _resource(self, api: apigateway.CfnRestApi, id: str, parent: str, part: str) -> apigateway.CfnResource:
        return self._snapshot(apigateway.CfnResource, id, rest_api_id=api.ref, parent_id=parent, path_part=part)

    def _method(
        self, id: str, ask: dict[str, Any], resource: apigateway.CfnResource, integration: dict[str, Any]
    ) -> None:
        self._snapshot(apigateway.CfnMethod, id, **ask, resource_id=resource.ref, integration=integration)

    def _permit(
        self, id: str, function: PythonFunction, api: apigateway.CfnRestApi, path: str, method: str = "POST"
    ) -> None:
        """Permit the method of the stage to invoke the function."""
        lambda_.CfnPermission(
            self,
            id,
            action="lambda:InvokeFunction",
            function_name=function.function_arn,
            principal="apigateway.amazonaws.com",
            source_account=ACCOUNT_ID,
            source_arn=f"arn:{PARTITION}:execute-api:{REGION}:{ACCOUNT_ID}:{api.ref}/{STAGE}/{method}/{path}",
        )

    def _preflight(
        self,
        id: str,
        api: apigateway.CfnRestApi,
        resource: apigateway.CfnResource,
        method: str,
        origins: Sequence[str],
    ) -> None:
        """The response to a browser that asks whether a page may call the API. It carries no token, so nobody is
        authorized, and no code runs.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-cors.html
        """
        headers = {
            "Access-Control-Allow-Origin": origins[0],
            "Access-Control-Allow-Headers": "Authorization,Content-Type",
            "Access-Control-Allow-Methods": method,
            "Access-Control-Max-Age": "600",
            "Vary": "Origin",
            "Cache-Control": "no-store",
        }
        self._snapshot(
            apigateway.CfnMethod,
            id,
            rest_api_id=api.ref,
            resource_id=resource.ref,
            http_method="OPTIONS",
            authorization_type="NONE",
            integration={
                "type": "MOCK",
                "passthroughBehavior": "NEVER",
                "requestTemplates": {"application/json": '{"statusCode": 204}'},
                "integrationResponses": [
                    {
                        "statusCode": "204",
                        "responseParameters": {
                            f"method.response.header.{name}": f"'{value}'" for name, value in headers.items()
                        },
                        "responseTemplates": {"application/json": _allowed(origins[1:])},
                    }
                ],
            },
            method_responses=[
                {
                    "statusCode": "204",
                    "responseParameters": {f"method.response.header.{name}": True for name in headers},
                }
            ],
        )

    def _gateway_errors(self, api: apigateway.CfnRestApi) -> None:
        """Errors before the function, in the same form as its own."""
        origins = self.options.allowed_origins
        for error in GATEWAY_ERRORS:
            self._snapshot(
                apigateway.CfnGatewayResponse,
                "".join(part.title() for part in error.kind.split("_")),
                rest_api_id=api.ref,
                **error.properties(origins),
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

    def _stage(self, api: apigateway.CfnRestApi) -> apigateway.CfnStage:
        foundation, options = self._foundation, self.options
        foundation.key.allow_logs()
        access_log = logs.CfnLogGroup(
            self, "AccessLog", kms_key_id=foundation.key.key_arn, retention_in_days=foundation.log_days
        )
        access_log.apply_removal_policy(foundation.removal_policy)
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
                        "client": "$context.authorizer.claims.client_id",
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
                    "throttlingRateLimit": options.requests_per_second,
                    "throttlingBurstLimit": options.burst,
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


def _path_id(path: str) -> str:
    """A path in construct ids."""
    return re.sub(r"\W+", "-", path).strip("-")


def _id(name: str) -> str:
    """The name of an assistant in construct ids."""
    return "".join(part.capitalize() for part in name.split("-"))


@cache
def _request_schema(path: str = "chat/request.schema.json") -> dict[str, Any]:
    file = files("aws_genai") / "functions" / path
    schema: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return schema


def _allowed(origins: Sequence[str]) -> str:
    """A mapping template that names the origin of a request as allowed if it is one of ``origins``.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-override-request-response-parameters.html
    """
    if not origins:
        return ""
    known = " || ".join(f'$origin == "{each}"' for each in origins)
    return (
        '#set($origin = $input.params().header.get("Origin"))'
        '#if($origin == "")#set($origin = $input.params().header.get("origin"))#end'
        f"#if({known})#set($context.responseOverride.header.Access-Control-Allow-Origin = $origin)#end"
    )


def _chat_alarms(chat: ChatApi, topic: AlarmTopic) -> None:
    """Errors, refusals, and more requests than are answered at a time."""
    rows: tuple[tuple[str, float, Runbook, str], ...] = (
        ("5XXError", 5, "api-server-errors", "answers with server errors: read the function's log group"),
        ("4XXError", 100, "api-rejections", "refuses many requests: look for probing in the access log"),
    )
    for metric, threshold, runbook, description in rows:
        alarm(
            chat,
            f"Alarm{metric}",
            topic=topic,
            runbook=runbook,
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
        runbook="function-throttles",
        description=f"Chat API {chat.name} has more requests than may run at a time: raise that, or find the caller.",
        namespace="AWS/Lambda",
        metric="Throttles",
        dimensions={"FunctionName": chat.function.function_name},
        threshold=1,
    )
