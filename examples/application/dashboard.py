import aws_cdk as cdk
from aws_genai.application import Dashboard
from aws_genai.foundation import CostTags
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
Dashboard(
    cdk.Stack(app, "Overview"),
    "Dashboard",
    name="assistant",
    models={"Nova Lite": "amazon.nova-lite-v1:0"},
)
app.synth()
