import aws_cdk as cdk
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate
from aws_genai.models import KnowledgeBase, KnowledgeBaseOptions, ScreenedSource, Source, WebSource

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Knowledge", env=cdk.Environment(region="us-east-1"))
foundation = Foundation(stack)
base = KnowledgeBase(
    stack,
    "Handbook",
    foundation=foundation,
    name="demo-handbook",
    options=KnowledgeBaseOptions(sources={"policies": Source(groups=["staff"])}),
)
ScreenedSource(
    stack,
    "Site",
    foundation=foundation,
    base=base,
    name="site",
    options=WebSource(urls=["https://docs.example.com/"], groups=["staff"]),
)
app.synth()
