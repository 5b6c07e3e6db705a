import aws_cdk as cdk
from aws_genai.compute import WeightsBucket
from aws_genai.foundation import AccessLogBucket, AlarmTopic, CostTags, DataKey
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Weights")
key = DataKey(stack, "Key", description="Weights")
topic = AlarmTopic(stack, "Alarms", key=key)
publisher = f"arn:aws:iam::{cdk.Aws.ACCOUNT_ID}:role/model-publisher"
WeightsBucket(
    stack,
    "Weights",
    key=key,
    topic=topic,
    access_logs=AccessLogBucket(stack, "Logs"),
    publisher_role_arn=publisher,
)
app.synth()
