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
