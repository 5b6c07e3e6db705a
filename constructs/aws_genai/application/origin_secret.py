"""The secret by which an API knows requests that come through CloudFront."""

from __future__ import annotations

from typing import Any

from aws_cdk import aws_lambda as lambda_, aws_secretsmanager as secretsmanager, aws_wafv2 as wafv2
from constructs import Construct, IDependable

from ..foundation.alarms import alarm
from ..foundation.foundation import Foundation
from ..foundation.pseudo import ACCOUNT_ID, PARTITION
from ..functions.origin_secret.environment import Environment
from ..packaging.python_function import PythonFunction
from .options import EdgeOptions

#: CloudFront replaces a header of this name that a client sends.
#: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/add-origin-custom-headers.html
HEADER = "x-origin-verify"
#: Number of letters and digits. A pattern of AWS WAF has at most 200 characters.
#: https://docs.aws.amazon.com/waf/latest/developerguide/limits.html
_LENGTH = 64


class OriginSecret(Construct):
    """A secret that CloudFront sends to an API in a header, and the set of values that the API accepts.

    AWS Secrets Manager generates it, and rotates it by a function. The values that the API accepts are in a regex
    pattern set of AWS WAF, of which the template knows the first only: changes of the web ACL never reset them, and the
    function needs no permission to change the web ACL. A rotation adds the new value to the set, lets CloudFront send
    it, waits until the distribution is deployed, and only then removes the old one.
    https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotating-secrets.html
    https://aws.amazon.com/blogs/security/how-to-enhance-amazon-cloudfront-origin-security-with-aws-waf-and-aws-secrets-manager/

    Example::

        import aws_cdk as cdk
        from aws_genai.application import Firewall, OriginSecret
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Origin")
        foundation = Foundation(stack)
        secret = OriginSecret(stack, "Secret", foundation=foundation)
        Firewall(stack, "Firewall", foundation=foundation, name="assistant", origin=secret)
        secret.rotate(distribution_id="E1EXAMPLE")
        app.synth()

    :param foundation: key and alarm topic.
    :param options: days between rotations, and how long a change of AWS WAF takes. Default: 30 days, 120 seconds.
    """

    header = HEADER

    def __init__(
        self, scope: Construct, id: str, *, foundation: Foundation, options: EdgeOptions | None = None
    ) -> None:
        super().__init__(scope, id)
        self._foundation, self._options = foundation, options or EdgeOptions()
        foundation.key.allow_in_secretsmanager()
        self.resource = secretsmanager.CfnSecret(
            self,
            "Resource",
            description="What CloudFront sends to the API",
            kms_key_id=foundation.key.key_arn,
            generate_secret_string={"passwordLength": _LENGTH, "excludePunctuation": True},
        )
        self.secret_arn: str = self.resource.ref
        # CloudFormation reads the value while it creates or updates the resource that has the reference:
        # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references-secretsmanager.html
        self.value = f"{{{{resolve:secretsmanager:{self.secret_arn}:SecretString}}}}"
        self.accepted = wafv2.CfnRegexPatternSet(
            self, "Accepted", scope="REGIONAL", regular_expression_list=[f"^{self.value}$"]
        )

    @property
    def statement(self) -> dict[str, Any]:
        """The statement of AWS WAF that matches requests with an accepted value."""
        return {
            "regexPatternSetReferenceStatement": {
                "arn": self.accepted.attr_arn,
                "fieldToMatch": {"singleHeader": {"Name": HEADER}},
                "textTransformations": [{"priority": 0, "type": "NONE"}],
            }
        }

    def rotate(self, distribution_id: str, *, after: IDependable | None = None) -> PythonFunction:
        """Rotate the secret, which the distribution sends. Call it once.

        :param distribution_id: id of the distribution.
        :param after: what must exist before the first rotation. Default: nothing.
        :returns: the function.
        """
        foundation, options = self._foundation, self._options
        function = PythonFunction(
            self,
            "Rotation",
            folder="origin_secret",
            foundation=foundation,
            environment=Environment(
                DISTRIBUTION=distribution_id,
                ACCEPTED=self.accepted.attr_arn,
                HEADER=HEADER,
                PROPAGATION_SECONDS=options.propagation_seconds,
            ),
            # CloudFront says that it is deployed within minutes, seldom later; Secrets Manager calls again.
            timeout_seconds=900,
            memory_mib=256,
            reserved_concurrency=1,
            outside="AWS documents no VPC endpoint for CloudFront, which the function updates",
        )
        role = function.role
        role.allow(
            (
                "secretsmanager:DescribeSecret",
                "secretsmanager:GetSecretValue",
                "secretsmanager:PutSecretValue",
                "secretsmanager:UpdateSecretVersionStage",
            ),
            [self.secret_arn],
        )
        foundation.key.grant_in_secretsmanager(role)
        role.allow(("wafv2:GetRegexPatternSet", "wafv2:UpdateRegexPatternSet"), [self.accepted.attr_arn])
        role.allow(
            ("cloudfront:GetDistribution", "cloudfront:UpdateDistribution"),
            [f"arn:{PARTITION}:cloudfront::{ACCOUNT_ID}:distribution/{distribution_id}"],
        )
        permission = lambda_.CfnPermission(
            self,
            "RotationInvoke",
            action="lambda:InvokeFunction",
            function_name=function.function_arn,
            principal="secretsmanager.amazonaws.com",
            source_account=ACCOUNT_ID,
            source_arn=self.secret_arn,
        )
        schedule = secretsmanager.CfnRotationSchedule(
            self,
            "Schedule",
            secret_id=self.secret_arn,
            rotation_lambda_arn=function.function_arn,
            rotation_rules={"automaticallyAfterDays": options.rotation_days},
            # The generated value is not older than the stack.
            rotate_immediately_on_update=False,
        )
        schedule.add_resource_dependency(permission)
        if after is not None:
            schedule.node.add_dependency(after)
        alarm(
            self,
            "AlarmRotation",
            topic=foundation.topic,
            description="The secret between CloudFront and the API was not rotated: read the function's log group.",
            namespace="AWS/Lambda",
            metric="Errors",
            dimensions={"FunctionName": function.function_name},
            threshold=1,
            runbook="secret-rotation",
        )
        return function
