import aws_cdk as cdk
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate
from aws_genai.models import IdleSweeper

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Models")
foundation = Foundation(stack)
IdleSweeper(
    stack,
    "Idle",
    prefix="demo-dev-",
    owner={"project": "demo", "environment": "dev"},
    foundation=foundation,
)
app.synth()
