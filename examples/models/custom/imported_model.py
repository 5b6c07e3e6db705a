import aws_cdk as cdk
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate
from aws_genai.models import Guardrail, ImportedModel, ImportedModelOptions

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
foundation = Foundation(stack)
ImportedModel(
    stack,
    "Assistant",
    foundation=foundation,
    name="demo-assistant",
    guardrail=Guardrail(stack, "Guardrail", name="assistant", foundation=foundation),
    options=ImportedModelOptions(uri="s3://models-of-mine/assistant/3"),
)
app.synth()
