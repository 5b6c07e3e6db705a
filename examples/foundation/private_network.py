import aws_cdk as cdk
from aws_genai.foundation import CostTags, DataKey, PrivateNetwork
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Network")
key = DataKey(stack, "Key", description="Flow logs")
key.allow_logs()
PrivateNetwork(
    stack, "Network", zones=["us-east-1a", "us-east-1b"], key=key, services=["bedrock-runtime"]
)
app.synth()
