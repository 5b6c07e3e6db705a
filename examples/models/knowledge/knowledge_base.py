import aws_cdk as cdk
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate
from aws_genai.models import KnowledgeBase, KnowledgeBaseOptions, Source

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Knowledge", env=cdk.Environment(region="us-east-1"))
KnowledgeBase(
    stack,
    "Handbook",
    foundation=Foundation(stack),
    name="demo-handbook",
    options=KnowledgeBaseOptions(
        sources={"policies": Source(groups=["staff"]), "salaries": Source(groups=["hr"])}
    ),
)
app.synth()
