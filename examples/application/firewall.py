import aws_cdk as cdk
from aws_genai.application import Firewall
from aws_genai.foundation import CostTags, DataKey
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Firewall")
key = DataKey(stack, "Key", description="Logs")
key.allow_logs()
Firewall(stack, "Firewall", name="assistant", key=key)
app.synth()
