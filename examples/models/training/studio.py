import aws_cdk as cdk
from aws_genai.models import Studio
from aws_genai.foundation import CostTags, DataKey, PrivateNetwork
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Studio", env=cdk.Environment(region="us-east-1"))
key = DataKey(stack, "Key", description="Notebooks")
Studio(
    stack,
    "Studio",
    name="demo",
    people={"ann": "approver", "bob": "data-scientist"},
    key=key,
    network=PrivateNetwork(stack, "Network", zones=["us-east-1a", "us-east-1b"], key=key),
)
app.synth()
