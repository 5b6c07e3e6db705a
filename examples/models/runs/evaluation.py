import aws_cdk as cdk
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate
from aws_genai.models import (
    Evaluation,
    EvaluationOptions,
    Guardrail,
    Judge,
    ModelAccess,
    ModelAccessOptions,
)

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
foundation = Foundation(stack)
models = ["us.amazon.nova-pro-v1:0", "us.amazon.nova-lite-v1:0"]
Evaluation(
    stack,
    "Assistants",
    foundation=foundation,
    name="demo-assistants",
    access=ModelAccess(
        stack,
        "Access",
        guardrail=Guardrail(stack, "Guardrail", name="one", foundation=foundation),
        options=ModelAccessOptions(models=models),
    ),
    options=EvaluationOptions(
        models=models,
        judge=Judge(model="us.amazon.nova-pro-v1:0"),
        thresholds={"Correctness": 0.8, "latency_ms": 3000},
    ),
)
app.synth()
