"""Settings of customizations in addition to the options of their construct: the model that is deployed."""

from __future__ import annotations

from aws_genai.models.custom.options import CustomizationOptions, CustomModelArn
from aws_genai.options import KeyArn


class Customized(CustomizationOptions):
    """A customization of a Bedrock model with a signed data set."""

    deployed: CustomModelArn | None = None
    """ARN of the custom model to deploy, from the output of an execution. Default: no model is deployed."""

    key_arn: KeyArn | None = None
    """ARN of the KMS key that encrypts the deployed model. Default: the key of the stack, which customization jobs
    use."""
