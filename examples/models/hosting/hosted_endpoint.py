import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_genai.foundation import CostTags, Foundation, WorkloadRole
from aws_genai.gate import attach_gate
from aws_genai.models import EndpointOptions, JumpStartEndpoint
from aws_genai.models.hosting.hosted_endpoint import HostedEndpoint

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
endpoint: HostedEndpoint = JumpStartEndpoint(
    stack,
    "Embeddings",
    foundation=Foundation(stack, network=["us-east-1a", "us-east-1b"]),
    endpoint_name="embeddings",
    options=EndpointOptions(model="huggingface-sentencesimilarity-bge-m3"),
)
endpoint.grant_invoke(
    WorkloadRole(stack, "Caller", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
)
