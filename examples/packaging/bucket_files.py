import aws_cdk as cdk
from aws_genai.packaging import BucketFiles
from aws_genai.foundation import AccessLogBucket, AlarmTopic, CostTags, DataKey, SecureBucket
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Files")
key = DataKey(stack, "Key", description="Files")
key.allow_logs()
BucketFiles(
    stack,
    "Scripts",
    contents={"hello.sh": b"#!/bin/sh\necho hello\n"},
    bucket=SecureBucket(stack, "Bucket", key=key, access_logs=AccessLogBucket(stack, "Logs")),
    key=key,
    topic=AlarmTopic(stack, "Alarms", key=key),
)
app.synth()
