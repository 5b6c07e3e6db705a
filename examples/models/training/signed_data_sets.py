import aws_cdk as cdk
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate
from aws_genai.models import SignedDataSets

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Data")
foundation = Foundation(stack)
SignedDataSets(
    stack,
    "DataSets",
    approver_role_arns=[f"arn:aws:iam::{cdk.Aws.ACCOUNT_ID}:role/data-approver"],
    foundation=foundation,
)
app.synth()
