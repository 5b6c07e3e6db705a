import aws_cdk as cdk
from aws_genai.foundation import AuditTrail, CostTags, Foundation
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Audit")
AuditTrail(stack, "Trail", trail_name="audit", foundation=Foundation(stack))
app.synth()
