"""Guardrails of Amazon Bedrock."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any

from aws_cdk import Duration, RemovalPolicy, Stack, aws_bedrock as bedrock, aws_cloudwatch as cloudwatch, aws_iam as iam
from constructs import Construct

from ...data.geographies import GUARDRAILS, Routed, routed
from ...errors import InvalidValueError
from ...foundation.foundation import Foundation
from ...foundation.key import DataKey, via
from ...foundation.pseudo import ACCOUNT_ID, PARTITION, REGION
from ...foundation.role import grant
from .options import GUARDRAIL_NAME, GuardrailOptions

#: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateGuardrail.html
_ID = re.compile(r"[a-z0-9]+")
CATEGORIES = ("HATE", "INSULTS", "MISCONDUCT", "SEXUAL", "VIOLENCE")
#: Options that a version is no copy of.
_NOT_KEPT = frozenset({"blocked_input_message", "blocked_output_message", "version"})


class Guardrail(Construct):
    """A Bedrock guardrail, and a published version that changes when, and only when, its policies do.

    https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails.html

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate
        from aws_genai.models import Guardrail

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Guard")
        foundation = Foundation(stack)
        Guardrail(stack, "Guardrail", name="assistant", foundation=foundation)
        app.synth()

    :param foundation: the key that encrypts the guardrail.
    :param name: name of the guardrail: 1 to 50 letters, digits, hyphens and underscores.
    :param options: the policies. Default: :class:`GuardrailOptions` without arguments.
    :raises InvalidValueError: if the name is not valid, or no guardrail profile is known for the stack's Region.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        name: str,
        options: GuardrailOptions | None = None,
    ) -> None:
        super().__init__(scope, id)
        GUARDRAIL_NAME.check(name)
        key = foundation.key
        rules = options or GuardrailOptions()
        across = guardrail_profile(Stack.of(self).region) if rules.cross_region else None
        key.allow_in_bedrock()
        self.resource = bedrock.CfnGuardrail(
            self,
            "Resource",
            name=name,
            kms_key_arn=key.key_arn,
            blocked_input_messaging=rules.blocked_input_message,
            blocked_outputs_messaging=rules.blocked_output_message,
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
        digest = _digest(rules, key, across)
        # A version is a snapshot of the draft: with a new logical id, CloudFormation creates a new version.
        self.version_resource = bedrock.CfnGuardrailVersion(
            self,
            f"Version{digest[:8]}",
            guardrail_identifier=self.resource.attr_guardrail_id,
            description=f"Policy {digest[:12]}",
        )
        # Other stacks use the previous version, in IAM conditions too, until they are deployed themselves.
        # Deleting the guardrail deletes all its versions:
        # https://docs.aws.amazon.com/bedrock/latest/APIReference/API_DeleteGuardrail.html
        self.version_resource.apply_removal_policy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)
        self._apply(
            guardrail_id=self.resource.attr_guardrail_id,
            guardrail_arn=self.resource.attr_guardrail_arn,
            version=str(rules.version) if rules.version else self.version_resource.attr_version,
            digest=str(rules.version) if rules.version else digest,
            options=rules,
            key_arn=key.key_arn,
            profile_arns=_profile_arns(across) if across else [],
        )
        #: The key that encrypts the guardrail; None for an existing one.
        self.key: DataKey | None = key

    def _apply(
        self,
        *,
        guardrail_id: str,
        guardrail_arn: str,
        version: str,
        digest: str,
        options: GuardrailOptions,
        key_arn: str | None,
        profile_arns: Sequence[str],
    ) -> None:
        """Set what callers use of the guardrail."""
        self.guardrail_id, self.guardrail_arn, self.version = guardrail_id, guardrail_arn, version
        #: The same for the same version, in whichever account it is deployed.
        self.digest = digest
        self.options = options
        #: The guardrail profile in each Region that may evaluate.
        self.profile_arns = list(profile_arns)
        self._key_arn = key_arn
        self._enforced, self._callers = False, list[iam.IGrantable]()

    @staticmethod
    def from_guardrail_id(
        scope: Construct,
        id: str,
        *,
        guardrail_id: str,
        version: int,
        key_arn: str | None = None,
        options: GuardrailOptions | None = None,
    ) -> Guardrail:
        """A published version of an existing guardrail of this account and Region.

        Whether it exists, and what it blocks, cannot be checked at synthesis.

        :param guardrail_id: id of the guardrail, such as abcdefghijkl.
        :param version: number of the version.
        :param key_arn: ARN of the KMS key that encrypts the guardrail; its key policy must allow callers to decrypt
            through Bedrock. Default: an AWS owned key encrypts it.
        :param options: what grants need to know of it: ``cross_region`` and ``automated_reasoning``. Default: neither
            is used.
        :raises InvalidValueError: if the id or the version is not valid.
        """
        return _ExistingGuardrail(
            scope, id, guardrail_id=guardrail_id, version=version, key_arn=key_arn, options=options
        )

    @property
    def versioned_arn(self) -> str:
        """The ARN with the version, as in the condition key ``bedrock:GuardrailIdentifier``."""
        return f"{self.guardrail_arn}:{self.version}"

    def grant_apply(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow ``grantee`` to apply this guardrail: when it invokes models, and on its own.

        With cross-Region inference, this includes the guardrail profile in each Region that may evaluate.
        https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-permissions.html
        https://docs.aws.amazon.com/bedrock/latest/userguide/guardrail-profiles-permissions.html
        https://docs.aws.amazon.com/bedrock/latest/userguide/guardrail-automated-reasoning-permissions.html
        """
        granted = grant(grantee, ["bedrock:ApplyGuardrail"], [self.guardrail_arn, *self.profile_arns])
        if self.options.automated_reasoning:
            grant(grantee, ["bedrock:InvokeAutomatedReasoningPolicy"], self.options.automated_reasoning)
        if self._key_arn:
            grant(grantee, ["kms:Decrypt"], [self._key_arn], conditions=via("bedrock"))
        return granted

    def enforce(self) -> None:
        """Allow every role that invokes models without this guardrail to apply it: enforced on all invocations of the
        account, it is applied to theirs as well.
        """
        self._enforced = True
        for grantee in self._callers:
            self.grant_apply(grantee)
        self._callers.clear()

    def grant_if_enforced(self, grantee: iam.IGrantable) -> None:
        """Allow ``grantee``, which invokes models without a guardrail, to apply this one if it is ever enforced."""
        if self._enforced:
            self.grant_apply(grantee)
        else:
            self._callers.append(grantee)

    def metric_invocations(self, *, statistic: str = "Sum", period: Duration | None = None) -> cloudwatch.Metric:
        """Number of ApplyGuardrail requests.

        https://docs.aws.amazon.com/bedrock/latest/userguide/monitoring-guardrails-cw-metrics.html

        :param statistic: CloudWatch statistic. Default: Sum.
        :param period: period. Default: 5 minutes.
        """
        return self._metric("Invocations", statistic, period)

    def metric_interventions(self, *, statistic: str = "Sum", period: Duration | None = None) -> cloudwatch.Metric:
        """Number of times that the guardrail intervened.

        :param statistic: CloudWatch statistic. Default: Sum.
        :param period: period. Default: 5 minutes.
        """
        return self._metric("InvocationsIntervened", statistic, period)

    def metric_latency(self, *, statistic: str = "Average", period: Duration | None = None) -> cloudwatch.Metric:
        """Latency of the guardrail, in milliseconds.

        :param statistic: CloudWatch statistic. Default: Average.
        :param period: period. Default: 5 minutes.
        """
        return self._metric("InvocationLatency", statistic, period)

    @property
    def metric_dimensions(self) -> dict[str, str]:
        """The CloudWatch dimensions of this version."""
        return {"GuardrailArn": self.guardrail_arn, "GuardrailVersion": self.version}

    def _metric(self, name: str, statistic: str, period: Duration | None) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="AWS/Bedrock/Guardrails",
            metric_name=name,
            dimensions_map=self.metric_dimensions,
            statistic=statistic,
            period=period,
        )


class _ExistingGuardrail(Guardrail):
    """A guardrail that another stack owns."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        guardrail_id: str,
        version: int,
        key_arn: str | None,
        options: GuardrailOptions | None,
    ) -> None:
        Construct.__init__(self, scope, id)
        if "${Token[" not in guardrail_id and not _ID.fullmatch(guardrail_id):
            raise InvalidValueError(
                f"{guardrail_id!r} is not the id of a guardrail",
                field="guardrail_id",
                hint="Use the id, such as abcdefghijkl, and not the ARN or the name",
            )
        if version < 1:
            raise InvalidValueError(f"{version} is not a version of a guardrail", field="version", hint="Publish one")
        rules = options or GuardrailOptions()
        across = guardrail_profile(Stack.of(self).region) if rules.cross_region else None
        self.key = None
        self._apply(
            guardrail_id=guardrail_id,
            guardrail_arn=f"arn:{PARTITION}:bedrock:{REGION}:{ACCOUNT_ID}:guardrail/{guardrail_id}",
            version=str(version),
            digest=f"{guardrail_id}:{version}",
            options=rules,
            key_arn=key_arn,
            profile_arns=_profile_arns(across) if across else [],
        )


def _digest(rules: GuardrailOptions, key: DataKey, across: Routed | None) -> str:
    """A digest of all that a version keeps of the draft, the key and the guardrail profile included."""
    kept: dict[str, Any] = rules.model_dump(include=set(GuardrailOptions.model_fields) - _NOT_KEPT)
    kept["denied_topics"] = [{"name": name, **topic} for name, topic in kept["denied_topics"].items()]
    told = [
        kept,
        rules.blocked_input_message,
        rules.blocked_output_message,
        key.node.path,
        across and across.profile,
    ]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _content(rules: GuardrailOptions) -> bedrock.CfnGuardrail.ContentPolicyConfigProperty:
    strength = rules.filter_strength
    modalities = ["TEXT", "IMAGE"] if rules.images else None
    filters = [
        bedrock.CfnGuardrail.ContentFilterConfigProperty(
            type=category,
            input_strength=strength,
            output_strength=strength,
            input_modalities=modalities,
            output_modalities=modalities,
        )
        for category in CATEGORIES
    ]
    filters.append(
        # This filter applies to prompts only: its output strength must be NONE.
        bedrock.CfnGuardrail.ContentFilterConfigProperty(
            type="PROMPT_ATTACK", input_strength=rules.prompt_attack_strength, output_strength="NONE"
        )
    )
    tier = bedrock.CfnGuardrail.ContentFiltersTierConfigProperty(tier_name="STANDARD") if rules.cross_region else None
    return bedrock.CfnGuardrail.ContentPolicyConfigProperty(filters_config=filters, content_filters_tier_config=tier)


def _topics(rules: GuardrailOptions) -> bedrock.CfnGuardrail.TopicPolicyConfigProperty | None:
    if not rules.denied_topics:
        return None
    tier = bedrock.CfnGuardrail.TopicsTierConfigProperty(tier_name="STANDARD") if rules.cross_region else None
    return bedrock.CfnGuardrail.TopicPolicyConfigProperty(
        topics_tier_config=tier,
        topics_config=[
            bedrock.CfnGuardrail.TopicConfigProperty(
                name=name,
                definition=topic.definition,
                examples=topic.examples or None,
                type="DENY",
            )
            for name, topic in rules.denied_topics.items()
        ],
    )


def _words(rules: GuardrailOptions) -> bedrock.CfnGuardrail.WordPolicyConfigProperty | None:
    words = [bedrock.CfnGuardrail.WordConfigProperty(text=word) for word in rules.denied_words]
    lists = [bedrock.CfnGuardrail.ManagedWordsConfigProperty(type="PROFANITY")] if rules.profanity else []
    if not words and not lists:
        return None
    return bedrock.CfnGuardrail.WordPolicyConfigProperty(
        words_config=words or None, managed_word_lists_config=lists or None
    )


def _pii(rules: GuardrailOptions) -> bedrock.CfnGuardrail.SensitiveInformationPolicyConfigProperty | None:
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


def _grounding(rules: GuardrailOptions) -> bedrock.CfnGuardrail.ContextualGroundingPolicyConfigProperty:
    return bedrock.CfnGuardrail.ContextualGroundingPolicyConfigProperty(
        filters_config=[
            bedrock.CfnGuardrail.ContextualGroundingFilterConfigProperty(type=kind, threshold=threshold)
            for kind, threshold in (
                ("GROUNDING", rules.grounding_threshold),
                ("RELEVANCE", rules.relevance_threshold),
            )
        ]
    )


def _reasoning(rules: GuardrailOptions) -> bedrock.CfnGuardrail.AutomatedReasoningPolicyConfigProperty | None:
    if not rules.automated_reasoning:
        return None
    return bedrock.CfnGuardrail.AutomatedReasoningPolicyConfigProperty(policies=rules.automated_reasoning)


def guardrail_profile(region: str) -> Routed:
    """The guardrail profile of the geography of ``region``, and the Regions that may evaluate.

    :raises InvalidValueError: if none is known for that Region.
    """
    return routed(GUARDRAILS, region, what="guardrails", field="cross_region")


def _profile_arns(across: Routed) -> list[str]:
    return [_profile_arn(region, across.profile) for region in across.regions]


def _profile_arn(region: str, profile: str) -> str:
    return f"arn:{PARTITION}:bedrock:{region}:{ACCOUNT_ID}:guardrail-profile/{profile}"
