import aws_cdk as cdk
from aws_genai.foundation import AccessLogBucket, AlarmTopic, CostTags, DataKey, Foundation
from aws_genai.gate import attach_gate
from aws_genai.models import CustomizedModel, SignedDataSets

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
foundation = Foundation(stack)
key = DataKey(stack, "Key", description="Models")
key.allow_logs()
logs, topic = (AccessLogBucket(stack, "AccessLogs"), AlarmTopic(stack, "Alarms", key=key))
CustomizedModel(
    stack,
    "Support",
    name="demo-support",
    data_set="support",
    base="amazon.nova-lite-v1:0",
    hyperparameters={"epochCount": 3},
    data_sets=SignedDataSets(stack, "DataSets", foundation=foundation),
    foundation=foundation,
)
app.synth()
