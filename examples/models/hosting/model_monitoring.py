import aws_cdk as cdk
from aws_genai.foundation import CostTags, Foundation, SecureBucket
from aws_genai.gate import attach_gate
from aws_genai.models import DriftLimits, ModelMonitoring

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Models")
foundation = Foundation(stack)
ModelMonitoring(
    stack,
    "Monitoring",
    foundation=foundation,
    endpoints=["assistant"],
    captured=SecureBucket(stack, "Captured", foundation=foundation),
    limits=DriftLimits(refused_percent=10),
)
app.synth()
