"""Prompts of Prompt management in Amazon Bedrock."""

from __future__ import annotations

import hashlib
import json

from aws_cdk import CfnOutput, RemovalPolicy, aws_bedrock as bedrock, aws_iam as iam
from constructs import Construct

from ...foundation.foundation import Foundation
from ...foundation.role import grant
from ..access.inference import requests_of
from ..access.model_access import ModelAccess, called_arn
from .options import PROMPT_NAME, PromptOptions, variables


class Prompt(Construct):
    """A prompt of Prompt management, and a version of it, which never changes.

    Callers use the ARN of the version and pass values for its variables; they cannot change the text. A change of the
    text, the model or a parameter creates a new version, and deletes or retains the previous one.
    https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-management.html

    Example::

        import aws_cdk as cdk
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate
        from aws_genai.models import Guardrail, ModelAccess, ModelAccessOptions, Prompt, PromptOptions

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
        foundation = Foundation(stack)
        guardrail = Guardrail(stack, "Guardrail", name="one", foundation=foundation)
        Prompt(
            stack,
            "Summary",
            foundation=foundation,
            name="demo-summary",
            access=ModelAccess(
                stack,
                "Access",
                guardrail=guardrail,
                options=ModelAccessOptions(models=["amazon.nova-lite-v1:0"]),
            ),
            options=PromptOptions(
                text="Summarize for {{reader}} in three sentences: {{text}}", model="amazon.nova-lite-v1:0"
            ),
        )
        app.synth()

    :param foundation: the key that encrypts the prompt.
    :param name: name of the prompt: 1 to 100 letters, digits, hyphens and underscores.
    :param access: the models that may be invoked; the prompt's must be among them.
    :param options: text, model and inference parameters.
    :raises InvalidValueError: if the model may not be invoked.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        name: str,
        access: ModelAccess,
        options: PromptOptions,
    ) -> None:
        super().__init__(scope, id)
        PROMPT_NAME.check(name)
        key, text, model = foundation.key, options.text, options.model
        access.foundation(model)
        self.name, self.text, self.model, self.access, self._key = name, text, model, access, key
        #: Names of the variables, for which callers pass values.
        self.variables = variables(text)
        key.allow_in_bedrock()
        key.allow_prompts()
        parameters = requests_of([model], options, {})[model]["inferenceConfig"]
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
                    "inferenceConfiguration": {"text": parameters},
                }
            ],
        )
        #: The same for the same content, in whichever account it is deployed.
        kept = [text, model, parameters, key.node.path]
        self.digest = hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()
        # A version is a snapshot of the draft: with a new logical id, CloudFormation creates a new version.
        self.version = bedrock.CfnPromptVersion(
            self, f"Version{self.digest[:8]}", prompt_arn=self.resource.attr_arn, description=f"Text {self.digest[:12]}"
        )
        if options.keep_versions:
            self.version.apply_removal_policy(RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)
        #: Callers use it as the id of the model:
        #: https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-management-deploy.html
        self.version_arn: str = self.version.attr_arn
        CfnOutput(self, "VersionArn", value=self.version_arn, description=f"The prompt {name}, as callers name it")

    def grant_use(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow ``grantee`` to invoke the model with this prompt, through the guardrail.

        https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-management-prereq.html
        """
        self.grant_render(grantee)
        return self.access.grant_invoke(grantee, models=[self.model])

    def grant_render(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow ``grantee`` to read this prompt and to fill in its variables.

        https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-management-prereq.html
        """
        granted = grant(
            grantee, ["bedrock:GetPrompt", "bedrock:RenderPrompt"], [self.resource.attr_arn, self.version_arn]
        )
        # The page has both actions for users of prompts that are encrypted with a customer managed key.
        self._key.grant_in_bedrock(grantee, ("kms:Decrypt", "kms:GenerateDataKey"))
        return granted
