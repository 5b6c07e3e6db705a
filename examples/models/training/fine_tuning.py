import aws_cdk as cdk
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate
from aws_genai.models import FineTuning, SignedDataSets

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
foundation = Foundation(stack, network=["us-east-1a", "us-east-1b"])
FineTuning(
    stack,
    "Support",
    name="support",
    endpoint_name="support",
    model_id="huggingface-llm-gemma-7b-instruct",
    accept_eula=True,
    data_sets=SignedDataSets(
        stack,
        "DataSets",
        approver_role_arns=[f"arn:aws:iam::{cdk.Aws.ACCOUNT_ID}:role/data-approver"],
        foundation=foundation,
    ),
    hyperparameters={"epoch": 2, "lora_r": 16},
    foundation=foundation,
)
app.synth()
