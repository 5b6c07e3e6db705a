import aws_cdk as cdk
from aws_genai.compute import TrainingStorage
from aws_genai.foundation import AccessLogBucket, CostTags, DataKey
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Training")
TrainingStorage(
    stack,
    "Storage",
    key=DataKey(stack, "Key", description="Training"),
    access_logs=AccessLogBucket(stack, "Logs"),
)
app.synth()
