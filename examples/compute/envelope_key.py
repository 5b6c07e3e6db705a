import aws_cdk as cdk
from aws_genai.compute import EnvelopeKey
from aws_genai.foundation import CostTags
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Envelope")
EnvelopeKey(
    stack,
    "Envelope",
    measurements={4: "ab" * 48, 7: "cd" * 48},
    publisher_role_arn=f"arn:aws:iam::{cdk.Aws.ACCOUNT_ID}:role/model-publisher",
)
app.synth()
