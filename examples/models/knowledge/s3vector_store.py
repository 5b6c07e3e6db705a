import aws_cdk as cdk
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate
from aws_genai.models import S3VectorStore

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Vectors", env=cdk.Environment(region="us-east-1"))
S3VectorStore(stack, "Store", foundation=Foundation(stack), dimension=1024)
app.synth()
