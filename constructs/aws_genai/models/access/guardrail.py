"""What a model may be asked and may answer."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict

from aws_cdk import RemovalPolicy, Stack, aws_bedrock as bedrock, aws_iam as iam
from constructs import Construct

from ...data.geographies import GUARDRAILS, Routed, routed
from ...errors import InvalidValueError
from ...foundation.key import DataKey
from ...foundation.pseudo import ACCOUNT_ID, PARTITION, REGION
from ...foundation.role import grant
from .guardrail_policy import GuardrailPolicy

#: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateGuardrail.html
_NAME = re.compile(r"[0-9a-zA-Z_-]{1,50}")
_LONGEST_MESSAGE = 500
CATEGORIES = ("HATE", "INSULTS", "MISCONDUCT", "SEXUAL", "VIOLENCE")


class Guardrail(Construct):
    """A Bedrock guardrail and a published version that changes when, and only when, the policy does.

    Example::

        import aws_cdk as cdk
        from aws_genai.models import Guardrail
        from aws_genai.foundation import CostTags, DataKey
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Guard")
        Guardrail(stack, "Guardrail", name="assistant", key=DataKey(stack, "Key", description="Guardrail"))
        app.synth()

    :param name: 1 to 50 letters, digits, hyphens and underscores.
    :param key: encrypts the policy; Bedrock is let use it on behalf of callers that IAM allows to.
    :param policy: what is refused and masked. Default: :class:`GuardrailPolicy` without arguments.
    :param blocked_input_message: the answer to a refused question, 1 to 500 characters.
    :param blocked_output_message: what replaces a refused answer, 1 to 500 characters.
    :param pinned: number of an earlier version that callers use instead of the newest. Default: none, the newest.
    :raises InvalidValueError: if the policy holds what Bedrock refuses, or the Region has no profile of a geography.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        key: DataKey,
        policy: GuardrailPolicy | None = None,
        blocked_input_message: str = "I cannot help with that request.",
        blocked_output_message: str = "I cannot give an answer to that.",
        pinned: int | None = None,
    ) -> None:
        super().__init__(scope, id)
        rules = policy or GuardrailPolicy()
        rules.check()
        if "${Token[" not in name and not _NAME.fullmatch(name):
            reason = f"{name!r} is no name of a guardrail: 1 to 50 letters, digits, hyphens and underscores"
            raise InvalidValueError(reason, field="name")
        for field, message in (
            ("blocked_input_message", blocked_input_message),
            ("blocked_output_message", blocked_output_message),
        ):
            if not 1 <= len(message) <= _LONGEST_MESSAGE:
                reason = f"A message has 1 to {_LONGEST_MESSAGE} characters, this one {len(message)}"
                raise InvalidValueError(reason, field=field, hint="Shorten it" if message else "Write one")
        self.policy = rules
        across = guardrail_profile(Stack.of(self).region) if rules.cross_region else None
        #: The profile in each Region that may assess.
        self.profile_arns: list[str] = _profile_arns(across) if across else []
        self._enforced, self._callers = False, list[iam.IRole]()
        key.allow_in_bedrock()
        self.resource = bedrock.CfnGuardrail(
            self,
            "Resource",
            name=name,
            kms_key_arn=key.key_arn,
            blocked_input_messaging=blocked_input_message,
            blocked_outputs_messaging=blocked_output_message,
            content_policy_config=_content(rules),
            topic_policy_config=_topics(rules),
            word_policy_config=_words(rules),
            sensitive_information_policy_config=_pii(rules),
            contextual_grounding_policy_config=_grounding(rules),
            cross_region_config=bedrock.CfnGuardrail.GuardrailCrossRegionConfigProperty(
                guardrail_profile_arn=_profile_arn(REGION, across.profile)
            )
            if across
            else None,
            automated_reasoning_policy_config=_reasoning(rules),
        )
        # All that a version keeps of the draft, the key and the profile too.
        kept = [asdict(rules), blocked_input_message, blocked_output_message, key.node.path, across and across.profile]
        digest = hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()
        #: The same for the same version, wherever it is deployed.
        self.digest = str(pinned) if pinned else digest
        # A version is a snapshot of the draft: a new logical id makes CloudFormation take a new one.
        self.version_resource = bedrock.CfnGuardrailVersion(
            self,
            f"Version{digest[:8]}",
            guardrail_identifier=self.resource.attr_guardrail_id,
            description=f"Policy {digest[:12]}",
        )
        self.guardrail_id: str = self.resource.attr_guardrail_id
        self.guardrail_arn: str = self.resource.attr_guardrail_arn
        # Other stacks name the version that was before, in their conditions too, until they are deployed themselves.
        # With its guardrail every version goes: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_DeleteGuardrail.html
        self.version_resource.apply_removal_policy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)
        self.version: str = str(pinned) if pinned else self.version_resource.attr_version
        self.key = key

    @property
    def versioned_arn(self) -> str:
        """The ARN with the version, as the condition key ``bedrock:GuardrailIdentifier`` holds it."""
        return f"{self.guardrail_arn}:{self.version}"

    def grant_apply(self, role: iam.IRole) -> None:
        """Let ``role`` call models through this guardrail, and check texts against it.

        Across Regions, that takes the profile in each Region that may assess.
        https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-permissions.html
        https://docs.aws.amazon.com/bedrock/latest/userguide/guardrail-profiles-permissions.html
        https://docs.aws.amazon.com/bedrock/latest/userguide/guardrail-automated-reasoning-permissions.html
        """
        grant(role, ["bedrock:ApplyGuardrail"], [self.guardrail_arn, *self.profile_arns])
        if self.policy.automated_reasoning:
            grant(role, ["bedrock:InvokeAutomatedReasoningPolicy"], list(self.policy.automated_reasoning))
        grant(
            role,
            ["kms:Decrypt"],
            [self.key.key_arn],
            conditions={"StringEquals": {"kms:ViaService": f"bedrock.{REGION}.amazonaws.com"}},
        )

    def enforce(self) -> None:
        """Let every role apply it that calls models without it: enforced on all calls, it is applied to theirs too."""
        self._enforced = True
        for role in self._callers:
            self.grant_apply(role)
        self._callers.clear()

    def grant_if_enforced(self, role: iam.IRole) -> None:
        """Let ``role``, which calls models without a guardrail, apply this one if it is enforced, now or later."""
        if self._enforced:
            self.grant_apply(role)
        else:
            self._callers.append(role)


def _content(rules: GuardrailPolicy) -> bedrock.CfnGuardrail.ContentPolicyConfigProperty:
    strength = rules.filter_strength
    seen = ["TEXT", "IMAGE"] if rules.images else None
    filters = [
        bedrock.CfnGuardrail.ContentFilterConfigProperty(
            type=category,
            input_strength=strength,
            output_strength=strength,
            input_modalities=seen,
            output_modalities=seen,
        )
        for category in CATEGORIES
    ]
    filters.append(
        # AWS applies this filter to input only: its output strength must be NONE.
        bedrock.CfnGuardrail.ContentFilterConfigProperty(
            type="PROMPT_ATTACK", input_strength=rules.prompt_attack_strength, output_strength="NONE"
        )
    )
    tier = bedrock.CfnGuardrail.ContentFiltersTierConfigProperty(tier_name="STANDARD") if rules.cross_region else None
    return bedrock.CfnGuardrail.ContentPolicyConfigProperty(filters_config=filters, content_filters_tier_config=tier)


def _topics(rules: GuardrailPolicy) -> bedrock.CfnGuardrail.TopicPolicyConfigProperty | None:
    if not rules.denied_topics:
        return None
    tier = bedrock.CfnGuardrail.TopicsTierConfigProperty(tier_name="STANDARD") if rules.cross_region else None
    return bedrock.CfnGuardrail.TopicPolicyConfigProperty(
        topics_tier_config=tier,
        topics_config=[
            bedrock.CfnGuardrail.TopicConfigProperty(
                name=topic.name,
                definition=topic.definition,
                examples=list(topic.examples) or None,
                type="DENY",
            )
            for topic in rules.denied_topics
        ],
    )


def _words(rules: GuardrailPolicy) -> bedrock.CfnGuardrail.WordPolicyConfigProperty | None:
    words = [bedrock.CfnGuardrail.WordConfigProperty(text=word) for word in rules.denied_words]
    lists = [bedrock.CfnGuardrail.ManagedWordsConfigProperty(type="PROFANITY")] if rules.profanity else []
    if not words and not lists:
        return None
    return bedrock.CfnGuardrail.WordPolicyConfigProperty(
        words_config=words or None, managed_word_lists_config=lists or None
    )


def _pii(rules: GuardrailPolicy) -> bedrock.CfnGuardrail.SensitiveInformationPolicyConfigProperty | None:
    if not rules.pii and not rules.patterns:
        return None
    return bedrock.CfnGuardrail.SensitiveInformationPolicyConfigProperty(
        regexes_config=[
            bedrock.CfnGuardrail.RegexConfigProperty(name=name, pattern=pattern, action="BLOCK")
            for name, pattern in sorted(rules.patterns.items())
        ]
        or None,
        pii_entities_config=[
            bedrock.CfnGuardrail.PiiEntityConfigProperty(type=kind, action=action)
            for kind, action in sorted(rules.pii.items())
        ]
        or None,
    )


def _grounding(rules: GuardrailPolicy) -> bedrock.CfnGuardrail.ContextualGroundingPolicyConfigProperty:
    return bedrock.CfnGuardrail.ContextualGroundingPolicyConfigProperty(
        filters_config=[
            bedrock.CfnGuardrail.ContextualGroundingFilterConfigProperty(type=kind, threshold=threshold)
            for kind, threshold in (
                ("GROUNDING", rules.grounding_threshold),
                ("RELEVANCE", rules.relevance_threshold),
            )
        ]
    )


def _reasoning(rules: GuardrailPolicy) -> bedrock.CfnGuardrail.AutomatedReasoningPolicyConfigProperty | None:
    if not rules.automated_reasoning:
        return None
    return bedrock.CfnGuardrail.AutomatedReasoningPolicyConfigProperty(policies=list(rules.automated_reasoning))


def guardrail_profile(region: str) -> Routed:
    """The profile that assesses across the geography of ``region``, and the Regions that may.

    :raises InvalidValueError: if that Region has none.
    """
    return routed(GUARDRAILS, region, what="guardrails", field="cross_region")


def _profile_arns(across: Routed) -> list[str]:
    return [_profile_arn(region, across.profile) for region in across.regions]


def _profile_arn(region: str, profile: str) -> str:
    return f"arn:{PARTITION}:bedrock:{region}:{ACCOUNT_ID}:guardrail-profile/{profile}"
