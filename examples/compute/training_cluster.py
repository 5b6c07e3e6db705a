import aws_cdk as cdk
from aws_genai.compute import ClusterGroup, TrainingCluster, TrainingStorage
from aws_genai.foundation import (
    AccessLogBucket,
    AlarmTopic,
    CostTags,
    DataKey,
    PrivateNetwork,
    SecureBucket,
)
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Training")
key = DataKey(stack, "Key", description="Training")
key.allow_logs()
logs = AccessLogBucket(stack, "Logs")
TrainingCluster(
    stack,
    "Pretraining",
    cluster_name="pretraining",
    groups=[ClusterGroup(name="workers", instance_type="ml.trn1.32xlarge", instances=4)],
    jobs={"pretrain.sbatch": b"#!/bin/bash\n#SBATCH --nodes=4\nsrun python train.py $1\n"},
    storage=TrainingStorage(stack, "Storage", key=key, access_logs=logs),
    scripts=SecureBucket(stack, "Scripts", key=key, access_logs=logs),
    key=key,
    network=PrivateNetwork(stack, "Network", zones=["us-east-1a"], key=key),
    topic=AlarmTopic(stack, "Alarms", key=key),
)
app.synth()
