import aws_cdk as cdk
from aws_cdk import aws_sagemaker as sagemaker
from aws_genai.foundation import CostTags, Foundation, SecureBucket
from aws_genai.gate import attach_gate
from aws_genai.models import ApprovedEndpoint, ApprovedEndpointOptions

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
foundation = Foundation(stack, network=["us-east-1a", "us-east-1b"])
ApprovedEndpoint(
    stack,
    "Support",
    foundation=foundation,
    endpoint_name="support",
    options=ApprovedEndpointOptions(instance_type="ml.g5.12xlarge"),
    group=sagemaker.CfnModelPackageGroup(stack, "Versions", model_package_group_name="support"),
    image="763104351884.dkr.ecr.us-east-1.amazonaws.com/djl-inference:0.38.0-lmi29.0.0-cu130",
    models=SecureBucket(stack, "Models", foundation=foundation),
    prefix="output/support/",
)
app.synth()
