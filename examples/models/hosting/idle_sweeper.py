import aws_cdk as cdk
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate
from aws_genai.models import IdleOptions, IdleSweeper

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Models")
IdleSweeper(
    stack,
    "Idle",
    foundation=Foundation(stack),
    prefix="demo-dev-",
    owner={"project": "demo", "environment": "dev"},
    options=IdleOptions(hours=12),
)
app.synth()
