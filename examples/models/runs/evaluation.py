import aws_cdk as cdk
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate
from aws_genai.models import Evaluation, Guardrail, Judge, ModelAccess

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
foundation = Foundation(stack)
models = ["us.amazon.nova-pro-v1:0", "us.amazon.nova-lite-v1:0"]
Evaluation(
    stack,
    "Assistants",
    name="demo-assistants",
    models=models,
    access=ModelAccess(
        stack,
        "Access",
        models=models,
        guardrail=Guardrail(stack, "Guardrail", name="one", foundation=foundation),
    ),
    judge=Judge(model="us.amazon.nova-pro-v1:0"),
    thresholds={"Correctness": 0.8, "latency_ms": 3000},
    foundation=foundation,
)
app.synth()
