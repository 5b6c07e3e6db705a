import aws_cdk as cdk
from aws_genai.foundation import CostTags, DataKey, WeakReferences
from aws_genai.gate import attach_gate

app = cdk.App(context={"@aws-cdk/core:defaultCrossStackReferences": "weak"})
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Keys", synthesizer=WeakReferences())
key = DataKey(stack, "Key", description="Shared")
reader = cdk.Stack(app, "Reader", synthesizer=WeakReferences())
cdk.CfnOutput(reader, "KeyArn", value=key.key_arn)
