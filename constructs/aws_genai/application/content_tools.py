"""The tools of an assistant that draws images."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Stack, Token, aws_iam as iam
from constructs import Construct

from ..data.bedrock import BedrockCatalogue
from ..foundation.bucket import SecureBucket
from ..foundation.foundation import Foundation
from ..foundation.role import grant
from ..functions.assistant.content_environment import ContentEnvironment
from ..functions.contract import Contract
from ..models.access.model_access import ModelAccess
from .kinds import check_images_scanned, drawing
from .options import ContentOptions

#: Where images of users, and images whose style is followed, are in the bucket.
IMAGES, STYLES = "images/", "styles/"


class ContentTools(Construct):
    """Image models, and a bucket for what they draw, for an :class:`Assistant` of kind content.

    The guardrail assesses each prompt before it reaches a model, each call of a model, and each image before it is
    stored. Images are stored under the id of their user, encrypted, and expire. Users get presigned addresses.

    Example::

        import aws_cdk as cdk
        from aws_genai.application import Assistant, AssistantOptions, ContentTools, Identity
        from aws_genai.foundation import CostTags, Foundation
        from aws_genai.gate import attach_gate
        from aws_genai.models import Guardrail, GuardrailOptions, ModelAccess, ModelAccessOptions

        app = cdk.App()
        attach_gate(app)
        CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
        stack = cdk.Stack(app, "Chat", env=cdk.Environment(region="us-west-2"))
        foundation = Foundation(stack)
        access = ModelAccess(
            stack,
            "Access",
            guardrail=Guardrail(
                stack,
                "Guardrail",
                name="author",
                foundation=foundation,
                options=GuardrailOptions(images=True),
            ),
            options=ModelAccessOptions(
                models=["us.amazon.nova-lite-v1:0", "stability.stable-image-core-v1:1"]
            ),
        )
        Assistant(
            stack,
            "Author",
            foundation=foundation,
            name="author",
            access=access,
            identity=Identity(stack, "Users", foundation=foundation, pool_name="author"),
            options=AssistantOptions(kind="content"),
            toolset=ContentTools(stack, "Images", foundation=foundation, access=access),
        )
        app.synth()

    :param foundation: provides the key, the access log bucket, the removal policy and whether to create a replica.
    :param access: the models and the guardrail, which filters images.
    :param options: the image models and limits. Default: every model of the access that draws new images.
    :raises InvalidValueError: if no model of the access draws new images, one of the options does not, or the guardrail
        does not filter images.
    """

    tools: str = "content"
    include: Sequence[str] = ()

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        foundation: Foundation,
        access: ModelAccess,
        options: ContentOptions | None = None,
    ) -> None:
        super().__init__(scope, id)
        options = options or ContentOptions()
        check_images_scanned(images=access.guardrail.options.images)
        region = Stack.of(self).region
        self.models = drawing(access.models, options.models, None if Token.is_unresolved(region) else region)
        self._access, self._style = access, options.style
        self.bucket = SecureBucket(
            self,
            "Bucket",
            foundation=foundation,
            retention_days=options.retention_days,
            retention_prefix=IMAGES,
            # An image that its user had deleted is not kept.
            noncurrent_days=1,
        )
        self.environment: Contract = ContentEnvironment(
            IMAGE_MODELS={model: BedrockCatalogue.get(model).usd_per_image or 0.0 for model in self.models},
            IMAGE_BUCKET=self.bucket.bucket_name,
            GUARDRAIL_ID=access.guardrail.guardrail_id,
            GUARDRAIL_VERSION=access.guardrail.version,
            IMAGES_PER_ANSWER=options.images_per_answer,
            IMAGE_STYLE=f"{STYLES}{options.style}" if options.style else None,
        )

    def grant_use(self, grantee: iam.IGrantable) -> iam.Grant:
        """Allow ``grantee`` to draw through the guardrail, and to write and show images, but not to list them."""
        given = self._access.grant_invoke(grantee, models=self.models)
        self.bucket.grant_write(grantee, IMAGES)
        self.bucket.grant_get(grantee, IMAGES)
        if self._style:
            grant(grantee, ["s3:GetObject"], [f"{self.bucket.bucket_arn}/{STYLES}{self._style}"])
        return given
