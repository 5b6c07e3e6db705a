"""Rules for cross-Region inference: invocations are also allowed in the Regions that Bedrock routes to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...data.bedrock import BedrockCatalogue
from ...data.geographies import DATA_AUTOMATION, GUARDRAILS
from ...policies.conditions import as_list
from ...policies.statements import Statement
from ..documents import allows, grants_on, named
from ..emitted import ACCOUNT, Emitted
from ..rules import Hit, rule
from ..secure.grants import CALLS

_APPLY = "bedrock:ApplyGuardrail"


@rule(
    "GENAI_GUARDRAIL_IN_EACH_REGION",
    holds="A role that applies a cross-Region guardrail may use its guardrail profile in each destination Region.",
    why="Bedrock denies a request that it routes to a Region that the policy of the caller omits.",
    fix="use Guardrail.grant_apply, which names the profile in each Region.",
    page="https://docs.aws.amazon.com/bedrock/latest/userguide/guardrail-profiles-permissions.html",
)
def guardrails_in_each_region(app: Emitted) -> Iterator[Hit]:
    for role, who, guardrail in grants_on(app, _APPLY, "AWS::Bedrock::Guardrail"):
        profile = str(guardrail.get("CrossRegionConfig.GuardrailProfileArn") or "")
        routed = GUARDRAILS.get(guardrail.stack.region)
        if not profile or routed is None:
            continue
        partition = app.resolver.where(guardrail.stack.name).partition
        for region in routed.regions:
            place = f"arn:{partition}:bedrock:{region}:{ACCOUNT}:guardrail-profile/{profile.rpartition('/')[2]}"
            if not named(who, _APPLY, place):
                yield Hit(role, "Properties", f"{role.id} may not apply {guardrail.id} in {region}.")


@rule(
    "GENAI_GUARDRAIL_REASONING",
    holds="A role that applies a guardrail with automated reasoning may invoke its automated reasoning policies.",
    why="Otherwise Bedrock denies the request.",
    fix="use Guardrail.grant_apply, or allow bedrock:InvokeAutomatedReasoningPolicy on the policy versions.",
    page="https://docs.aws.amazon.com/bedrock/latest/userguide/guardrail-automated-reasoning-permissions.html",
)
def guardrails_reason(app: Emitted) -> Iterator[Hit]:
    for role, who, guardrail in grants_on(app, _APPLY, "AWS::Bedrock::Guardrail"):
        for policy in as_list(guardrail.get("AutomatedReasoningPolicyConfig.Policies") or []):
            if not named(who, "bedrock:InvokeAutomatedReasoningPolicy", str(policy)):
                yield Hit(role, "Properties", f"{role.id} may not invoke {policy}.")


@rule(
    "GENAI_DATA_AUTOMATION_IN_EACH_REGION",
    holds="The role of a knowledge base with Data Automation may use the profile in each destination Region.",
    why="Ingestion fails for documents that Bedrock routes to a Region that the policy of the role omits.",
    fix="allow bedrock:InvokeDataAutomationAsync on the profile in each Region, as KnowledgeBase does.",
    page="https://docs.aws.amazon.com/bedrock/latest/userguide/bda-cris.html",
)
def data_automation_in_each_region(app: Emitted) -> Iterator[Hit]:
    for source in app.of("AWS::Bedrock::DataSource"):
        parsing = source.get("VectorIngestionConfiguration.ParsingConfiguration.ParsingStrategy")
        base = app.found(source.get("KnowledgeBaseId"), "AWS::Bedrock::KnowledgeBase")
        who = app.role(base.get("RoleArn")) if base else None
        routed = DATA_AUTOMATION.get(source.stack.region)
        if parsing != "BEDROCK_DATA_AUTOMATION" or who is None or routed is None:
            continue
        partition = app.resolver.where(source.stack.name).partition
        for region in routed.regions:
            place = f"arn:{partition}:bedrock:{region}:{ACCOUNT}:data-automation-profile/{routed.profile}"
            if not named(who, "bedrock:InvokeDataAutomationAsync", place):
                yield Hit(source, "Properties", f"The role of {source.id} may not use the profile in {region}.")


@rule(
    "GENAI_ENFORCED_GUARDRAIL_APPLIED",
    holds="If a guardrail is enforced for the account, each role that invokes models may apply it.",
    why="Bedrock applies the guardrail with the permissions of the caller, and denies the request without them.",
    fix="use Guardrail.grant_apply, or ModelAccess, which includes it.",
    page="https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-enforcements.html",
)
def enforced_guardrails_applied(app: Emitted) -> Iterator[Hit]:
    for enforced in app.of("AWS::Bedrock::EnforcedGuardrailConfiguration"):
        guardrail = app.found(enforced.get("GuardrailIdentifier"), "AWS::Bedrock::Guardrail")
        if guardrail is None or guardrail.arn is None:
            continue
        for role in app.of("AWS::IAM::Role"):
            who = app.role(role.arn)
            calls = [each for each in who.policies if any(allows(each, call) for call in CALLS)] if who else []
            if role.stack.region == enforced.stack.region and who and calls and not named(who, _APPLY, guardrail.arn):
                yield Hit(role, "Properties", f"{role.id} may not apply {guardrail.id}.")


@rule(
    "GENAI_PROFILE_IN_EACH_REGION",
    holds="A role that invokes an inference profile may invoke its model in each destination Region of the profile.",
    why="Bedrock denies a request that it routes to a Region whose foundation model the policy of the caller omits.",
    fix="name the foundation model in each destination Region, as ModelAccess does.",
    page="https://docs.aws.amazon.com/bedrock/latest/userguide/geographic-cross-region-inference.html",
)
def profiles_in_each_region(app: Emitted) -> Iterator[Hit]:
    for role in app.of("AWS::IAM::Role"):
        who = app.role(role.arn)
        for action in CALLS[:2]:
            for profile, partition in _profiles(who.policies, action) if who else ():
                facts = BedrockCatalogue.get(profile) if profile in BedrockCatalogue.names() else None
                ways = facts.routes.get(profile, {}).get(role.stack.region, ()) if facts else ()
                for region in ways:
                    place = f"arn:{partition}:bedrock:{region}::foundation-model/{facts.model_id if facts else profile}"
                    if who and not named(who, action, place):
                        yield Hit(role, "Properties", f"{role.id} may not {action} by {profile} in {region}.")


def _profiles(policies: Iterable[Statement], action: str) -> set[tuple[str, str]]:
    """Inference profiles that statements allow to invoke, each with its partition."""
    arns = [
        str(each)
        for statement in policies
        if allows(statement, action)
        for each in as_list(statement.get("Resource", []))
    ]
    found = {
        (arn.partition(":inference-profile/")[2], arn.split(":")[1]) for arn in arns if ":inference-profile/" in arn
    }
    return {each for each in found if "*" not in each[0]}
