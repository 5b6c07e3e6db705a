import aws_cdk as cdk
from aws_genai.compute import TrainingQueue, TrainingStorage
from aws_genai.foundation import AccessLogBucket, AlarmTopic, CostTags, DataKey, PrivateNetwork
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Training")
key = DataKey(stack, "Key", description="Training")
key.allow_logs()
TrainingQueue(
    stack,
    "Research",
    queue_name="research",
    instance_type="trn1.32xlarge",
    nodes=4,
    efa=True,
    image="111122223333.dkr.ecr.us-east-1.amazonaws.com/train:1",
    storage=TrainingStorage(stack, "Storage", key=key, access_logs=AccessLogBucket(stack, "Logs")),
    key=key,
    network=PrivateNetwork(stack, "Network", zones=["us-east-1a"], key=key),
    topic=AlarmTopic(stack, "Alarms", key=key),
)
app.synth()
