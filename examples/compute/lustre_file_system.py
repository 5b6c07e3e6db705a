import aws_cdk as cdk
from aws_genai.compute import LustreFileSystem
from aws_genai.foundation import (
    AccessLogBucket,
    CostTags,
    DataKey,
    PrivateNetwork,
    SecureBucket,
)
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Files")
key = DataKey(stack, "Key", description="Training")
key.allow_logs()
logs = AccessLogBucket(stack, "Logs")
LustreFileSystem(
    stack,
    "Files",
    key=key,
    network=PrivateNetwork(stack, "Network", zones=["us-east-1a"], key=key),
    data_sets=SecureBucket(stack, "DataSets", key=key, access_logs=logs),
    checkpoints=SecureBucket(stack, "Checkpoints", key=key, access_logs=logs),
)
app.synth()
