import aws_cdk as cdk
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate
from aws_genai.models import Guardrail, ModelAccess, Prompt

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
foundation = Foundation(stack)
guardrail = Guardrail(stack, "Guardrail", name="one", foundation=foundation)
Prompt(
    stack,
    "Summary",
    name="demo-summary",
    text="Summarize for {{reader}} in three sentences: {{text}}",
    model="amazon.nova-lite-v1:0",
    access=ModelAccess(stack, "Access", models=["amazon.nova-lite-v1:0"], guardrail=guardrail),
    foundation=foundation,
)
app.synth()
