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
