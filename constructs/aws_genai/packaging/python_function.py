"""A Lambda function of this library, locked down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from aws_cdk import RemovalPolicy, Stack, aws_iam as iam, aws_lambda as lambda_, aws_logs as logs
from aws_cdk.aws_s3_assets import Asset
from constructs import Construct, IConstruct

from ..foundation.foundation import Foundation
from ..foundation.pseudo import PARTITION, REGION
from ..foundation.role import WorkloadRole
from ..functions.contract import Contract
from ..gate.acknowledgement import acknowledge, compliance
from ..once import node, once
from .dependencies import PYTHON_VERSION, bundle, lock_digest, package

if TYPE_CHECKING:
    pass

_VPC_RULES = compliance("LambdaInsideVPC")

#: Context key that makes functions reserve their concurrency.
_RESERVE = "aws-genai:reserve-concurrency"


def reserve_concurrency(scope: IConstruct) -> None:
    """Make every function under ``scope`` that is added later reserve its concurrency from the account's.

    The compliance packs ask for it.

    :param scope: an app, a stack or a construct without children.
    """
    scope.node.set_context(_RESERVE, True)


class PythonFunction(Construct):
    """A Python function on Graviton with its own role, encrypted logs and tracing.

    The code is a folder of :mod:`aws_genai.functions`; the libraries come as one layer a stack, from wheels that
    are locked by hash. Concurrency is reserved only where the app asks for it (:func:`reserve_concurrency`): what one
    function reserves, the others of the account lack, and an account that would be left with less than 100 refuses the
    function. https://docs.aws.amazon.com/lambda/latest/dg/python-layers.html
    https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html

    Example::

        import aws_cdk as cdk
        from aws_genai.packaging import PythonFunction
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate

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

    :param foundation: key, topic, network and retention to build on.
    :param folder: the folder of the function's code; its ``handler.py`` holds ``handler``.
    :param include: further folders that go into the package beside it. Default: none.
    :param environment: environment variables, as the function declares them; never a secret. Default: none.
    :param memory_mib: memory in MiB, which also sets the share of CPU. Default: 512.
    :param timeout_seconds: longest run. Default: 29, the limit of API Gateway.
    :param reserved_concurrency: most runs at a time, where concurrency is reserved. Default: 20.
    :param reserve: whether it is. Default: as the app says, which is no.
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
    ) -> None:
        super().__init__(scope, id)
        key, topic, network, log_days, removal_policy = (
            foundation.key,
            foundation.topic,
            foundation.functions_network,
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
        # Neither X-Ray action takes a resource:
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
        path, digest = package((folder, "contract", *include))
        # What lambda_.Code.from_asset creates, in a third of the calls.
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
        # Without its permissions, a function that is called at once would fail, and a VPC function not be created.
        self.resource.add_resource_dependency(self.role.permissions)
        self.function_arn: str = self.resource.attr_arn
        self.function_name: str = self.resource.ref
        if network is None:
            acknowledge(
                self.resource,
                _VPC_RULES,
                reason="The settings ask for no private network; the function reaches public AWS endpoints over TLS.",
                met_by="IAM authorization of every call that the function makes",
            )

    def invoke_uri(self) -> str:
        """The address under which API Gateway calls the function."""
        return f"arn:{PARTITION}:apigateway:{REGION}:lambda:path/2015-03-31/functions/{self.function_arn}/invocations"


def _layer(stack: Stack) -> str:
    """The layer of libraries, made once for each stack."""
    existing = node(stack).try_find_child("FunctionLibraries")
    if isinstance(existing, lambda_.LayerVersion):
        return str(once(existing, "layer_version_arn"))
    return lambda_.LayerVersion(
        stack,
        "FunctionLibraries",
        code=lambda_.Code.from_asset(str(bundle()), asset_hash=lock_digest()),
        compatible_architectures=[lambda_.Architecture.ARM_64],
        description="Powertools for AWS Lambda, readers of documents, and what they need",
        removal_policy=RemovalPolicy.DESTROY,
    ).layer_version_arn
