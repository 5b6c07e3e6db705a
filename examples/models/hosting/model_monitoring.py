import aws_cdk as cdk
from aws_genai.models import ModelMonitoring
from aws_genai.foundation import AccessLogBucket, AlarmTopic, CostTags, DataKey, SecureBucket
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Models")
key = DataKey(stack, "Key", description="Captured calls")
key.allow_logs()
ModelMonitoring(
    stack,
    "Monitoring",
    endpoints=["assistant"],
    captured=SecureBucket(stack, "Captured", key=key, access_logs=AccessLogBucket(stack, "Logs")),
    key=key,
    topic=AlarmTopic(stack, "Alarms", key=key),
)
app.synth()
