import aws_cdk as cdk
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate
from aws_genai.models import DataSetOptions, SignedDataSets

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Data")
SignedDataSets(
    stack,
    "DataSets",
    foundation=Foundation(stack),
    options=DataSetOptions(approver_roles=["arn:aws:iam::111122223333:role/data-approver"]),
)
app.synth()
