"""Comparison of pipeline runs in MLflow."""

from __future__ import annotations

from aws_cdk import aws_iam as iam, aws_sagemaker as sagemaker
from constructs import Construct

from ...foundation.bucket import SecureBucket
from ...foundation.foundation import Foundation
from ...foundation.role import WorkloadRole, grant


class Experiments(Construct):
    """A serverless MLflow app of SageMaker for runs, parameters and metrics, with artifacts in an encrypted bucket.

    An MLflow app scales by itself and has no hourly price, unlike an MLflow tracking server, which is charged by the
    hour while it runs. Only the storage of the artifacts is charged.
    https://docs.aws.amazon.com/sagemaker/latest/dg/mlflow.html

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate
        from aws_genai.models import Experiments

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Experiments")
        Experiments(stack, "Experiments", foundation=Foundation(stack), name="demo")
        app.synth()

    :param foundation: key, access logs and removal policy of the bucket.
    :param name: name of the app, 1 to 256 letters, digits and hyphens.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        name: str,
    ) -> None:
        super().__init__(scope, id)
        self.bucket = SecureBucket(self, "Artifacts", foundation=foundation)
        role = WorkloadRole(
            self,
            "Role",
            # No page documents a condition key for this trust policy:
            # https://docs.aws.amazon.com/sagemaker/latest/dg/mlflow-create-tracking-server-iam.html
            assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"),
            description=f"MLflow app {name}",
        )
        self.bucket.grant_read(role, "mlflow/")
        self.bucket.grant_write(role, "mlflow/")
        self.app = sagemaker.CfnMlflowApp(
            self,
            "Resource",
            name=name,
            artifact_store_uri=f"s3://{self.bucket.bucket_name}/mlflow",
            role_arn=role.role_arn,
            # Only the pipeline registers models.
            model_registration_mode="AutoModelRegistrationDisabled",
        )
        self.app.node.add_dependency(role.permissions)
        self.app_arn: str = self.app.attr_arn

    def grant_use(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee`` record and read runs; the app has one permission for both."""
        return grant(grantee, ["sagemaker:CallMlflowAppApi", "sagemaker:DescribeMlflowApp"], [self.app_arn])

    def grant_open(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee`` open the MLflow UI, in addition to :meth:`grant_use`.

        https://docs.aws.amazon.com/sagemaker/latest/dg/mlflow-launch-ui.html
        """
        return grant(grantee, ["sagemaker:CreatePresignedMlflowAppUrl"], [self.app_arn])
