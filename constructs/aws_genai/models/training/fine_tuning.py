"""Fine-tuning in a pipeline: validation, training, evaluation, registration, approval, deployment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Stack, aws_iam as iam, aws_sagemaker as sagemaker
from constructs import Construct

from ...data.accelerators import AcceleratorCatalogue
from ...data.fine_tuning import TrainingFacts
from ...data.jumpstart import JumpStartModel
from ...foundation.foundation import Foundation
from ...foundation.key import DataKey
from ...foundation.pseudo import ACCOUNT_ID, PARTITION
from ...foundation.role import WorkloadRole, grant
from ...functions.model_evaluation.environment import Environment
from ...gate.acknowledgement import acknowledge
from ...packaging.python_function import PythonFunction
from ..hosting.approved_endpoint import ApprovedEndpoint
from ..hosting.execution import IN_VPC, LOG, METRICS as PUT_METRICS, METRICS_ONLY, PULL, WILDCARDS, WILDCARDS_MET_BY
from ..hosting.hosted_endpoint import region_of
from ..hosting.options import APPROVED_NAME
from .data_sets import SignedDataSets
from .options import FineTuningOptions
from .pipeline_definition import LINEAGE, Pipeline, Serving, Training

if TYPE_CHECKING:
    from .experiments import Experiments


class FineTuning(Construct):
    """A SageMaker pipeline that fine-tunes a JumpStart model on a signed data set, and an endpoint for its approved
    versions.

    The pipeline admits the data set, trains with JumpStart's script on Spot capacity with checkpoints, lets the model
    answer the held-out questions, and registers it if its scores reach the thresholds. Containers have no network
    access. The registry holds, for each version, the manifest of the data set that trained it. An approval deploys the
    version, unless AWS CloudTrail shows that the approver started the training.

    It is a SageMaker pipeline rather than a Step Functions state machine, since pipelines have steps for training,
    batch transform and registration, cost nothing but their jobs, record lineage and MLflow runs, and appear in Studio.
    https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines.html

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate
        from aws_genai.models import DataSetOptions, FineTuning, FineTuningOptions, SignedDataSets

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
        foundation = Foundation(stack, network=["us-east-1a", "us-east-1b"])
        FineTuning(
            stack,
            "Support",
            foundation=foundation,
            name="support",
            endpoint_name="support",
            options=FineTuningOptions(
                model="huggingface-llm-gemma-7b-instruct",
                accept_eula=True,
                hyperparameters={"epoch": 2, "lora_r": 16},
            ),
            data_sets=SignedDataSets(
                stack,
                "DataSets",
                foundation=foundation,
                options=DataSetOptions(approver_roles=["arn:aws:iam::111122223333:role/data-approver"]),
            ),
        )
        app.synth()

    :param foundation: key, topic, network, and tags of the jobs.
    :param name: name of the data set, 1 to 40 lower-case letters, digits and hyphens.
    :param endpoint_name: name of the pipeline, of the model package group, and of the endpoint.
    :param options: the model, its training, and the endpoint.
    :param data_sets: the data sets that may train models.
    :param experiments: the MLflow app that records runs. Default: none.
    :raises InvalidValueError: if the model is not available in the Region.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        name: str,
        endpoint_name: str,
        options: FineTuningOptions,
        data_sets: SignedDataSets,
        experiments: Experiments | None = None,
    ) -> None:
        super().__init__(scope, id)
        APPROVED_NAME.check(endpoint_name, field="endpoint_name")
        key, network = foundation.key, foundation.private_network
        self.name, self.pipeline_name, self.data_sets = name, endpoint_name, data_sets
        model, facts = options.base()
        region = region_of(self)
        trains, serves = options.training_type(), options.serving_type()
        image = model.image(serves, region)
        bucket = data_sets.bucket
        group = network.security_group(self, "Group", description=f"Training of {name}: no inbound rule")
        evaluate = PythonFunction(
            self,
            "Evaluate",
            folder="model_evaluation",
            foundation=foundation,
            environment=Environment(BUCKET=bucket.bucket_name),
            memory_mib=1024,
            timeout_seconds=600,
            reserved_concurrency=5,
        )
        bucket.grant_read(evaluate.role, f"verified/{name}/", f"output/{name}/")
        bucket.grant_write(evaluate.role, f"reports/{name}/")
        self.group = sagemaker.CfnModelPackageGroup(
            self,
            "Versions",
            model_package_group_name=endpoint_name,
            # The description cannot be changed, so it does not name the base model, which can.
            model_package_group_description=f"Fine-tuned on {name}",
        )
        job = _job_role(self, model, facts, image, region, key)
        runner = _pipeline_role(self, job, evaluate, experiments)
        definition = Pipeline(
            data_set=name,
            options=options,
            bucket=bucket.bucket_name,
            key_arn=key.key_arn,
            role_arn=job.role_arn,
            subnets=network.subnet_ids,
            groups=[group.attr_group_id],
            admit_arn=data_sets.function.function_arn,
            evaluate_arn=evaluate.function_arn,
            training=Training(
                image=facts.image_uri(region),
                metrics=facts.metrics,
                hyperparameters=facts.arguments(options.method, options.hyperparameters),
                model_uri=f"s3://{model.bucket(region)}/{facts.artifact}",
                accept_eula=bool(model.eula),
                code_uri=f"s3://{_scripts_bucket(region)}/{facts.script}",
                instance_type=trains,
                volume_gib=facts.volume_gib,
                volume_key=_volume_key(trains, key),
                held_out=facts.validation,
            ),
            serving=Serving(
                image=image,
                environment=model.container_environment(serves),
                instance_type=serves,
                volume_key=_volume_key(serves, key),
            ),
            group=endpoint_name,
            base=f"{options.model} {model.version}",
            experiments_arn=experiments.app_arn if experiments else None,
            tags=foundation.tags,
        ).definition()
        self.pipeline = sagemaker.CfnPipeline(
            self,
            "Resource",
            pipeline_name=endpoint_name,
            pipeline_description=f"Fine-tunes {options.model} on {name}",
            pipeline_definition={"PipelineDefinitionBody": Stack.of(self).to_json_string(definition)},
            role_arn=runner.role_arn,
        )
        self.pipeline.node.add_dependency(runner.permissions, job.permissions)
        self.pipeline_arn: str = self.arn(f"pipeline/{endpoint_name}")
        #: The endpoint of approved versions.
        self.endpoint = ApprovedEndpoint(
            self,
            "Approved",
            foundation=foundation,
            endpoint_name=endpoint_name,
            options=options.endpoint.model_copy(update={"instance_type": serves}),
            group=self.group,
            image=image,
            models=bucket,
            prefix=f"output/{name}/",
        )

    def grant_train(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee`` write data sets, start and watch training, and read its reports; it cannot approve."""
        self.data_sets.grant_author(grantee)
        granted = grant(
            grantee,
            [
                "sagemaker:DescribePipeline",
                "sagemaker:ListPipelineExecutions",
                "sagemaker:StartPipelineExecution",
            ],
            [self.pipeline_arn],
        )
        grant(
            grantee,
            [
                "sagemaker:DescribePipelineExecution",
                "sagemaker:ListPipelineExecutionSteps",
                "sagemaker:StopPipelineExecution",
            ],
            [f"{self.pipeline_arn}/execution/*"],
        )
        self._acknowledge_below(grantee, f"pipeline/{self.pipeline_name}/execution/*")
        return granted

    def grant_approve(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let ``grantee`` sign data sets, and approve or reject versions; it cannot train.

        It cannot change which run and which data a version names either, nor write the data that it signs. Whether the
        model is that of the run is compared before it is deployed (:class:`ApprovedEndpoint`).
        https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-approve.html
        https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemaker.html
        """
        self.data_sets.grant_approve(grantee)
        versions = self.arn(f"model-package/{self.pipeline_name}/*")
        granted = grant(grantee, ["sagemaker:DescribeModelPackage"], [versions])
        # A request that changes what a version says of its run is not an approval, whatever else it says.
        lineage = [*(f"sagemaker:CustomerMetadataProperties/{name}" for name in LINEAGE), REMOVED]
        grant(
            grantee,
            ["sagemaker:UpdateModelPackage"],
            [versions],
            conditions={
                "Null": dict.fromkeys(lineage, "true"),
                "StringEquals": {"sagemaker:ModelApprovalStatus": ["Approved", "Rejected"]},
            },
        )
        # IAM's reference allows listing on versions, the pages of the registry on their group.
        group = self.group.attr_model_package_group_arn
        grant(grantee, ["sagemaker:DescribeModelPackageGroup", "sagemaker:ListModelPackages"], [group, versions])
        self._acknowledge_below(grantee, f"model-package/{self.pipeline_name}/*")
        return granted

    def _acknowledge_below(self, grantee: iam.IGrantable, resource: str) -> None:
        if isinstance(grantee, WorkloadRole):
            acknowledge(
                grantee.permissions,
                "AwsSolutions-IAM5",
                finding=f"Resource::arn:<AWS::Partition>:sagemaker:{region_of(self)}:<AWS::AccountId>:{resource}",
                reason="SageMaker numbers executions and versions itself, so the statement ends at their parent.",
                met_by="the one pipeline and the one group of versions in the statement",
            )

    def arn(self, resource: str) -> str:
        """The ARN of a SageMaker resource in the account and Region of this pipeline."""
        return f"arn:{PARTITION}:sagemaker:{region_of(self)}:{ACCOUNT_ID}:{resource}"


#: Condition key of the names of metadata that a request removes.
REMOVED = "sagemaker:CustomerMetadataPropertiesToRemove"


def _volume_key(instance_type: str, key: DataKey) -> str | None:
    """SageMaker refuses a key for types with local disks, which the Nitro card encrypts."""
    facts = AcceleratorCatalogue.default().get(instance_type.removeprefix("ml."))
    return None if facts.has_local_storage else key.key_arn


def _job_role(
    tuning: FineTuning, model: JumpStartModel, facts: TrainingFacts, image: str, region: str, key: DataKey
) -> WorkloadRole:
    """The role of training and batch transform: it reads admitted data and the base model, and writes their output.

    https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html#sagemaker-roles-createtrainingjob-perms
    """
    role = WorkloadRole(tuning, "Job", assumed_by=_sagemaker(), description=f"Jobs that fine-tune on {tuning.name}")
    bucket = tuning.data_sets.bucket
    bucket.grant_read(role, f"verified/{tuning.name}/", f"output/{tuning.name}/", f"checkpoints/{tuning.name}/")
    bucket.grant_write(role, f"output/{tuning.name}/", f"checkpoints/{tuning.name}/")
    weights = f"arn:{PARTITION}:s3:::{model.bucket(region)}"
    scripts = f"arn:{PARTITION}:s3:::{_scripts_bucket(region)}"
    role.allow(("s3:GetObject",), [f"{weights}/{facts.artifact}", f"{scripts}/{facts.script}"])
    for arn, prefix in ((weights, facts.artifact), (scripts, facts.script)):
        role.allow(("s3:ListBucket",), [arn], conditions={"StringLike": {"s3:prefix": f"{prefix}*"}})
    images = [facts.image_uri(region), image]
    role.allow(PULL, [_repository(each, region) for each in images])
    role.allow(("ecr:GetAuthorizationToken", *IN_VPC), ["*"])
    role.allow((PUT_METRICS,), ["*"], conditions=METRICS_ONLY)
    logs = "log-group:/aws/sagemaker/T*"
    role.allow(LOG, [f"arn:{PARTITION}:logs:{region}:{ACCOUNT_ID}:{logs}"])
    # Volumes and output are encrypted with the key, through grants that the jobs create for SageMaker.
    role.allow(("kms:CreateGrant", "kms:DescribeKey", "kms:Encrypt"), [key.key_arn])
    key.allow_role(f"Jobs{tuning.node.id}", role.role_arn, ("kms:CreateGrant", "kms:DescribeKey", "kms:Encrypt"))
    acknowledge(
        role.permissions,
        "AwsSolutions-IAM5",
        finding=("Resource::*", f"Resource::arn:<AWS::Partition>:logs:{region}:<AWS::AccountId>:{logs}"),
        reason=f"Training and transform jobs share two log groups, which SageMaker creates. {WILDCARDS}",
        met_by=f"log groups of SageMaker's jobs only; {WILDCARDS_MET_BY}",
    )
    return role


def _pipeline_role(
    tuning: FineTuning, job: WorkloadRole, evaluate: PythonFunction, experiments: Experiments | None
) -> WorkloadRole:
    """The role of the pipeline: it starts its own jobs, invokes its two functions, and registers versions in its group.

    https://docs.aws.amazon.com/sagemaker/latest/dg/build-and-manage-access.html
    """
    role = WorkloadRole(tuning, "Runner", assumed_by=_sagemaker(), description=f"Pipeline {tuning.pipeline_name}")
    role.allow(("lambda:InvokeFunction",), [tuning.data_sets.function.function_arn, evaluate.function_arn])
    names = {kind: f"{kind}/pipelines-*" for kind in ("training-job", "transform-job", "model")}
    for kind, verbs in (
        ("training-job", ("CreateTrainingJob", "DescribeTrainingJob", "StopTrainingJob")),
        ("transform-job", ("CreateTransformJob", "DescribeTransformJob", "StopTransformJob")),
        ("model", ("CreateModel", "DeleteModel", "DescribeModel")),
    ):
        role.allow(tuple(f"sagemaker:{verb}" for verb in (*verbs, "AddTags")), [tuning.arn(names[kind])])
    versions = f"model-package/{tuning.pipeline_name}/*"
    registered = [tuning.arn(versions), tuning.group.attr_model_package_group_arn]
    role.allow(("sagemaker:AddTags", "sagemaker:DescribeModelPackage"), registered)
    # A pipeline registers versions for people to approve, and approves none.
    role.allow(
        ("sagemaker:CreateModelPackage",),
        registered,
        conditions={"StringEqualsIfExists": {"sagemaker:ModelApprovalStatus": "PendingManualApproval"}},
    )
    role.allow(
        ("iam:PassRole",),
        [job.role_arn],
        conditions={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
    )
    if experiments:
        experiments.grant_use(role)
    place = f"Resource::arn:<AWS::Partition>:sagemaker:{region_of(tuning)}:<AWS::AccountId>:"
    acknowledge(
        role.permissions,
        "AwsSolutions-IAM5",
        finding=tuple(f"{place}{each}" for each in (*names.values(), versions)),
        reason="A pipeline names its jobs by the id of a run, and the registry numbers versions.",
        met_by="the prefix of pipelines, the one group of versions, and the one role that may be passed",
    )
    return role


def _sagemaker() -> iam.ServicePrincipal:
    return iam.ServicePrincipal(
        "sagemaker.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": ACCOUNT_ID}}
    )


def _scripts_bucket(region: str) -> str:
    """The bucket of JumpStart's training scripts, which are public even for gated models."""
    return f"jumpstart-cache-prod-{region}"


def _repository(image: str, region: str) -> str:
    registry, _, name = image.partition("/")
    return f"arn:{PARTITION}:ecr:{region}:{registry.partition('.')[0]}:repository/{name.partition(':')[0]}"
