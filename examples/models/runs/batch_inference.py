import aws_cdk as cdk
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate
from aws_genai.models import (
    BatchInference,
    BatchInferenceOptions,
    Guardrail,
    ModelAccess,
    ModelAccessOptions,
)

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
foundation = Foundation(stack)
guardrail = Guardrail(stack, "Guardrail", name="one", foundation=foundation)
BatchInference(
    stack,
    "Summaries",
    foundation=foundation,
    name="demo-summaries",
    access=ModelAccess(
        stack,
        "Access",
        guardrail=guardrail,
        options=ModelAccessOptions(models=["amazon.nova-lite-v1:0"]),
    ),
    options=BatchInferenceOptions(model="amazon.nova-lite-v1:0"),
)
app.synth()
