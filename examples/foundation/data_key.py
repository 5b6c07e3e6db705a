import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_genai.foundation import CostTags, DataKey, WorkloadRole
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Keys")
key = DataKey(stack, "Key", description="Documents")
role = WorkloadRole(stack, "Reader", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
key.grant_decrypt(role)
app.synth()
