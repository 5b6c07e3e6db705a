import aws_cdk as cdk
from aws_genai.application import EdgeLogs
from aws_genai.foundation import CostTags, Foundation, SecureBucket
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Edge", env=cdk.Environment(region="us-east-1"))
foundation = Foundation(stack)
SecureBucket(stack, "Page", foundation=foundation)
bucket = foundation.access_logs
bucket.allow_deliveries("us-east-1")
EdgeLogs(
    stack,
    "Logs",
    name="assistant",
    distribution_arn="arn:aws:cloudfront::111122223333:distribution/E1EXAMPLE",
    bucket_arn=bucket.bucket_arn,
)
app.synth()
