"""A Lambda function of this library, with least privilege."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import RemovalPolicy, Stack, aws_iam as iam, aws_lambda as lambda_, aws_logs as logs
from aws_cdk.aws_s3_assets import Asset
from constructs import Construct, IConstruct

from ..foundation.foundation import Foundation
from ..foundation.pseudo import PARTITION, REGION
from ..foundation.role import WorkloadRole
from ..functions.contract import Contract
from ..gate.acknowledgement import acknowledge, compliance
from ..once import once
from .dependencies import PYTHON_VERSION, bundle, lock_digest, package

_VPC_RULES = compliance("LambdaInsideVPC")

#: The context key that reserves the concurrency of functions.
_RESERVE = "aws-genai:reserve-concurrency"


#: The attribute of a stack that holds the ARN of its layer.
_LAYER = "_aws_genai_function_libraries"


def reserve_concurrency(scope: IConstruct) -> None:
    """Reserve concurrency for every function that is added to ``scope`` later.

    The compliance packs require it. The concurrency is reserved from the account's.

    :param scope: An app, a stack or a construct without children.
    """
    scope.node.set_context(_RESERVE, True)


class PythonFunction(Construct):
    """A Python function on Graviton with its own role, encrypted logs and X-Ray tracing.

    The code is a folder of :mod:`aws_genai.functions`; the libraries are in one layer for each stack, from wheels that
    are locked by hash. Concurrency is reserved only if the app enables it (:func:`reserve_concurrency`): the
    concurrency that one function reserves is not available to others of the account, and Lambda rejects a function that
    would leave the account less than 100. https://docs.aws.amazon.com/lambda/latest/dg/python-layers.html
    https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate
        from aws_genai.packaging import PythonFunction

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Functions")
        CostTags(project="demo", environment="dev", layer="application", owner="me", cost_center="1").apply(
            stack
        )
        foundation = Foundation(stack)
        PythonFunction(stack, "Chat", folder="chat", foundation=foundation)
        app.synth()

    :param foundation: Provides the key, topic, network, log retention and removal policy.
    :param folder: The folder of the function's code. Its ``handler.py`` defines ``handler``.
    :param include: Further folders to include in the package. Default: none.
    :param environment: The environment variables, as the function declares them. They must not contain secrets.
        Default: none.
    :param memory_mib: Amount of memory, in MiB. CPU power is proportional to it. Default: 512.
    :param timeout_seconds: The timeout, in seconds. Default: 29, the limit of API Gateway.
    :param reserved_concurrency: Maximum number of concurrent executions, if concurrency is reserved. Default: 20.
    :param reserve: Whether to reserve concurrency. Default: the setting of the app, which is no by default.
    :param streaming: Whether the function streams its responses, through :mod:`aws_genai.functions.streaming`. Default:
        it returns them.
    :param outside: Why the function runs outside of the VPC, as a sentence. Default: it runs in the VPC if the
        foundation says so.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        folder: str,
        include: Sequence[str] = (),
        environment: Contract | Mapping[str, str] | None = None,
        memory_mib: int = 512,
        timeout_seconds: int = 29,
        reserved_concurrency: int = 20,
        reserve: bool | None = None,
        streaming: bool = False,
        outside: str | None = None,
    ) -> None:
        super().__init__(scope, id)
        self.streaming = streaming
        key, topic, network, log_days, removal_policy = (
            foundation.key,
            foundation.topic,
            None if outside else foundation.functions_network,
            foundation.log_days,
            foundation.removal_policy,
        )
        self.role = WorkloadRole(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=f"Function {folder}",
        )
        key.allow_logs()
        self.log_group = logs.CfnLogGroup(self, "Logs", kms_key_id=key.key_arn, retention_in_days=log_days)
        self.log_group.apply_removal_policy(removal_policy)
        self.role.allow(("logs:CreateLogStream", "logs:PutLogEvents"), [self.log_group.attr_arn])
        topic.grant_publish(self.role)
        # The X-Ray actions do not support resource-level permissions:
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html
        self.role.allow(("xray:PutTelemetryRecords", "xray:PutTraceSegments"), ["*"])
        wildcards = "The X-Ray actions take no resource, so AWS accepts only a wildcard."
        met_by = "the two write-only tracing actions named in the statement"
        vpc_config = None
        if network is not None:
            group = network.security_group(self, "Group", description=f"Function {folder}: no inbound rule")
            # https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
            self.role.allow(
                (
                    "ec2:AssignPrivateIpAddresses",
                    "ec2:CreateNetworkInterface",
                    "ec2:DeleteNetworkInterface",
                    "ec2:DescribeNetworkInterfaces",
                    "ec2:DescribeSubnets",
                    "ec2:UnassignPrivateIpAddresses",
                ),
                ["*"],
            )
            wildcards += " Lambda refuses a VPC function whose role names single network interfaces."
            met_by += " and the interface actions of Lambda's own VPC policy"
            vpc_config = lambda_.CfnFunction.VpcConfigProperty(
                subnet_ids=network.subnet_ids, security_group_ids=[group.attr_group_id]
            )
        acknowledge(self.role.permissions, "AwsSolutions-IAM5", finding="Resource::*", reason=wildcards, met_by=met_by)
        reserve = reserve if reserve is not None else bool(self.node.try_get_context(_RESERVE))
        variables = environment.variables() if isinstance(environment, Contract) else dict(environment or {})
        if streaming:
            # https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html
            variables["AWS_LAMBDA_EXEC_WRAPPER"] = "/var/task/functions/streaming/start"
        path, digest = package((folder, "contract", *(("streaming",) if streaming else ()), *include))
        # The same asset as lambda_.Code.from_asset, with a third of the calls to Node.js.
        code = Asset(self, "Code", path=str(path), asset_hash=digest, deploy_time=True)
        self.resource = lambda_.CfnFunction(
            self,
            "Resource",
            code=lambda_.CfnFunction.CodeProperty(s3_bucket=code.s3_bucket_name, s3_key=code.s3_object_key),
            handler=f"functions.{folder}.handler.handler",
            runtime=f"python{PYTHON_VERSION}",
            architectures=["arm64"],
            role=once(self.role, "role_arn"),
            layers=[_layer(Stack.of(self))],
            memory_size=memory_mib,
            timeout=timeout_seconds,
            reserved_concurrent_executions=reserved_concurrency if reserve else None,
            dead_letter_config=lambda_.CfnFunction.DeadLetterConfigProperty(target_arn=topic.topic_arn),
            tracing_config=lambda_.CfnFunction.TracingConfigProperty(mode="Active"),
            logging_config=lambda_.CfnFunction.LoggingConfigProperty(
                log_group=self.log_group.ref,
                log_format="JSON",
                application_log_level="INFO",
                system_log_level="WARN",
            ),
            environment=lambda_.CfnFunction.EnvironmentProperty(
                variables={"POWERTOOLS_SERVICE_NAME": folder, **variables}
            ),
            vpc_config=vpc_config,
        )
        # Without its permissions, a function that is invoked immediately would fail, and a function in a VPC could not
        # be created.
        self.resource.add_resource_dependency(self.role.permissions)
        self.function_arn: str = self.resource.attr_arn
        self.function_name: str = self.resource.ref
        if network is None:
            acknowledge(
                self.resource,
                _VPC_RULES,
                reason=f"{outside or 'The settings ask for no private network'}; "
                "the function reaches public AWS endpoints over TLS.",
                met_by="IAM authorization of every call that the function makes",
            )

    def integration(self, *, timeout_seconds: int = 29) -> dict[str, Any]:
        """The integration of a method of API Gateway with the function.

        https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode-lambda.html

        :param timeout_seconds: How long API Gateway waits for the function, in seconds. Default: 29, the maximum of a
            function that does not stream.
        """
        version, action = (
            ("2021-11-15", "response-streaming-invocations") if self.streaming else ("2015-03-31", "invocations")
        )
        path = f"path/{version}/functions/{self.function_arn}/{action}"
        return {
            "type": "AWS_PROXY",
            "integrationHttpMethod": "POST",
            "uri": f"arn:{PARTITION}:apigateway:{REGION}:lambda:{path}",
            "passthroughBehavior": "NEVER",
            "timeoutInMillis": timeout_seconds * 1000,
            **({"responseTransferMode": "STREAM"} if self.streaming else {}),
        }


def _layer(stack: Stack) -> str:
    """The layer with the libraries, created once for each stack."""
    if _LAYER in vars(stack):
        return str(vars(stack)[_LAYER])
    arn: str = lambda_.LayerVersion(
        stack,
        "FunctionLibraries",
        code=lambda_.Code.from_asset(str(bundle()), asset_hash=lock_digest()),
        compatible_architectures=[lambda_.Architecture.ARM_64],
        description="Powertools for AWS Lambda, readers of documents, and what they need",
        removal_policy=RemovalPolicy.DESTROY,
    ).layer_version_arn
    setattr(stack, _LAYER, arn)
    return arn
