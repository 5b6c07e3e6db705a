import aws_cdk as cdk
from aws_genai.compute import ClusterGroup, ClusterOptions, TrainingCluster, TrainingStorage
from aws_genai.foundation import CostTags, Foundation, SecureBucket
from aws_genai.gate import attach_gate

app = cdk.App()
attach_gate(app)
CostTags(project="demo", environment="dev", layer="demo", owner="me", cost_center="1").apply(app)
stack = cdk.Stack(app, "Training")
foundation = Foundation(stack, network=["us-east-1a"])
TrainingCluster(
    stack,
    "Pretraining",
    foundation=foundation,
    cluster_name="pretraining",
    options=ClusterOptions(
        groups={"workers": ClusterGroup(instance_type="ml.trn1.32xlarge", instances=4)}
    ),
    storage=TrainingStorage(stack, "Storage", foundation=foundation),
    scripts=SecureBucket(stack, "Scripts", foundation=foundation),
    jobs={"pretrain.sbatch": b"#!/bin/bash\n#SBATCH --nodes=4\nsrun python train.py $1\n"},
)
app.synth()
