import aws_cdk as cdk
from aws_genai.models import BatchInference, Guardrail, ModelAccess
from aws_genai.foundation import AccessLogBucket, AlarmTopic, CostTags, DataKey
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
key = DataKey(stack, "Key", description="Batches")
key.allow_logs()
guardrail = Guardrail(stack, "Guardrail", name="one", key=key)
BatchInference(
    stack,
    "Summaries",
    name="demo-summaries",
    model="amazon.nova-lite-v1:0",
    access=ModelAccess(stack, "Access", models=["amazon.nova-lite-v1:0"], guardrail=guardrail),
    key=key,
    access_logs=AccessLogBucket(stack, "AccessLogs"),
    topic=AlarmTopic(stack, "Alarms", key=key),
)
app.synth()
