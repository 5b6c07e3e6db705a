import aws_cdk as cdk
from aws_genai.application import Firewall, OriginSecret
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Origin")
foundation = Foundation(stack)
secret = OriginSecret(stack, "Secret", foundation=foundation)
Firewall(stack, "Firewall", foundation=foundation, name="assistant", origin=secret)
secret.rotate(distribution_id="E1EXAMPLE")
app.synth()
