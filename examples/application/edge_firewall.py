import aws_cdk as cdk
from aws_genai.application import EdgeFirewall
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Edge", env=cdk.Environment(region="us-east-1"))
EdgeFirewall(stack, "Firewall", name="assistant-edge", foundation=Foundation(stack))
app.synth()
