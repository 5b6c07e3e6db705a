import aws_cdk as cdk
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate
from aws_genai.models import Guardrail, ImportedModel, Weights

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
foundation = Foundation(stack)
ImportedModel(
    stack,
    "Assistant",
    name="demo-assistant",
    weights=Weights(uri="s3://models-of-mine/assistant/3"),
    guardrail=Guardrail(stack, "Guardrail", name="assistant", foundation=foundation),
    foundation=foundation,
)
app.synth()
