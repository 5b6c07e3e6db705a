import aws_cdk as cdk
from aws_genai.compute import QueueOptions, TrainingQueue, TrainingStorage
from aws_genai.foundation import CostTags, Foundation
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Training")
foundation = Foundation(stack, network=["us-east-1a"])
TrainingQueue(
    stack,
    "Research",
    foundation=foundation,
    queue_name="research",
    options=QueueOptions(
        instance_type="trn1.32xlarge",
        nodes=4,
        efa=True,
        image="111122223333.dkr.ecr.us-east-1.amazonaws.com/train:1",
    ),
    storage=TrainingStorage(stack, "Storage", foundation=foundation),
)
app.synth()
