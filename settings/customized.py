"""Settings of Bedrock models that are customized, and of throughput that is paid by the hour."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from aws_genai.data.bedrock import BedrockCatalogue
from aws_genai.data.customization import Kind, check_customization
from aws_genai.errors import InvalidValueError, nearest
from aws_genai.options import KeyArn, ModelId, Name, Options, text

#: ARNs of custom models, and of foundation models beside them.
_CUSTOM = r"arn:aws[a-z-]*:bedrock:[a-z0-9-]+:[0-9]{12}:custom-model/[a-z0-9.:-]{1,140}/[a-z0-9]{12}"
_FOUNDATION = r"arn:aws[a-z-]*:bedrock:[a-z0-9-]+::foundation-model/[a-z0-9.:-]{1,140}"


class Customized(Options):
    """A model of Bedrock that learns from a signed data set."""

    base: ModelId
    """Id of the foundation model that learns."""

    data_set: Name | None = None
    """Name of the data set; the customization's own without it."""

    kind: Kind = "fine-tuning"
    """Fine-tuning on the answers of the data set, or distillation of a teacher's."""

    teacher: ModelId | None = None
    """Id of the model that is learnt from, with distillation."""

    hyperparameters: dict[Annotated[str, Field(max_length=64)], Annotated[float, Field(ge=0, le=1_000_000)]] = {}
    """By Bedrock's names, such as epochCount; Bedrock's own without them."""

    refuse_personal_data: bool = False
    """Let personal data stop a run, instead of only being counted."""

    most_duplicates_percent: Annotated[float, Field(ge=0, le=100)] = 5
    """Share of records that may stand twice, in percent."""

    deployed: Annotated[str, text(f"^{_CUSTOM}$", "be the ARN of a custom model")] | None = None
    """ARN of the model that serves, as a run tells it; none serves without it."""

    key_arn: KeyArn | None = None
    """ARN of the key that encrypts the model that serves; the key of layer 2, which runs encrypt with, without it."""

    @model_validator(mode="after")
    def _customizable(self) -> Customized:
        check_customization(self.base, self.kind, self.teacher, self.hyperparameters)
        return self


class Provisioned(Options):
    """Model units that are paid by the hour, asked or not."""

    model: Annotated[str, text(f"^({_CUSTOM}|{_FOUNDATION})$", "be the ARN of a custom or foundation model")]
    """ARN of the custom or foundation model."""

    key_arn: KeyArn | None = None
    """ARN of the key that encrypts a custom model; the key of layer 2 without it."""

    units: Annotated[int, Field(ge=1, le=100)]
    """Model units."""

    usd_per_hour: Annotated[float, Field(ge=0.01, le=100_000)]
    """Dollars of one unit in an hour, as AWS quotes them for the model and the term."""

    commitment: Literal["OneMonth", "SixMonths"] | None = None
    """Term within which it cannot be given back; any time without it."""

    @property
    def foundation(self) -> str | None:
        """Id of the foundation model, without the length of its context; None for a custom model."""
        found = self.model.partition(":foundation-model/")[2]
        known = BedrockCatalogue.names()
        return next((each for each in (found, found.rpartition(":")[0]) if each in known), found) or None

    @model_validator(mode="after")
    def _known(self) -> Provisioned:
        region, known = self.model.split(":")[3], BedrockCatalogue.names()
        if self.foundation and self.foundation not in known:
            # A unit is of a model, not of a profile.
            models = [each for each in map(BedrockCatalogue.get, known) if each.model_id in each.callable_from(region)]
            here = {each.model_id for each in models}
            raise InvalidValueError(
                f"{self.foundation} is not a Bedrock model that this catalogue knows",
                field="model",
                hint=nearest(self.foundation, here) if here else "Choose another Region",
            )
        return self
