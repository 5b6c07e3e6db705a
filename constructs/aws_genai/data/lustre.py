"""Storage capacity and throughput of FSx for Lustre."""

from __future__ import annotations

from typing import Literal

from ..errors import InvalidValueError

#: Throughput of persistent SSD storage, in MB/s per TiB:
#: https://docs.aws.amazon.com/fsx/latest/LustreGuide/performance.html
Throughput = Literal[125, 250, 500, 1000]

SMALLEST_GIB = 1200
STEP_GIB = 2400


def check_capacity(gib: int) -> None:
    """Reject a storage capacity that persistent SSD file systems do not support.

    https://docs.aws.amazon.com/fsx/latest/APIReference/API_CreateFileSystem.html (StorageCapacity)

    :raises InvalidValueError: naming the nearest capacity.
    """
    if gib == SMALLEST_GIB or (gib > 0 and gib % STEP_GIB == 0):
        return
    near = SMALLEST_GIB if gib <= SMALLEST_GIB else max(1, round(gib / STEP_GIB)) * STEP_GIB
    raise InvalidValueError(
        f"The capacity of FSx for Lustre is {SMALLEST_GIB:,} GiB or a multiple of {STEP_GIB:,} GiB, not {gib:,}",
        field="capacity_gib",
        hint=f"Did you mean {near}?",
    )
