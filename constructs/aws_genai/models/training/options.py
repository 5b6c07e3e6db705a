"""The options of training, each declared once: for code that passes them, and for the settings file."""

from __future__ import annotations

from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from ...data.fine_tuning import Method, TrainingFacts, check_transform
from ...data.jumpstart import JumpStartCatalogue, JumpStartModel, check_eula
from ...errors import InvalidValueError, nearest, reported_at
from ...foundation.options import ExistingBucket
from ...options import HostedType, ModelId, Options, RoleArn, text
from ...resource_name import SAGEMAKER, ResourceName
from ..hosting.options import ApprovedEndpointOptions

#: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateDomain.html
STUDIO_NAME = ResourceName("Studio", 63, SAGEMAKER)
#: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateHub.html
HUB_NAME = ResourceName("Hub", 63, SAGEMAKER)

#: A score between 0 and 1.
Score = Annotated[float, Field(ge=0, le=1)]
#: What the answers of a model are scored by.
Metric = Literal["exact_match", "f1", "rouge_l"]
#: A number, or a word that the training script knows.
Hyperparameter = (
    Annotated[int, Field(ge=-1_000_000_000, le=1_000_000_000)]
    | Annotated[float, Field(ge=-1e9, le=1e9)]
    | Annotated[str, Field(min_length=1, max_length=256)]
)
#: What a user of the Studio does, which decides the permissions.
Persona = Literal["data-scientist", "ml-engineer", "approver"]
PERSONAS: tuple[Persona, ...] = get_args(Persona)


class DataSetOptions(Options):
    """Data sets that may train models."""

    approver_roles: list[RoleArn] = []
    """ARNs of the roles that sign data sets and approve model versions, in addition to the approver of the Studio."""

    bucket: ExistingBucket | None = None
    """An existing bucket that holds the data sets. It must have versioning enabled, and reject requests without TLS.
    Default: a new bucket."""


class FineTuningOptions(Options):
    """A model of the JumpStart catalogue that is fine-tuned on one data set."""

    model: ModelId
    """Id of a model of the JumpStart catalogue that can be fine-tuned."""

    accept_eula: bool = False
    """Whether to accept the model's end-user license agreement."""

    method: Method = "instruction"
    """Kind of the records: instructions with responses, conversations, or plain text of a domain."""

    hyperparameters: dict[Annotated[str, Field(max_length=64)], Hyperparameter] = {}
    """Hyperparameters of JumpStart's training script that differ from its defaults."""

    instance_type: HostedType | None = None
    """SageMaker instance type of the training job. Default: the default type of the training script."""

    max_hours: Annotated[int, Field(ge=1, le=672)] = 24
    """Maximum run time of the training job, in hours."""

    spot: bool = True
    """Whether to train on Spot capacity, with checkpoints."""

    thresholds: Annotated[dict[Metric, Score], Field(min_length=1)] = {"f1": 0.2}
    """Minimum scores of the answers to the held-out questions. A model below one of them is not registered."""

    refuse_personal_data: bool = False
    """Whether personal data in the data set fails a run. It is always counted in the report."""

    most_duplicates_percent: Annotated[float, Field(ge=0, le=100)] = 5
    """Maximum share of duplicate records, in percent."""

    endpoint: ApprovedEndpointOptions = ApprovedEndpointOptions()
    """The endpoint that approved versions are deployed to."""

    @model_validator(mode="after")
    def _trainable(self) -> Self:
        model, training = self.base()
        check_eula(model, self.accept_eula)
        training.arguments(self.method, self.hyperparameters)
        if self.instance_type:
            training.check_type(self.instance_type)
        serving = self.serving_type()
        if serving not in model.supported_instance_types:
            raise InvalidValueError(
                f"{self.model} does not run on {serving}",
                field="endpoint",
                hint=nearest(serving, model.supported_instance_types),
            )
        check_transform(serving, field="endpoint")
        return self

    def base(self) -> tuple[JumpStartModel, TrainingFacts]:
        """The base model, and how it is fine-tuned.

        :raises InvalidValueError: if the catalogue has no such model, or it cannot be fine-tuned.
        """
        with reported_at("model"):
            model = JumpStartCatalogue.get(self.model)
        if model.training is None:
            raise InvalidValueError(
                f"{self.model} cannot be fine-tuned, or how is not known",
                field="model",
                hint=f"Choose one of: {', '.join(JumpStartCatalogue.trainable())}",
            )
        return model, model.training

    def training_type(self) -> str:
        """The instance type of the training job."""
        return self.instance_type or self.base()[1].default_instance_type

    def serving_type(self) -> str:
        """The instance type of the evaluation and of the endpoint."""
        return self.endpoint.instance_type or self.base()[0].default_instance_type

    def check_region(self, region: str) -> None:
        """Refuse a model that the Region does not offer.

        :raises InvalidValueError: naming the nearest Region that does.
        """
        model, _ = self.base()
        if region not in model.regions:
            raise InvalidValueError(
                f"{self.model} is not available in {region}", field="model", hint=nearest(region, model.regions)
            )


class HubOptions(Options):
    """A private JumpStart hub. Users of the Studio see no model outside it."""

    models: list[ModelId] = []
    """Ids of models of the JumpStart catalogue that may be used, in addition to those of endpoints and pipelines."""

    @model_validator(mode="after")
    def _known(self) -> Self:
        for model in self.models:
            with reported_at("models"):
                JumpStartCatalogue.get(model)
        return self

    def check_region(self, region: str) -> None:
        """Refuse models that the Region does not offer.

        :raises InvalidValueError: naming the first.
        """
        for model in self.models:
            if region not in JumpStartCatalogue.get(model).regions:
                raise InvalidValueError(f"{model} is not available in {region}", field="models")


class StudioOptions(Options):
    """A SageMaker Studio domain without access to the internet."""

    people: dict[
        Annotated[
            str,
            text(
                r"^[a-z0-9](-*[a-z0-9]){0,62}$",
                "have at most 63 lower-case letters, digits and hyphens between them",
                max_length=63,
            ),
        ],
        Persona,
    ] = {}
    """The persona of each user profile, by the name with which the user signs in, without a domain."""

    idle_minutes: Annotated[int, Field(ge=60, le=525_600)] = 60
    """Number of minutes without use after which a space stops."""

    instance_types: Annotated[list[HostedType], Field(min_length=1)] = [
        "ml.t3.medium",
        "ml.t3.large",
        "ml.m5.large",
        "ml.m5.xlarge",
    ]
    """SageMaker instance types that spaces may run on."""

    sign_on: Literal["IAM", "SSO"] = "IAM"
    """Whether users sign in through IAM Identity Center (SSO) or through IAM."""
