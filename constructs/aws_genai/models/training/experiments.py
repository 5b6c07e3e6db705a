"""Where runs of pipelines are compared."""

from __future__ import annotations

from aws_cdk import RemovalPolicy, aws_iam as iam, aws_sagemaker as sagemaker
from constructs import Construct

from ...foundation.alarms import AlarmTopic
from ...foundation.bucket import AccessLogBucket, SecureBucket
from ...foundation.key import DataKey
from ...foundation.role import WorkloadRole, grant


class Experiments(Construct):
    """MLflow without a server of its own: runs, parameters and metrics, with artifacts in an encrypted bucket.

    An MLflow app of SageMaker scales by itself and has no hourly price, unlike an MLflow tracking server, which costs
    by the hour as long as it runs; what is paid for is the storage of the artifacts.
    https://docs.aws.amazon.com/sagemaker/latest/dg/mlflow.html

    Example::

        import aws_cdk as cdk
        from aws_genai.models import Experiments
        from aws_genai.foundation import AccessLogBucket, CostTags, DataKey
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Experiments")
        key = DataKey(stack, "Key", description="Experiments")
        Experiments(stack, "Experiments", name="demo", key=key, access_logs=AccessLogBucket(stack, "Logs"))
        app.synth()

    :param name: name of the app, 1 to 256 letters, digits and hyphens.
    :param key: encrypts the artifacts.
    :param access_logs: where server access logs go.
    :param replica: keep a second copy of the artifacts. Default: no.
    :param topic: told of artifacts that could not be copied; needed with ``replica``. Default: nobody is.
    :param removal_policy: what happens to the artifacts on deletion of the stack. Default: retain.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        key: DataKey,
        access_logs: AccessLogBucket,
        replica: bool = False,
        topic: AlarmTopic | None = None,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        self.bucket = SecureBucket(
            self,
            "Artifacts",
            key=key,
            access_logs=access_logs,
            replica=replica,
            topic=topic,
            removal_policy=removal_policy,
        )
        role = WorkloadRole(
            self,
            "Role",
            # No page promises a condition key for this role:
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
            # A model gets into the registry by its pipeline only.
            model_registration_mode="AutoModelRegistrationDisabled",
        )
        self.app.node.add_dependency(role.permissions)
        self.app_arn: str = self.app.attr_arn

    def grant_use(self, role: iam.IRole) -> None:
        """Let ``role`` record runs and read them; an app has one permission for both."""
        grant(role, ["sagemaker:CallMlflowAppApi", "sagemaker:DescribeMlflowApp"], [self.app_arn])

    def grant_open(self, role: iam.IRole) -> None:
        """Let ``role`` open MLflow's pages, beside :meth:`grant_use`.

        https://docs.aws.amazon.com/sagemaker/latest/dg/mlflow-launch-ui.html
        """
        grant(role, ["sagemaker:CreatePresignedMlflowAppUrl"], [self.app_arn])
