"""A reviewed way from a data set to a model that serves: validation, training, evaluation, registry, approval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from aws_cdk import RemovalPolicy, Stack, aws_iam as iam, aws_sagemaker as sagemaker
from constructs import Construct

from ...data.accelerators import AcceleratorCatalogue
from ...data.fine_tuning import Method, TrainingFacts, check_transform
from ...data.jumpstart import JumpStartCatalogue, JumpStartModel, check_eula
from ...errors import InvalidValueError, nearest
from ...foundation.alarms import AlarmTopic
from ...foundation.key import DataKey
from ...foundation.network import PrivateNetwork
from ...foundation.pseudo import ACCOUNT_ID, PARTITION
from ...foundation.role import WorkloadRole, grant
from ...functions.model_evaluation.scores import METRICS
from ...gate.acknowledgement import acknowledge
from ...packaging.python_function import PythonFunction
from ..hosting.approved_endpoint import ApprovedEndpoint
from ..hosting.execution import IN_VPC, LOG, METRICS as PUT_METRICS, METRICS_ONLY, PULL, WILDCARDS, WILDCARDS_MET_BY
from ..hosting.hosted_endpoint import region_of
from .data_sets import SignedDataSets
from .pipeline_definition import Pipeline, Serving, Training

if TYPE_CHECKING:
    from .experiments import Experiments

#: What a model has to reach unless the settings say otherwise: a model that learned nothing reaches less.
THRESHOLDS: Mapping[str, float] = {"f1": 0.2}


class FineTuning(Construct):
    """A JumpStart model fine-tuned on a signed data set by a SageMaker pipeline, and deployed once it was approved.

    The pipeline admits the data set, trains with JumpStart's script on Spot capacity with checkpoints, lets the model
    answer the questions that were held out, and registers it if it is good enough; below a threshold nothing is
    registered. Containers have no network. The registry holds, for each version, the manifest that trained it. An
    approval deploys it, if CloudTrail says that another person started the training.

    It is a SageMaker pipeline rather than a Step Functions workflow: training, batch transform and registration are
    steps of their own there, runs cost nothing beside their jobs, lineage and MLflow come with it, and data scientists
    find it in Studio. https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines.html

    Example::

        import aws_cdk as cdk
        from aws_genai.models import FineTuning, SignedDataSets
        from aws_genai.foundation import AccessLogBucket, AlarmTopic, CostTags, DataKey, PrivateNetwork
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
        key = DataKey(stack, "Key", description="Models")
        key.allow_logs()
        topic = AlarmTopic(stack, "Alarms", key=key)
        FineTuning(
            stack,
            "Support",
            name="support",
            endpoint_name="support",
            model_id="huggingface-llm-gemma-7b-instruct",
            accept_eula=True,
            data_sets=SignedDataSets(
                stack,
                "DataSets",
                approver_role_arns=[f"arn:aws:iam::{cdk.Aws.ACCOUNT_ID}:role/data-approver"],
                key=key,
                access_logs=AccessLogBucket(stack, "Logs"),
                topic=topic,
            ),
            hyperparameters={"epoch": 2, "lora_r": 16},
            key=key,
            network=PrivateNetwork(stack, "Network", zones=["us-east-1a", "us-east-1b"], key=key),
            topic=topic,
        )
        app.synth()

    :param name: name of the data set, 1 to 40 lower-case letters, digits and hyphens.
    :param endpoint_name: name of the pipeline, of the group in the registry, and of the endpoint.
    :param model_id: a model of :class:`JumpStartCatalogue` that can be fine-tuned.
    :param data_sets: where the data set lies.
    :param key: encrypts volumes, models and logs.
    :param network: where jobs and endpoint run.
    :param topic: told of approvals and alarms.
    :param accept_eula: accept the model's end-user licence agreement. Default: no.
    :param method: instructions with answers, conversations (``chat``), or plain text (``domain``). Default:
        instructions.
    :param hyperparameters: those of JumpStart's script that differ from its defaults. Default: none.
    :param instance_type: type that trains. Default: the script's own.
    :param max_hours: longest training, 1 to 672 hours. Default: 24.
    :param spot: train on Spot capacity, with checkpoints. Default: yes.
    :param thresholds: least ``exact_match``, ``f1`` and ``rouge_l`` against the held-out answers, 0 to 1. Default:
        f1 of 0.2.
    :param refuse_personal_data: let personal data stop a run instead of only being counted. Default: no.
    :param most_duplicates_percent: share of records that may stand twice, in percent. Default: 5.
    :param serving_type: type that answers, for the evaluation and behind the endpoint. Default: the model's own.
    :param instances: instances of the endpoint. Default: 1.
    :param latency_ms: median latency in milliseconds that raises an alarm. Default: 30,000.
    :param idle_hours: hours without a call that raise an alarm, 1 to 24. Default: 6.
    :param experiments: where runs are compared. Default: nowhere.
    :param tags: tags of jobs and of the endpoint, which CloudFormation does not make. Default: none.
    :param functions_network: a VPC that functions run in. Default: none, the service's own network.
    :param log_days: days that logs are kept. Default: 365.
    :param removal_policy: what happens to logs on deletion of the stack. Default: retain.
    :raises InvalidValueError: if the model cannot be fine-tuned, a hyperparameter is out of its range, a threshold is
        not a metric, batch transform lacks the type that answers, or the Region lacks the model.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        endpoint_name: str,
        model_id: str,
        data_sets: SignedDataSets,
        key: DataKey,
        network: PrivateNetwork,
        topic: AlarmTopic,
        accept_eula: bool = False,
        method: Method = "instruction",
        hyperparameters: Mapping[str, object] | None = None,
        instance_type: str | None = None,
        max_hours: int = 24,
        spot: bool = True,
        thresholds: Mapping[str, float] | None = None,
        refuse_personal_data: bool = False,
        most_duplicates_percent: float = 5,
        serving_type: str | None = None,
        instances: int = 1,
        latency_ms: int = 30_000,
        idle_hours: int = 6,
        experiments: Experiments | None = None,
        tags: Mapping[str, str] | None = None,
        functions_network: PrivateNetwork | None = None,
        log_days: int = 365,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    ) -> None:
        super().__init__(scope, id)
        self.name, self.pipeline_name, self.data_sets = name, endpoint_name, data_sets
        model, facts = trainable(model_id)
        check_eula(model, accept_eula)
        wanted = dict(THRESHOLDS if thresholds is None else thresholds)
        check_thresholds(wanted)
        region = region_of(self)
        trains = instance_type or facts.default_instance_type
        facts.check_type(trains)
        serves = serving_type or model.default_instance_type
        check_transform(serves)
        image = model.image(serves, region)
        bucket = data_sets.bucket
        group = network.security_group(self, "Group", description=f"Training of {name}: no inbound rule")
        evaluate = PythonFunction(
            self,
            "Evaluate",
            folder="model_evaluation",
            key=key,
            topic=topic,
            environment={"BUCKET": bucket.bucket_name},
            memory_mib=1024,
            timeout_seconds=600,
            reserved_concurrency=5,
            network=functions_network,
            log_days=log_days,
            removal_policy=removal_policy,
        )
        bucket.grant_read(evaluate.role, f"verified/{name}/", f"output/{name}/")
        bucket.grant_write(evaluate.role, f"reports/{name}/")
        self.group = sagemaker.CfnModelPackageGroup(
            self,
            "Versions",
            model_package_group_name=endpoint_name,
            # It cannot be changed, and versions of another model belong to the same group.
            model_package_group_description=f"Fine-tuned on {name}",
        )
        job = _job_role(self, model, facts, image, region, key)
        runner = _pipeline_role(self, job, evaluate, experiments)
        definition = Pipeline(
            data_set=name,
            method=method,
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
                hyperparameters=facts.arguments(method, hyperparameters or {}),
                model_uri=f"s3://{model.bucket(region)}/{facts.artifact}",
                accept_eula=bool(model.eula),
                code_uri=f"s3://{_scripts_bucket(region)}/{facts.script}",
                instance_type=trains,
                volume_gib=facts.volume_gib,
                volume_key=_volume_key(trains, key),
                max_hours=max_hours,
                spot=spot,
                held_out=facts.validation,
            ),
            serving=Serving(
                image=image,
                environment=model.container_environment(serves),
                instance_type=serves,
                volume_key=_volume_key(serves, key),
            ),
            thresholds=wanted,
            group=endpoint_name,
            base=f"{model_id} {model.version}",
            refuse_personal_data=refuse_personal_data,
            most_duplicates_percent=most_duplicates_percent,
            experiments_arn=experiments.app_arn if experiments else None,
            tags=tags or {},
        ).definition()
        self.pipeline = sagemaker.CfnPipeline(
            self,
            "Resource",
            pipeline_name=endpoint_name,
            pipeline_description=f"Fine-tunes {model_id} on {name}",
            pipeline_definition={"PipelineDefinitionBody": Stack.of(self).to_json_string(definition)},
            role_arn=runner.role_arn,
        )
        self.pipeline.node.add_dependency(runner.permissions, job.permissions)
        self.pipeline_arn: str = self.arn(f"pipeline/{endpoint_name}")
        #: Where approved versions serve.
        self.endpoint = ApprovedEndpoint(
            self,
            "Approved",
            endpoint_name=endpoint_name,
            group=self.group,
            pipeline=endpoint_name,
            image=image,
            models=bucket,
            prefix=f"output/{name}/",
            instance_type=serves,
            instances=instances,
            latency_ms=latency_ms,
            idle_hours=idle_hours,
            key=key,
            network=network,
            topic=topic,
            tags=tags or {},
            functions_network=functions_network,
            log_days=log_days,
            removal_policy=removal_policy,
        )

    def grant_train(self, role: iam.IRole) -> None:
        """Let ``role`` put data sets, start and watch training, and read its reports; approving is for others."""
        self.data_sets.allow_author(role)
        grant(
            role,
            [
                "sagemaker:DescribePipeline",
                "sagemaker:ListPipelineExecutions",
                "sagemaker:StartPipelineExecution",
            ],
            [self.pipeline_arn],
        )
        grant(
            role,
            [
                "sagemaker:DescribePipelineExecution",
                "sagemaker:ListPipelineExecutionSteps",
                "sagemaker:StopPipelineExecution",
            ],
            [f"{self.pipeline_arn}/execution/*"],
        )
        self._below(role, f"pipeline/{self.pipeline_name}/execution/*")

    def grant_approve(self, role: iam.IRole) -> None:
        """Let ``role`` sign data sets off, and approve or reject versions; training is for others.

        https://docs.aws.amazon.com/sagemaker/latest/dg/model-registry-approve.html
        """
        self.data_sets.allow_approver(role)
        versions = self.arn(f"model-package/{self.pipeline_name}/*")
        grant(role, ["sagemaker:DescribeModelPackage", "sagemaker:UpdateModelPackage"], [versions])
        # IAM's reference allows listing on versions, the pages of the registry on their group.
        group = self.group.attr_model_package_group_arn
        grant(role, ["sagemaker:DescribeModelPackageGroup", "sagemaker:ListModelPackages"], [group, versions])
        self._below(role, f"model-package/{self.pipeline_name}/*")

    def _below(self, role: iam.IRole, resource: str) -> None:
        if isinstance(role, WorkloadRole):
            acknowledge(
                role.permissions,
                "AwsSolutions-IAM5",
                finding=f"Resource::arn:<AWS::Partition>:sagemaker:{region_of(self)}:<AWS::AccountId>:{resource}",
                reason="SageMaker numbers executions and versions itself, so the statement ends at their parent.",
                met_by="the one pipeline and the one group of versions in the statement",
            )

    def arn(self, resource: str) -> str:
        """The ARN of a resource of SageMaker beside this pipeline."""
        return f"arn:{PARTITION}:sagemaker:{region_of(self)}:{ACCOUNT_ID}:{resource}"


def trainable(model_id: str) -> tuple[JumpStartModel, TrainingFacts]:
    """A model and what fine-tuning it takes.

    :raises InvalidValueError: if the catalogue does not hold it, or does not know how it is fine-tuned.
    """
    model = JumpStartCatalogue.get(model_id)
    if model.training is None:
        raise InvalidValueError(
            f"How {model_id} is fine-tuned is not known",
            field="model_id",
            hint=f"Choose one of: {', '.join(JumpStartCatalogue.trainable())}; make models LIVE=1 asks AWS for more",
        )
    return model, model.training


def check_thresholds(thresholds: Mapping[str, float]) -> None:
    """Refuse thresholds that nothing is measured by.

    :raises InvalidValueError: if one is not a metric, or not between 0 and 1, or there is none.
    """
    if not thresholds:
        raise InvalidValueError(
            "Without a threshold every model is registered", field="thresholds", hint="Set f1, say to 0.2"
        )
    for name, least in thresholds.items():
        if name not in METRICS:
            raise InvalidValueError(f"{name} is not measured", field="thresholds", hint=nearest(name, METRICS))
        if not 0 <= least <= 1:
            raise InvalidValueError(f"{name} is between 0 and 1, not {least:g}", field="thresholds")


def _volume_key(instance_type: str, key: DataKey) -> str | None:
    """SageMaker takes no key for types with disks of their own, which the Nitro card encrypts."""
    facts = AcceleratorCatalogue.default().get(instance_type.removeprefix("ml."))
    return None if facts.has_local_storage else key.key_arn


def _job_role(
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


def _pipeline_role(
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


def _scripts_bucket(region: str) -> str:
    """The bucket of JumpStart's scripts, which are open whatever the model is."""
    return f"jumpstart-cache-prod-{region}"


def _repository(image: str, region: str) -> str:
    registry, _, name = image.partition("/")
    return f"arn:{PARTITION}:ecr:{region}:{registry.partition('.')[0]}:repository/{name.partition(':')[0]}"
