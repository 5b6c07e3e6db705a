import aws_cdk as cdk
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate
from aws_genai.models import DataSetOptions, FineTuning, FineTuningOptions, SignedDataSets

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
foundation = Foundation(stack, network=["us-east-1a", "us-east-1b"])
FineTuning(
    stack,
    "Support",
    foundation=foundation,
    name="support",
    endpoint_name="support",
    options=FineTuningOptions(
        model="huggingface-llm-gemma-7b-instruct",
        accept_eula=True,
        hyperparameters={"epoch": 2, "lora_r": 16},
    ),
    data_sets=SignedDataSets(
        stack,
        "DataSets",
        foundation=foundation,
        options=DataSetOptions(approver_roles=["arn:aws:iam::111122223333:role/data-approver"]),
    ),
)
app.synth()
