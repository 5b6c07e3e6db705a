"""The Regions between which Amazon Bedrock routes requests within a geography.

Both tables are as of November 2026. They differ: guardrails and documents are processed in different Regions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import InvalidValueError


@dataclass(frozen=True)
class Routed:
    """A profile of a geography, and every destination Region of one source Region."""

    profile: str
    regions: tuple[str, ...]


def _routed(name: str, profile: str, regions: str, sources: str) -> dict[str, Routed]:
    return {source: Routed(f"{profile}.{name}", tuple(regions.split())) for source in sources.split()}


def _table(name: str, *rows: tuple[str, str, str]) -> Mapping[str, Routed]:
    """The rows of a profile: its destination Regions, for each of the source Regions."""
    return {source: routed for row in rows for source, routed in _routed(name, *row).items()}


_EU = "eu-central-1 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-3"
_APAC = "ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-southeast-1 ap-southeast-2"
_APAC_WIDE = f"{_APAC} ap-south-2 ap-southeast-3 ap-southeast-4"

#: Guardrails, by the Region of the guardrail. Sydney also has a profile for Asia; the one for Australia stays there.
#: https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-cross-region-support.html
GUARDRAILS = _table(
    "guardrail.v1:0",
    ("us", "us-east-1 us-east-2 us-west-2", "us-east-1 us-east-2 us-west-2"),
    ("us", "us-east-1 us-east-2 us-west-1 us-west-2", "us-west-1"),
    ("us-gov", "us-gov-east-1 us-gov-west-1", "us-gov-east-1 us-gov-west-1"),
    ("eu", _EU, _EU),
    ("eu", f"{_EU} il-central-1", "il-central-1"),
    ("uk", "eu-west-2", "eu-west-2"),
    ("au", "ap-southeast-2", "ap-southeast-2"),
    ("ca", "ca-central-1 ca-west-1", "ca-central-1"),
    ("apac", _APAC, "ap-northeast-1 ap-northeast-2 ap-south-1 ap-southeast-1"),
    ("apac", _APAC_WIDE, "ap-southeast-3"),
    ("apac", f"{_APAC} ap-south-2 ap-southeast-4", "ap-southeast-4"),
    ("apac", f"{_APAC_WIDE} ap-east-2", "ap-east-2"),
    ("apac", f"{_APAC_WIDE} ap-southeast-5", "ap-southeast-5"),
    ("apac", f"{_APAC_WIDE} ap-southeast-7", "ap-southeast-7"),
    ("apac", f"{_APAC_WIDE} me-central-1", "me-central-1"),
)

#: Bedrock Data Automation, by the source Region. Singapore is not included: it has a global profile only, which sends
#: documents to any commercial Region.
#: https://docs.aws.amazon.com/bedrock/latest/userguide/bda-cris.html
DATA_AUTOMATION = _table(
    "data-automation-v1",
    ("us", "us-east-1 us-east-2 us-west-1 us-west-2", "us-east-1 us-east-2 us-west-2"),
    ("na", "ca-central-1 ca-west-1 us-east-1 us-east-2 us-west-2", "ca-central-1"),
    ("eu", _EU, "eu-central-1 eu-south-2 eu-west-1"),
    ("eu", "eu-west-2", "eu-west-2"),
    ("apac", f"{_APAC} ap-south-2 ap-southeast-4", "ap-south-1 ap-southeast-2"),
    ("apac", f"{_APAC} ap-south-2 ap-southeast-3 ap-southeast-4 ap-southeast-5", "ap-northeast-1"),
    ("us-gov", "us-gov-west-1", "us-gov-west-1"),
)


def routed(table: Mapping[str, Routed], region: str, *, what: str, field: str) -> Routed:
    """The entry of ``table`` for ``region``.

    :param what: The name of what is routed, for the error message.
    :param field: The setting that enables it, for the error message.
    :raises InvalidValueError: if the Region is not known, or not in the table.
    """
    found = table.get(region)
    if found is None:
        shown = region if region.replace("-", "").isalnum() else "a stack without a Region"
        raise InvalidValueError(
            f"No profile of {what} is known for {shown}", field=field, hint=f"Leave it out, or use {_some(table)}"
        )
    return found


def _some(table: Mapping[str, Routed]) -> str:
    regions: Sequence[str] = sorted(table)
    return f"one of {', '.join(regions)}"
