"""Resolves model identifiers: models, inference profiles of Bedrock, and application inference profiles."""

from __future__ import annotations

from ministack.core.responses import get_account_id, get_region

from .resources.base import instances
from .resources.bedrock import foundation_of


class UnknownModelError(ValueError):
    """A model that does not exist in Bedrock."""


def foundation(identifier: str) -> str:
    """The foundation model of an id, an ARN or an application inference profile. Empty if there is none."""
    try:
        arn = resources_of(identifier)[-1][0]
    except UnknownModelError:
        return ""
    kind, _, name = arn.split(":", 5)[5].partition("/")
    return name if kind == "foundation-model" else ""


def resources_of(identifier: str) -> list[tuple[str, dict[str, str]]]:
    """The resources of a model identifier, with the condition keys of each."""
    region, account = get_region(), get_account_id()
    own = instances("AWS::Bedrock::ApplicationInferenceProfile")
    for each in own:
        if identifier in (each["InferenceProfileArn"], each["InferenceProfileId"]):
            arn = each["InferenceProfileArn"]
            return [(arn, {}), (each["Models"][0]["ModelArn"], {"bedrock:InferenceProfileArn": arn})]
    if identifier.startswith("arn:"):
        kind, _, name = identifier.split(":", 5)[5].partition("/")
        if kind not in ("inference-profile", "foundation-model"):
            return [(identifier, {})]
        identifier = name
    model = foundation_of(identifier)
    if model is None:
        raise UnknownModelError("The provided model identifier is invalid.")
    behind = f"arn:aws:bedrock:{region}::foundation-model/{model}"
    if model == identifier:
        return [(behind, {})]
    profile = f"arn:aws:bedrock:{region}:{account}:inference-profile/{identifier}"
    # Bedrock chooses the Region that a profile routes to; the calling Region is checked here for all.
    return [(profile, {}), (behind, {"bedrock:InferenceProfileArn": profile})]
