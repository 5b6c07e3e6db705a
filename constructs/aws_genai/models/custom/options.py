"""The options of custom models of Amazon Bedrock, each declared once: for code, and for the settings file."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ...data.bedrock import BedrockCatalogue
from ...data.customization import Kind, check_customization
from ...errors import InvalidValueError, nearest
from ...options import KeyArn, ModelId, Name, Options, text
from ...resource_name import BEDROCK, ResourceName
from ..hosting.options import ModelFiles

#: The name of an imported model ends in a suffix that identifies weights and request.
#: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateModelImportJob.html
IMPORTED_NAME = ResourceName("Model", 40, BEDROCK)
#: These names end in a hyphen and eight characters that identify the request.
#: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateModelCustomizationJob.html
CUSTOMIZED_NAME = ResourceName("Model", 54, BEDROCK)
#: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateProvisionedModelThroughput.html
CAPACITY_NAME = ResourceName("Throughput", 54, BEDROCK)

_CUSTOM = r"arn:aws[a-z-]*:bedrock:[a-z0-9-]+:[0-9]{12}:custom-model/[a-z0-9.:-]{1,140}/[a-z0-9]{12}"
_FOUNDATION = r"arn:aws[a-z-]*:bedrock:[a-z0-9-]+::foundation-model/[a-z0-9.:-]{1,140}"
CustomModelArn = Annotated[str, text(f"^{_CUSTOM}$", "be the ARN of a custom model")]


class ImportedModelOptions(ModelFiles):
    """A model of your own in the Hugging Face format, imported into Amazon Bedrock and billed while it is in use.

    https://docs.aws.amazon.com/bedrock/latest/userguide/model-customization-import-model.html
    """

    version: Annotated[str, Field(max_length=64)] = ""
    """Any text; a change imports the same files again."""


class CustomizationOptions(Options):
    """A customization of a Bedrock model with a signed data set.

    https://docs.aws.amazon.com/bedrock/latest/userguide/custom-models.html
    """

    base: ModelId
    """Id of the foundation model that is customized."""

    data_set: Name | None = None
    """Name of the data set. Default: the name of the customization."""

    kind: Kind = "fine-tuning"
    """Fine-tuning on the responses in the data set, or distillation, which uses the responses of a teacher model."""

    teacher: ModelId | None = None
    """Id of the teacher model. Required for distillation."""

    hyperparameters: dict[Annotated[str, Field(max_length=64)], Annotated[float, Field(ge=0, le=1_000_000)]] = {}
    """Hyperparameters by the names that Bedrock uses, such as epochCount. Default: those of Bedrock."""

    refuse_personal_data: bool = False
    """Whether personal data in the data set fails a run. Without it, personal data is only counted."""

    most_duplicates_percent: Annotated[float, Field(ge=0, le=100)] = 5
    """Maximum share of duplicate records, in percent."""

    @model_validator(mode="after")
    def _customizable(self) -> Self:
        check_customization(self.base, self.kind, self.teacher, self.hyperparameters)
        return self


class DeploymentOptions(Options):
    """An on-demand deployment of a custom model.

    https://docs.aws.amazon.com/bedrock/latest/userguide/deploy-custom-model-on-demand.html
    """

    model: CustomModelArn
    """ARN of the custom model."""

    key_arn: KeyArn | None = None
    """ARN of the KMS key that encrypts the custom model; its key policy must allow callers to decrypt through Bedrock.
    Default: the key of the stack."""


class ProvisionedThroughputOptions(Options):
    """Model units that are billed by the hour, whether they are used or not.

    https://docs.aws.amazon.com/bedrock/latest/userguide/prov-throughput.html
    """

    model: Annotated[str, text(f"^({_CUSTOM}|{_FOUNDATION})$", "be the ARN of a custom or foundation model")]
    """ARN of the custom model or foundation model."""

    key_arn: KeyArn | None = None
    """ARN of the KMS key that encrypts a custom model; its key policy must allow callers to decrypt through Bedrock.
    Default: the key of the stack."""

    units: Annotated[int, Field(ge=1, le=100)]
    """Number of model units."""

    usd_per_hour: Annotated[float, Field(ge=0.01, le=100_000)]
    """Hourly price of one unit in US dollars, which AWS quotes for the model and the commitment term."""

    commitment: Literal["OneMonth", "SixMonths"] | None = None
    """Commitment term, during which the throughput cannot be deleted. Default: no commitment."""

    @property
    def foundation(self) -> str | None:
        """Id of the foundation model, without its context length; None for a custom model."""
        found = self.model.partition(":foundation-model/")[2]
        known = BedrockCatalogue.names()
        return next((each for each in (found, found.rpartition(":")[0]) if each in known), found) or None

    @model_validator(mode="after")
    def _known(self) -> Self:
        region, known = self.model.split(":")[3], BedrockCatalogue.names()
        if self.foundation and self.foundation not in known:
            # Provisioned throughput is for a model, not for an inference profile.
            models = [each for each in map(BedrockCatalogue.get, known) if each.model_id in each.callable_from(region)]
            here = {each.model_id for each in models}
            raise InvalidValueError(
                f"{self.foundation} is not a Bedrock model that this catalogue knows",
                field="model",
                hint=nearest(self.foundation, here) if here else "Choose another Region",
            )
        return self
