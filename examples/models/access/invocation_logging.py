import aws_cdk as cdk
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate
from aws_genai.models import InvocationLogging, InvocationLoggingOptions

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
foundation = Foundation(stack)
InvocationLogging(
    stack, "Calls", foundation=foundation, options=InvocationLoggingOptions(mask=["EmailAddress"])
)
app.synth()
