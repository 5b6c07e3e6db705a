"""A guardrail that is enforced on every model invocation of the account."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import CfnOutput, aws_bedrock as bedrock, aws_iam as iam
from constructs import Construct

from ...data.bedrock import BedrockCatalogue
from ...errors import InvalidValueError
from ...foundation.key import ACCOUNT_PRINCIPAL
from ...foundation.statements import allow, document
from .guardrail import Guardrail
from .options import EnforcementOptions


class EnforcedGuardrail(Construct):
    """Enforces a guardrail on every model invocation in the account and Region, those of other projects included.

    Messages and system prompts are evaluated as a whole: tags with which a caller excludes parts of a prompt are
    ignored. Invocations by callers that are not allowed to apply the guardrail fail. Roles of this library are allowed
    to; for all other callers there is a managed policy, whose ARN is an output of the stack, because the resource-based
    policy of a guardrail supports neither all principals nor conditions other than on an organization. The guardrail
    needs a KMS key of its own, which every principal of the account may use through Bedrock.
    https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-enforcements.html
    https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-resource-based-policies.html

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate
        from aws_genai.models import EnforcedGuardrail, Guardrail

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Account")
        foundation = Foundation(stack)
        EnforcedGuardrail(
            stack,
            "Everywhere",
            guardrail=Guardrail(stack, "Guardrail", name="account", foundation=foundation),
        )
        app.synth()

    :param guardrail: the guardrail, of which the published version is enforced.
    :param options: what it is not enforced on. Default: it is enforced on every model.
    :raises InvalidValueError: if the guardrail has automated reasoning policies, with which every invocation would
        fail, or if it is an existing one, whose key policy cannot be changed.
    """

    def __init__(
        self, scope: Construct, id: str, *, guardrail: Guardrail, options: EnforcementOptions | None = None
    ) -> None:
        super().__init__(scope, id)
        excluded = (options or EnforcementOptions()).excluded
        models = [BedrockCatalogue.get(model).model_id for model in excluded]
        guardrail.options.check_enforced()
        if guardrail.key is None:
            raise InvalidValueError(
                "An existing guardrail cannot be enforced, because its key policy cannot be changed here",
                field="guardrail",
                hint="Enforce it where it is created",
            )
        guardrail.key.allow_account_in_bedrock()
        guardrail.enforce()
        everybody = allow(
            ["bedrock:ApplyGuardrail", "bedrock:GetGuardrail"],
            [guardrail.guardrail_arn],
            principal=ACCOUNT_PRINCIPAL,
        )
        applied = allow(["bedrock:ApplyGuardrail"], [guardrail.guardrail_arn, *guardrail.profile_arns])
        #: The managed policy that callers of other projects need.
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
            # Comprehensive: input tags of the caller are ignored.
            selective_content_guarding=bedrock.CfnEnforcedGuardrailConfiguration.SelectiveContentGuardingProperty(
                messages="COMPREHENSIVE", system="COMPREHENSIVE"
            ),
        )
        # Enforced before everybody is allowed to apply it, it would make invocations fail.
        self.resource.node.add_dependency(policy)


def organization_enforcement(guardrails: dict[str, str], *, excluded: Sequence[str] = ()) -> dict[str, object]:
    """The Bedrock policy of an organization that enforces a guardrail of its management account in each Region.

    The guardrail needs a resource-based policy that allows the organization to apply it, and must have no automated
    reasoning policy.
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
