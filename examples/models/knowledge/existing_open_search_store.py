import aws_cdk as cdk
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate
from aws_genai.models import (
    Collection,
    ExistingOpenSearchStore,
    KnowledgeBase,
    KnowledgeBaseOptions,
    Source,
)

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Vectors", env=cdk.Environment(region="us-east-1"))
store = ExistingOpenSearchStore(
    stack,
    "Store",
    name="demo-handbook",
    dimension=1024,
    collection=Collection(
        arn="arn:aws:aoss:us-east-1:111122223333:collection/07tjusf2h91cunochc",
        name="shared",
        index="handbook",
    ),
)
KnowledgeBase(
    stack,
    "Handbook",
    foundation=Foundation(stack),
    name="demo-handbook",
    options=KnowledgeBaseOptions(sources={"policies": Source(groups=["staff"])}),
    store=store,
)
app.synth()
