import aws_cdk as cdk
from aws_genai.application import Assistant, AssistantOptions, CodeTools, Identity
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate
from aws_genai.models import Guardrail, ModelAccess, ModelAccessOptions

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Chat", env=cdk.Environment(region="us-east-1"))
foundation = Foundation(stack)
Assistant(
    stack,
    "Developer",
    foundation=foundation,
    name="developer",
    access=ModelAccess(
        stack,
        "Access",
        guardrail=Guardrail(stack, "Guardrail", name="developer", foundation=foundation),
        options=ModelAccessOptions(models=["amazon.nova-lite-v1:0"]),
    ),
    identity=Identity(stack, "Users", foundation=foundation, pool_name="developer"),
    options=AssistantOptions(kind="code"),
    toolset=CodeTools(stack, "Code", name="developer"),
)
app.synth()
