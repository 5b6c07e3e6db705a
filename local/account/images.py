"""Machine images: AWS publishes the newest of each kind as a public parameter, which has a stand-in id here."""

from __future__ import annotations

import hashlib

from ministack.services import ssm

#: https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-public-parameters.html
_PREFIX = "/aws/service/"
_LAST = ("image_id", "image-id", "ami-id")


class _PublicImages(dict[str, str]):
    """A stand-in id for every parameter that names an image; the same name results in the same id."""

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]
        if name in self or not name.startswith(_PREFIX) or name.rsplit("/", 1)[-1] not in _LAST:
            return super().get(name, default)
        return f"ami-{hashlib.sha256(name.encode()).hexdigest()[:17]}"


def install() -> None:
    """Add the images of accelerators to Parameter Store."""
    ssm._PUBLIC_AMI_PARAMETERS = _PublicImages(ssm._PUBLIC_AMI_PARAMETERS)
