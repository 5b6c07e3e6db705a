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
