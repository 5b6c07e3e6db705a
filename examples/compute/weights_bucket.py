import aws_cdk as cdk
from aws_genai.compute import WeightsBucket
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Weights")
foundation = Foundation(stack)
publisher = f"arn:aws:iam::{cdk.Aws.ACCOUNT_ID}:role/model-publisher"
WeightsBucket(stack, "Weights", foundation=foundation, publisher_role_arn=publisher)
app.synth()
