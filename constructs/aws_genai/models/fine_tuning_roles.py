"""What the jobs of a fine-tuning may, and what the pipeline that starts them may."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_iam as iam

from ..data.fine_tuning import TrainingFacts
from ..data.jumpstart import JumpStartModel
from ..functions.python_function import PythonFunction
from ..gate.acknowledgements import acknowledge
from ..pseudo import ACCOUNT_ID, PARTITION
from ..security.key import DataKey
from ..security.role import WorkloadRole
from .execution import IN_VPC, LOG, METRICS_ONLY, PULL, WILDCARDS, WILDCARDS_MET_BY
from .execution import METRICS as PUT_METRICS
from .hosted_endpoint import region_of

if TYPE_CHECKING:
    from .experiments import Experiments
    from .fine_tuning import FineTuning


def job_role(
    tuning: FineTuning, model: JumpStartModel, facts: TrainingFacts, image: str, region: str, key: DataKey
) -> WorkloadRole:
    """What training and batch transform may: read admitted data and the base model, write their own output.

    https://docs.aws.amazon.com/sagemaker/latest/dg/sagemaker-roles.html#sagemaker-roles-createtrainingjob-perms
    """
    role = WorkloadRole(tuning, "Job", assumed_by=_sagemaker(), description=f"Jobs that fine-tune on {tuning.name}")
    bucket = tuning.data_sets.bucket
    bucket.grant_read(role, f"verified/{tuning.name}/", f"output/{tuning.name}/", f"checkpoints/{tuning.name}/")
    bucket.grant_write(role, f"output/{tuning.name}/", f"checkpoints/{tuning.name}/")
    weights = f"arn:{PARTITION}:s3:::{model.bucket(region)}"
    scripts = f"arn:{PARTITION}:s3:::{scripts_bucket(region)}"
    role.allow(("s3:GetObject",), [f"{weights}/{facts.artifact}", f"{scripts}/{facts.script}"])
    for arn, prefix in ((weights, facts.artifact), (scripts, facts.script)):
        role.allow(("s3:ListBucket",), [arn], conditions={"StringLike": {"s3:prefix": f"{prefix}*"}})
    images = [facts.image_uri(region), image]
    role.allow(PULL, [_repository(each, region) for each in images])
    role.allow(("ecr:GetAuthorizationToken", *IN_VPC), ["*"])
    role.allow((PUT_METRICS,), ["*"], conditions=METRICS_ONLY)
    logs = "log-group:/aws/sagemaker/T*"
    role.allow(LOG, [f"arn:{PARTITION}:logs:{region}:{ACCOUNT_ID}:{logs}"])
    # Volumes and output are encrypted under the key, by grants that jobs make for SageMaker.
    role.allow(("kms:CreateGrant", "kms:DescribeKey", "kms:Encrypt"), [key.key_arn])
    key.allow_role(f"Jobs{tuning.node.id}", role.role_arn, ("kms:CreateGrant", "kms:DescribeKey", "kms:Encrypt"))
    acknowledge(
        role.permissions,
        "AwsSolutions-IAM5",
        finding=("Resource::*", f"Resource::arn:<AWS::Partition>:logs:{region}:<AWS::AccountId>:{logs}"),
        reason=f"Training and transform jobs share two log groups, which SageMaker makes. {WILDCARDS}",
        met_by=f"log groups of SageMaker's jobs only; {WILDCARDS_MET_BY}",
    )
    return role


def pipeline_role(
    tuning: FineTuning, job: WorkloadRole, evaluate: PythonFunction, experiments: Experiments | None
) -> WorkloadRole:
    """What the pipeline may: start its own jobs, call its two functions, and register versions in its group.

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
    role.allow(
        ("sagemaker:AddTags", "sagemaker:CreateModelPackage", "sagemaker:DescribeModelPackage"),
        [tuning.arn(versions), tuning.group.attr_model_package_group_arn],
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


def scripts_bucket(region: str) -> str:
    """The bucket of JumpStart's scripts, which are open whatever the model is."""
    return f"jumpstart-cache-prod-{region}"


def _repository(image: str, region: str) -> str:
    registry, _, name = image.partition("/")
    return f"arn:{PARTITION}:ecr:{region}:{registry.partition('.')[0]}:repository/{name.partition(':')[0]}"
