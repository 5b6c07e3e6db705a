"""Prompts that are kept, versioned and shared."""

from __future__ import annotations

import hashlib
import json

from aws_cdk import CfnOutput, RemovalPolicy, aws_bedrock as bedrock, aws_iam as iam
from constructs import Construct

from ...data.bedrock import check_chat
from ...foundation.key import DataKey
from ...foundation.role import grant
from ..access.inference import Inference, requests_of
from ..access.model_access import ModelAccess, called_arn
from .prompt_rules import variables


class Prompt(Construct):
    """A prompt of Bedrock's prompt management, and a version of it that never changes.

    Whoever calls it names the version and gives values to its variables; what the model is asked is not theirs to
    write. A changed text, model or bound is a new version; the one before goes with the deployment, or stays.
    https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-management.html

    Example::

        import aws_cdk as cdk
        from aws_genai.models import Guardrail, ModelAccess, Prompt
        from aws_genai.foundation import CostTags, DataKey
        from aws_genai.gate import attach_gate

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
        key = DataKey(stack, "Key", description="Prompts")
        guardrail = Guardrail(stack, "Guardrail", name="one", key=key)
        Prompt(
            stack,
            "Summary",
            name="demo-summary",
            text="Summarize for {{reader}} in three sentences: {{text}}",
            model="amazon.nova-lite-v1:0",
            access=ModelAccess(stack, "Access", models=["amazon.nova-lite-v1:0"], guardrail=guardrail),
            key=key,
        )
        app.synth()

    :param name: name of the prompt, 1 to 100 letters, digits, hyphens and underscores.
    :param text: what the model is asked, with variables as ``{{name}}``.
    :param model: id of the foundation model or inference profile that is asked.
    :param access: lets the model be called.
    :param key: encrypts the prompt.
    :param inference: how the model is asked; its system prompt is left out. Default: :class:`Inference`'s.
    :param keep_versions: whether versions outlive a change, to go back to. Default: no.
    :raises InvalidValueError: if the model does not chat or may not be called, or the text is odd.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        text: str,
        model: str,
        access: ModelAccess,
        key: DataKey,
        inference: Inference | None = None,
        keep_versions: bool = False,
    ) -> None:
        super().__init__(scope, id)
        bounds = inference or Inference()
        check_chat([model], bounds.max_tokens)
        access.foundation(model)
        self.name, self.text, self.model, self.access, self._key = name, text, model, access, key
        #: What callers give values to.
        self.variables = variables(text)
        key.allow_in_bedrock()
        key.allow_prompts()
        asked = requests_of([model], bounds, {})[model]["inferenceConfig"]
        self.resource = bedrock.CfnPrompt(
            self,
            "Resource",
            name=name,
            customer_encryption_key_arn=key.key_arn,
            default_variant="default",
            variants=[
                {
                    "name": "default",
                    "templateType": "TEXT",
                    "modelId": called_arn(model),
                    "templateConfiguration": {
                        "text": {"text": text, "inputVariables": [{"name": each} for each in self.variables]}
                    },
                    "inferenceConfiguration": {"text": asked},
                }
            ],
        )
        #: The same for the same content, wherever it is deployed.
        kept = [text, model, asked, key.node.path]
        self.digest = hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()
        # A version is a snapshot of the draft: a new logical id makes CloudFormation take a new one.
        self.version = bedrock.CfnPromptVersion(
            self, f"Version{self.digest[:8]}", prompt_arn=self.resource.attr_arn, description=f"Text {self.digest[:12]}"
        )
        if keep_versions:
            self.version.apply_removal_policy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)
        #: What callers name as the model's id: https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-management-deploy.html
        self.version_arn: str = self.version.attr_arn
        CfnOutput(self, "VersionArn", value=self.version_arn, description=f"The prompt {name}, as callers name it")

    def grant_use(self, role: iam.IRole) -> None:
        """Let ``role`` ask with this prompt, through the guardrail.

        https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-management-prereq.html
        """
        self.grant_render(role)
        self.access.grant_invoke(role, models=[self.model])

    def grant_render(self, role: iam.IRole) -> None:
        """Let ``role`` read this prompt and put values into it.

        https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-management-prereq.html
        """
        grant(role, ["bedrock:GetPrompt", "bedrock:RenderPrompt"], [self.resource.attr_arn, self.version_arn])
        # The page gives both to whoever works with prompts under a key.
        self._key.grant_in_bedrock(role, ("kms:Decrypt", "kms:GenerateDataKey"))
