import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_genai.foundation import CostTags, Foundation, WorkloadRole
from aws_genai.gate import attach_gate
from aws_genai.models import Guardrail, ModelAccess, ModelAccessOptions

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Models", env=cdk.Environment(region="us-east-1"))
foundation = Foundation(stack)
access = ModelAccess(
    stack,
    "Access",
    guardrail=Guardrail(stack, "Guardrail", name="assistant", foundation=foundation),
    options=ModelAccessOptions(models=["amazon.nova-lite-v1:0"]),
)
access.grant_invoke(
    WorkloadRole(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
)
app.synth()
