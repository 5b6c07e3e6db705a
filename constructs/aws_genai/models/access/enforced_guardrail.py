"""A guardrail that every call of the account goes through, whoever makes it."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import CfnOutput, aws_bedrock as bedrock, aws_iam as iam
from constructs import Construct

from ...data.bedrock import BedrockCatalogue
from ...foundation.key import ACCOUNT_PRINCIPAL
from ...foundation.statements import allow, document
from .guardrail import Guardrail


class EnforcedGuardrail(Construct):
    """Enforces a guardrail on every call of models in the account and Region, those of other projects included.

    Messages and system prompts are assessed whole: tags by which a caller leaves parts of a prompt unassessed are
    ignored. A call of whoever may not apply the guardrail fails. Roles of this library are let; for every other caller
    of the account there is a managed policy, whose ARN is an output of the stack. The guardrail's own policy leaves it
    to IAM, for it takes neither everybody nor conditions but those on an organization. The key that encrypts it must be
    one of its own, which all may use through Bedrock.
    https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-enforcements.html
    https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-resource-based-policies.html

    Example::

        import aws_cdk as cdk
        from aws_genai.models import EnforcedGuardrail, Guardrail
        from aws_genai.foundation import CostTags, DataKey
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Account")
        key = DataKey(stack, "Key", description="Guardrail of the account")
        EnforcedGuardrail(
            stack, "Everywhere", guardrail=Guardrail(stack, "Guardrail", name="account", key=key)
        )
        app.synth()

    :param guardrail: the guardrail, by its published version.
    :param excluded: ids of models that it is not enforced on, such as embedding models. Default: none.
    :raises InvalidValueError: if a model is not known, or the guardrail has automated reasoning policies, with which
        every call of the account would fail.
    """

    def __init__(self, scope: Construct, id: str, *, guardrail: Guardrail, excluded: Sequence[str] = ()) -> None:
        super().__init__(scope, id)
        models = [BedrockCatalogue.get(model).model_id for model in excluded]
        guardrail.policy.check_enforced()
        guardrail.key.allow_account_in_bedrock()
        guardrail.enforce()
        everybody = allow(
            ["bedrock:ApplyGuardrail", "bedrock:GetGuardrail"],
            [guardrail.guardrail_arn],
            principal=ACCOUNT_PRINCIPAL,
        )
        applied = allow(["bedrock:ApplyGuardrail"], [guardrail.guardrail_arn, *guardrail.profile_arns])
        #: What callers of other projects need.
        self.callers = iam.CfnManagedPolicy(
            self,
            "Callers",
            description="Lets whoever calls models of Bedrock apply the guardrail that is enforced on every call",
            policy_document=document([applied]),
        )
        CfnOutput(
            self,
            "CallersPolicyArn",
            value=self.callers.ref,
            description="Managed policy for every role of the account that calls models",
        )
        policy = bedrock.CfnResourcePolicy(
            self, "Policy", resource_arn=guardrail.guardrail_arn, policy_document=document([everybody])
        )
        self.resource = bedrock.CfnEnforcedGuardrailConfiguration(
            self,
            "Resource",
            guardrail_identifier=guardrail.guardrail_id,
            guardrail_version=guardrail.version,
            model_enforcement=bedrock.CfnEnforcedGuardrailConfiguration.ModelEnforcementProperty(
                included_models=["ALL"], excluded_models=models
            )
            if models
            else None,
            # Comprehensive: what the caller tags decides nothing.
            selective_content_guarding=bedrock.CfnEnforcedGuardrailConfiguration.SelectiveContentGuardingProperty(
                messages="COMPREHENSIVE", system="COMPREHENSIVE"
            ),
        )
        # Enforced before everybody may apply it, it would fail every call for a moment.
        self.resource.node.add_dependency(policy)


def organization_enforcement(guardrails: dict[str, str], *, excluded: Sequence[str] = ()) -> dict[str, object]:
    """The Bedrock policy of an organization that enforces a guardrail of its management account, for each Region.

    The guardrail needs a resource policy that lets the organization apply it, and no automated reasoning policy.
    https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_bedrock_syntax.html

    :param guardrails: ARN of the guardrail with its version, by Region.
    :param excluded: ids of models that it is not enforced on. Default: none.
    """
    comprehensive = {"@@assign": "comprehensive"}
    models = [BedrockCatalogue.get(model).model_id for model in excluded]
    enforced = {"included_models": {"@@assign": ["ALL"]}, "excluded_models": {"@@assign": models}} if models else None
    return {
        "bedrock": {
            "guardrail_inference": {
                region: {
                    "config_1": {
                        "identifier": {"@@assign": arn},
                        "selective_content_guarding": {"system": comprehensive, "messages": comprehensive},
                        **({"model_enforcement": enforced} if enforced else {}),
                    }
                }
                for region, arn in sorted(guardrails.items())
            }
        }
    }
