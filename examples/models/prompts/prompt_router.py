import aws_cdk as cdk
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate
from aws_genai.models import Guardrail, ModelAccess, ModelAccessOptions, PromptRouter, RouterOptions

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
foundation = Foundation(stack)
models = ["us.amazon.nova-pro-v1:0", "us.amazon.nova-lite-v1:0"]
guardrail = Guardrail(stack, "Guardrail", name="one", foundation=foundation)
PromptRouter(
    stack,
    "Router",
    name="demo-router",
    access=ModelAccess(
        stack, "Access", guardrail=guardrail, options=ModelAccessOptions(models=models)
    ),
    options=RouterOptions(models=models),
)
app.synth()
