"""What a model may be asked and may answer."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal

from aws_cdk import aws_bedrock as bedrock
from aws_cdk import aws_iam as iam
from constructs import Construct

from ..pseudo import REGION
from ..security.key import DataKey
from ..security.role import grant

Strength = Literal["NONE", "LOW", "MEDIUM", "HIGH"]
PiiAction = Literal["BLOCK", "ANONYMIZE"]

CATEGORIES = ("HATE", "INSULTS", "MISCONDUCT", "SEXUAL", "VIOLENCE")

#: What nobody needs to tell a model, and what it may repeat only masked.
STRICT_PII: Mapping[str, PiiAction] = {
    "AWS_ACCESS_KEY": "BLOCK",
    "AWS_SECRET_KEY": "BLOCK",
    "CREDIT_DEBIT_CARD_CVV": "BLOCK",
    "CREDIT_DEBIT_CARD_NUMBER": "BLOCK",
    "EMAIL": "ANONYMIZE",
    "INTERNATIONAL_BANK_ACCOUNT_NUMBER": "ANONYMIZE",
    "PASSWORD": "BLOCK",
    "PHONE": "ANONYMIZE",
    "PIN": "BLOCK",
    "US_SOCIAL_SECURITY_NUMBER": "BLOCK",
}


@dataclass(frozen=True)
class DeniedTopic:
    """A subject that is refused, described so that a classifier recognizes it.

    The definition has at most 200 characters, each of at most five examples at most 100.
    https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-denied-topics.html
    """

    name: str
    definition: str
    examples: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class GuardrailPolicy:
    """The policy of a guardrail; without arguments, the strictest that suits a general assistant.

    https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-components.html

    :param filter_strength: strength of each content filter, on input and output. Default: HIGH.
    :param prompt_attack_strength: strength of the prompt-attack filter, on input. Default: HIGH.
    :param denied_topics: subjects that are refused. Default: none.
    :param denied_words: words and phrases that are refused, each at most 100 characters. Default: none.
    :param profanity: refuse profanity. Default: yes.
    :param pii: what happens to each kind of personal data. Default: secrets and card numbers are blocked, contact
        data is masked.
    :param grounding_threshold: least grounding in the sources of an answer, 0 to 0.99. Default: 0.7.
    :param relevance_threshold: least relevance to the question of an answer, 0 to 0.99. Default: 0.7.
    """

    filter_strength: Strength = "HIGH"
    prompt_attack_strength: Strength = "HIGH"
    denied_topics: Sequence[DeniedTopic] = ()
    denied_words: Sequence[str] = ()
    profanity: bool = True
    pii: Mapping[str, PiiAction] = field(default_factory=lambda: dict(STRICT_PII))
    grounding_threshold: float = 0.7
    relevance_threshold: float = 0.7


class Guardrail(Construct):
    """A Bedrock guardrail and a published version that changes when, and only when, the policy does.

    Example::

        import aws_cdk as cdk
        from aws_genai.models import Guardrail
        from aws_genai.security import CostTags, DataKey, attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Guard")
        Guardrail(stack, "Guardrail", name="assistant", key=DataKey(stack, "Key", description="Guardrail"))
        app.synth()

    :param name: 1 to 50 letters, digits, hyphens and underscores.
    :param key: encrypts the policy; Bedrock is let use it on behalf of callers that IAM allows to.
    :param policy: what is refused and masked. Default: :class:`GuardrailPolicy` without arguments.
    :param blocked_input_message: the answer to a refused question.
    :param blocked_output_message: what replaces a refused answer.
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
    ) -> None:
        super().__init__(scope, id)
        rules = policy or GuardrailPolicy()
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
        )
        digest = hashlib.sha256(
            json.dumps([asdict(rules), blocked_input_message, blocked_output_message], sort_keys=True).encode()
        ).hexdigest()
        # A version is a snapshot of the draft: a new logical id makes CloudFormation take a new one.
        self.version_resource = bedrock.CfnGuardrailVersion(
            self,
            f"Version{digest[:8]}",
            guardrail_identifier=self.resource.attr_guardrail_id,
            description=f"Policy {digest[:12]}",
        )
        self.guardrail_id: str = self.resource.attr_guardrail_id
        self.guardrail_arn: str = self.resource.attr_guardrail_arn
        self.version: str = self.version_resource.attr_version
        self.key = key

    @property
    def versioned_arn(self) -> str:
        """The ARN with the version, as the condition key ``bedrock:GuardrailIdentifier`` holds it."""
        return f"{self.guardrail_arn}:{self.version}"

    def grant_apply(self, role: iam.IRole) -> None:
        """Let ``role`` call models through this guardrail, and check texts against it.

        https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-permissions.html
        """
        grant(role, ["bedrock:ApplyGuardrail"], [self.guardrail_arn])
        grant(
            role,
            ["kms:Decrypt"],
            [self.key.key_arn],
            conditions={"StringEquals": {"kms:ViaService": f"bedrock.{REGION}.amazonaws.com"}},
        )


def _content(rules: GuardrailPolicy) -> bedrock.CfnGuardrail.ContentPolicyConfigProperty:
    strength = rules.filter_strength
    filters = [
        bedrock.CfnGuardrail.ContentFilterConfigProperty(
            type=category, input_strength=strength, output_strength=strength
        )
        for category in CATEGORIES
    ]
    filters.append(
        # AWS applies this filter to input only: its output strength must be NONE.
        bedrock.CfnGuardrail.ContentFilterConfigProperty(
            type="PROMPT_ATTACK", input_strength=rules.prompt_attack_strength, output_strength="NONE"
        )
    )
    return bedrock.CfnGuardrail.ContentPolicyConfigProperty(filters_config=filters)


def _topics(rules: GuardrailPolicy) -> bedrock.CfnGuardrail.TopicPolicyConfigProperty | None:
    if not rules.denied_topics:
        return None
    return bedrock.CfnGuardrail.TopicPolicyConfigProperty(
        topics_config=[
            bedrock.CfnGuardrail.TopicConfigProperty(
                name=topic.name,
                definition=topic.definition,
                examples=list(topic.examples) or None,
                type="DENY",
            )
            for topic in rules.denied_topics
        ]
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
    if not rules.pii:
        return None
    return bedrock.CfnGuardrail.SensitiveInformationPolicyConfigProperty(
        pii_entities_config=[
            bedrock.CfnGuardrail.PiiEntityConfigProperty(type=kind, action=action)
            for kind, action in sorted(rules.pii.items())
        ]
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
