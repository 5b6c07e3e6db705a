import aws_cdk as cdk
from aws_genai.foundation import CostTags, Foundation, SecureBucket
from aws_genai.gate import attach_gate
from aws_genai.packaging import BucketFiles

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Files")
foundation = Foundation(stack)
BucketFiles(
    stack,
    "Scripts",
    contents={"hello.sh": b"#!/bin/sh\necho hello\n"},
    bucket=SecureBucket(stack, "Bucket", foundation=foundation),
    foundation=foundation,
)
app.synth()
