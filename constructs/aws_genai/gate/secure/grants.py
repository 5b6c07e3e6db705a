"""Rules for model invocation: only named models, and with a guardrail."""

from __future__ import annotations

from collections.abc import Iterator

from ...policies.conditions import as_list
from ..documents import IDENTITY, Document, allows, documents
from ..emitted import Emitted
from ..rules import Hit, rule

_POLICY_PAGE = "https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-permissions-id.html"

#: The actions that send a prompt to a model. Converse and ConverseStream are allowed by the first two.
CALLS = (
    "bedrock:InvokeModel",
    "bedrock:InvokeModelWithResponseStream",
    "bedrock:InvokeModelWithBidirectionalStream",
    "bedrock:Converse",
)


def _grants(app: Emitted, *, inline: bool) -> Iterator[tuple[Document, dict[str, object]]]:
    for each in documents(app):
        if each.kind == IDENTITY and (".Policies." in each.where) == inline:
            for statement in each.statements:
                if any(allows(statement, call) for call in CALLS):
                    yield each, dict(statement)


@rule(
    "GENAI_MODEL_GRANT_NEEDS_GUARDRAIL",
    holds="Every grant to call a Bedrock model has a guardrail condition.",
    why="A grant to call a Bedrock model without a guardrail condition sends and receives unfiltered text.",
    fix="grant through ModelAccess.grant_invoke, or add a StringEquals condition on bedrock:GuardrailIdentifier.",
    page=_POLICY_PAGE,
)
def needs_guardrail(app: Emitted) -> Iterator[Hit]:
    for each, statement in _grants(app, inline=False):
        conditions = statement.get("Condition")
        equals = conditions.get("StringEquals", {}) if isinstance(conditions, dict) else {}
        if "bedrock:guardrailidentifier" not in {key.lower() for key in equals}:
            yield Hit(each.resource, each.where)


@rule(
    "GENAI_MODEL_GRANT_NAMES_MODELS",
    holds="No grant names models by a wildcard.",
    why="A wildcard grants access to every model of the account, at any price and under any license.",
    fix="name the foundation models and inference profiles, or grant through ModelAccess.grant_invoke.",
    page="https://docs.aws.amazon.com/bedrock/latest/userguide/security_iam_id-based-policy-examples.html",
)
def names_models(app: Emitted) -> Iterator[Hit]:
    for each, statement in _grants(app, inline=False):
        resources = as_list(statement.get("Resource", "*"))
        if "NotResource" in statement or any(str(item).endswith("*") for item in resources):
            yield Hit(each.resource, each.where)


@rule(
    "GENAI_INLINE_MODEL_GRANT",
    holds="No inline policy of a role allows model invocations.",
    why="A review of the role's managed policy does not include its inline policies.",
    fix="grant through ModelAccess.grant_invoke.",
    page=_POLICY_PAGE,
)
def not_inline(app: Emitted) -> Iterator[Hit]:
    for each, _ in _grants(app, inline=True):
        yield Hit(each.resource, each.where)


@rule(
    "GENAI_GUARDRAIL_PROMPT_ATTACK",
    holds="Every guardrail filters prompt attacks.",
    why="Without the filter, a prompt can override the instructions of the application.",
    fix="keep Guardrail's default content filters, PROMPT_ATTACK with an input strength above NONE among them.",
    page="https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-prompt-attack.html",
)
def stops_prompt_attacks(app: Emitted) -> Iterator[Hit]:
    for guardrail in app.of("AWS::Bedrock::Guardrail"):
        filters = guardrail.get("ContentPolicyConfig.FiltersConfig", [])
        attacks = [each for each in filters if each.get("Type") == "PROMPT_ATTACK"]
        if not attacks or any(each.get("InputStrength") == "NONE" for each in attacks):
            yield Hit(guardrail, "Properties.ContentPolicyConfig")
