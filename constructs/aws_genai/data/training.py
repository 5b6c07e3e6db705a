"""What a training queue and a training cluster can be."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ..errors import InvalidValueError
from .accelerators import Accelerator
from .purchase import Capacity, Spot

#: A container image in Amazon ECR: https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html
_IMAGE = re.compile(
    r"[0-9]{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/[a-z0-9][a-z0-9._/-]*"
    r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}|@sha256:[0-9a-f]{64})"
)
#: https://docs.aws.amazon.com/batch/latest/APIReference/API_ShareAttributes.html
_SHARE = re.compile(r"^[a-zA-Z0-9]{1,255}\*?$")
SMALLEST_WEIGHT, LARGEST_WEIGHT = 0.0001, 999.9999
#: Security groups aside, a multi-node job may have as many: https://docs.aws.amazon.com/batch/latest/userguide/service_limits.html
MOST_NODES = 1000


def check_image(image: str) -> None:
    """Refuse what is no image of Amazon ECR with a tag or a digest: nothing else can be reached from the network.

    :raises InvalidValueError: saying what an image looks like.
    """
    if not _IMAGE.fullmatch(image):
        raise InvalidValueError(
            f"{image} is not a container image of Amazon ECR with a tag or a digest",
            field="image",
            hint="Push it to ECR and name it like 111122223333.dkr.ecr.us-east-1.amazonaws.com/train:1",
        )


def check_nodes(
    types: Sequence[Accelerator],
    capacity: Capacity,
    *,
    nodes: int,
    max_instances: int,
    image: str,
    shares: Mapping[str, float],
) -> None:
    """Refuse a queue that AWS Batch would refuse, or whose jobs would never start.

    :raises InvalidValueError: saying which setting to change.
    """
    check_image(image)
    if not 1 <= nodes <= MOST_NODES:
        raise InvalidValueError(f"A job runs on 1 to {MOST_NODES:,} nodes, not {nodes}", field="nodes")
    if nodes > max_instances:
        raise InvalidValueError(
            f"A job runs on {nodes} nodes, and the queue has at most {max_instances} instances",
            field="max_instances",
            hint=f"Set max_instances to {nodes} or more",
        )
    if nodes > 1 and isinstance(capacity, Spot):
        raise InvalidValueError(
            "AWS Batch runs no multi-node job on Spot capacity",
            field="capacity",
            hint="Leave out spot, or set nodes to 1",
        )
    if nodes > 1 and len(types) > 1:
        raise InvalidValueError("A multi-node job runs on one instance type", field="alternatives")
    if nodes > 1 and not types[0].cluster_placement:
        raise InvalidValueError(
            f"{types[0].instance_type} cannot stand in a cluster placement group", field="instance_type"
        )
    for name, weight in shares.items():
        if not _SHARE.fullmatch(name):
            raise InvalidValueError(
                f"{name} is not a share identifier: letters and digits, and a * at the end", field="shares"
            )
        if not SMALLEST_WEIGHT <= weight <= LARGEST_WEIGHT:
            raise InvalidValueError(
                f"The weight of {name} is {SMALLEST_WEIGHT} to {LARGEST_WEIGHT}, not {weight:g}", field="shares"
            )
