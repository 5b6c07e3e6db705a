import aws_cdk as cdk
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate
from aws_genai.models import HubOptions, ModelHub

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
ModelHub(
    stack,
    "Hub",
    foundation=Foundation(stack),
    name="allowed",
    options=HubOptions(
        models=["huggingface-llm-mistral-7b-instruct-v3", "huggingface-sentencesimilarity-bge-m3"]
    ),
)
app.synth()
