import aws_cdk as cdk
from aws_genai.models import SignedDataSets
from aws_genai.foundation import AccessLogBucket, AlarmTopic, CostTags, DataKey
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Data")
key = DataKey(stack, "Key", description="Training data")
key.allow_logs()
SignedDataSets(
    stack,
    "DataSets",
    approver_role_arns=[f"arn:aws:iam::{cdk.Aws.ACCOUNT_ID}:role/data-approver"],
    key=key,
    access_logs=AccessLogBucket(stack, "Logs"),
    topic=AlarmTopic(stack, "Alarms", key=key),
)
app.synth()
