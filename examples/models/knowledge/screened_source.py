import aws_cdk as cdk
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate
from aws_genai.models import KnowledgeBase, ScreenedSource

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Knowledge", env=cdk.Environment(region="us-east-1"))
foundation = Foundation(stack)
base = KnowledgeBase(
    stack, "Handbook", name="demo-handbook", sources={"policies": ["staff"]}, foundation=foundation
)
ScreenedSource(
    stack,
    "Site",
    base=base,
    name="site",
    groups=["staff"],
    urls=["https://docs.example.com/"],
    foundation=foundation,
)
app.synth()
