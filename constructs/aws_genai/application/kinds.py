"""What the kinds of assistants need of a Region, its models and the guardrail."""

from __future__ import annotations

from collections.abc import Sequence

from ..data.bedrock import BedrockCatalogue
from ..data.regional import available
from ..errors import InvalidValueError
from ..functions.assistant.images import form_of

_INTERPRETER = "AWS::BedrockAgentCore::CodeInterpreterCustom"


def check_code_region(region: str) -> None:
    """Reject a Region without code interpreters.

    :raises InvalidValueError: if the Region is known to have none.
    """
    if available(_INTERPRETER, region) is False:
        raise InvalidValueError(
            f"{region} has no code interpreters of Amazon Bedrock AgentCore",
            field="kind",
            hint="Leave assistants of kind code out, or choose another Region, such as us-east-1 or eu-central-1",
        )


def drawing(models: Sequence[str], chosen: Sequence[str], region: str | None = None) -> list[str]:
    """The image models that an assistant offers.

    :param models: all models that may be called.
    :param chosen: the models to offer. Default, if empty: those of ``models`` that draw new images.
    :param region: the Region that calls them, for the hint. Default: not known.
    :raises InvalidValueError: if there is none, or one that does not draw new images, may not be called, or whose price
        is not known.
    """
    offered = list(chosen) or [each for each in models if form_of(each)]
    known = _callable(region)
    hint = f"Add one of {', '.join(known)} to the models" if known else f"{region} has none: choose another Region"
    if not offered:
        raise InvalidValueError("None of the models draws new images", field="content.models", hint=hint)
    for model in offered:
        if form_of(model) is None:
            raise InvalidValueError(f"{model} does not draw new images", field="content.models", hint=hint)
        if model not in models:
            raise InvalidValueError(
                f"{model} is not among the models", field="content.models", hint=f"Add {model} there"
            )
        if BedrockCatalogue.get(model).usd_per_image is None:
            raise InvalidValueError(
                f"The price of {model} is not known", field="content.models", hint="Choose another model"
            )
    return offered


def _callable(region: str | None) -> list[str]:
    names = {BedrockCatalogue.get(each).model_id for each in BedrockCatalogue.names() if form_of(each)}
    return [each for name in sorted(names) for each in BedrockCatalogue.get(name).callable_from(region)]


def check_images_scanned(*, images: bool) -> None:
    """Reject a guardrail that does not filter images.

    :param images: whether it does.
    :raises InvalidValueError: if it does not.
    """
    if not images:
        raise InvalidValueError(
            "The guardrail does not filter images, so nothing would assess what is drawn",
            field="content",
            hint="Set images to true in the options of the guardrail",
        )
