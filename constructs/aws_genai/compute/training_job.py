"""What one training job runs, on one machine or on many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aws_cdk import aws_batch as batch
from constructs import Construct

from ..data.accelerators import Accelerator, Platform
from ..foundation.pseudo import REGION
from .boot import SCRATCH

#: The part of an instance's memory that a container may have: the rest is for the kernel and the ECS agent.
#: https://docs.aws.amazon.com/batch/latest/userguide/memory-management.html
_MEMORY = 0.92


@dataclass(frozen=True, kw_only=True)
class Job:
    """A job definition in our own words."""

    name: str
    image: str
    command: Sequence[str]
    types: Sequence[Accelerator]
    nodes: int
    efa: bool
    role_arn: str
    log_group: str
    data_sets: str
    checkpoints: str
    files: bool
    attempts: int
    timeout_hours: float


def job_definition(scope: Construct, job: Job) -> batch.CfnJobDefinition:
    """The definition under which jobs are submitted with the parameters ``data_set`` and ``run``."""
    container = _container(job)
    shared: dict[str, Any] = {
        "job_definition_name": job.name,
        "parameters": {"data_set": "none", "run": "none"},
        "platform_capabilities": ["EC2"],
        "propagate_tags": True,
        "timeout": {"attemptDurationSeconds": int(job.timeout_hours * 3600)},
        # A host that is lost, to Spot or to hardware, is no fault of the job; anything else is.
        # https://docs.aws.amazon.com/batch/latest/userguide/job_retries.html
        "retry_strategy": {
            "attempts": job.attempts,
            "evaluateOnExit": [
                {"action": "RETRY", "onStatusReason": "Host EC2*"},
                {"action": "EXIT", "onReason": "*"},
            ],
        },
    }
    if job.nodes == 1:
        return batch.CfnJobDefinition(scope, "Job", type="container", container_properties=container, **shared)
    return batch.CfnJobDefinition(
        scope,
        "Job",
        type="multinode",
        node_properties={
            "numNodes": job.nodes,
            "mainNode": 0,
            "nodeRangeProperties": [{"targetNodes": "0:", "container": container}],
        },
        **shared,
    )


def _container(job: Job) -> dict[str, Any]:
    smallest = min(job.types, key=lambda each: each.system_memory_mib)
    memory = int(smallest.system_memory_mib * _MEMORY)
    needs = [
        {"type": "VCPU", "value": str(min(each.vcpus for each in job.types))},
        {"type": "MEMORY", "value": str(memory)},
    ]
    accelerators = min(each.count for each in job.types)
    devices: list[str] = []
    if job.types[0].platform is Platform.CUDA:
        needs.append({"type": "GPU", "value": str(accelerators)})
    else:
        devices += [f"/dev/neuron{number}" for number in range(accelerators)]
    if job.efa:
        # https://docs.aws.amazon.com/batch/latest/userguide/efa.html
        devices += [f"/dev/infiniband/uverbs{number}" for number in range(job.types[0].efa_interfaces)]
    places = {"scratch": (SCRATCH, SCRATCH), "tmp": (SCRATCH, "/tmp")}  # noqa: S108 - a place in the container
    if job.files:
        places["fsx"] = ("/fsx", "/fsx")
    return {
        "image": job.image,
        "command": list(job.command),
        "jobRoleArn": job.role_arn,
        "resourceRequirements": needs,
        "privileged": False,
        "readonlyRootFilesystem": True,
        "environment": [
            {"name": "DATA_SETS", "value": job.data_sets},
            {"name": "CHECKPOINTS", "value": job.checkpoints},
            {"name": "HOME", "value": SCRATCH},
        ],
        "linuxParameters": {
            # Processes of one job exchange data through shared memory.
            "sharedMemorySize": memory // 2,
            "initProcessEnabled": True,
            "devices": [{"hostPath": path, "containerPath": path} for path in devices],
        },
        # The fabric pins its buffers.
        "ulimits": [{"name": "memlock", "softLimit": -1, "hardLimit": -1}],
        "volumes": [{"name": name, "host": {"sourcePath": host}} for name, (host, _) in places.items()],
        "mountPoints": [
            {"sourceVolume": name, "containerPath": inside, "readOnly": False} for name, (_, inside) in places.items()
        ],
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": job.log_group,
                "awslogs-region": REGION,
                "awslogs-stream-prefix": job.name,
            },
        },
    }
