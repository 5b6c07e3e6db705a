import aws_cdk as cdk
from aws_genai.foundation import AccessLogBucket, AuditTrail, CostTags, DataKey
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Audit")
key = DataKey(stack, "Key", description="Audit")
key.allow_logs()
key.allow_trail()
AuditTrail(
    stack, "Trail", trail_name="audit", key=key, access_logs=AccessLogBucket(stack, "AccessLogs")
)
app.synth()
