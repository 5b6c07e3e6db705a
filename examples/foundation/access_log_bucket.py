import aws_cdk as cdk
from aws_genai.foundation import AccessLogBucket, CostTags, DataKey, SecureBucket
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Logs")
logs = AccessLogBucket(stack, "AccessLogs", retention_days=365)
SecureBucket(stack, "Data", key=DataKey(stack, "Key", description="Data"), access_logs=logs)
app.synth()
