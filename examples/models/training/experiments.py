import aws_cdk as cdk
from aws_genai.models import Experiments
from aws_genai.foundation import AccessLogBucket, CostTags, DataKey
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Experiments")
key = DataKey(stack, "Key", description="Experiments")
Experiments(stack, "Experiments", name="demo", key=key, access_logs=AccessLogBucket(stack, "Logs"))
app.synth()
