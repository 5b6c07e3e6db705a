"""The base class of options, and the types of their fields."""

from __future__ import annotations

import re
from collections.abc import Hashable
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from .errors import InvalidValueError, nearest
from .explain import SAID, explain


def text(pattern: str, said: str, **more: Any) -> Any:  # noqa: ANN401 - what pydantic's Field takes and gives
    """A string field with a pattern; ``said`` describes the pattern in words.

    Digits and letters are those of ASCII: ``\\d`` and ``\\w`` would match others, which AWS rejects.
    """
    SAID[pattern] = said
    return Field(pattern=pattern, **more)


#: Every class of options, in the order of their definition.
MODELS: list[type[Options]] = []

if TYPE_CHECKING:
    from pydantic._internal._model_construction import ModelMetaclass as _Metaclass
else:
    _Metaclass = type(BaseModel)


class _Explained(_Metaclass):
    """Raises the library's own error if Python code creates options with invalid values."""

    if not TYPE_CHECKING:

        def __call__(cls, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401, N805
            try:
                return super().__call__(*arguments, **options)
            except ValidationError as error:
                first = error.errors(include_url=False)[0]
                cause = first.get("ctx", {}).get("error")
                path = [str(part) for part in first["loc"]]
                if isinstance(cause, InvalidValueError) and cause.field:
                    path += [part for part in cause.field.split(".") if part not in path[-1:]]
                raise InvalidValueError(explain(error, cls.__name__, cls), field=".".join(path)) from None


class Options(BaseModel, metaclass=_Explained):
    """Options of a construct, each declared once: for code that passes them, and for the settings file.

    Unknown names are rejected, values are never converted, numbers must be finite.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        # Both save half the time of reading a file: most sections are built as a part of the one they are in, and
        # reading docstrings from the source is left to settings.document.
        defer_build=True,
        use_attribute_docstrings=False,
    )

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:  # noqa: ANN401 - as pydantic has it
        MODELS.append(cls)

    #: Lists in which a value can occur more than once.
    repeatable: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="after")
    def _nothing_twice(self) -> Options:
        for name in type(self).model_fields:
            value = getattr(self, name)
            if not isinstance(value, list) or name in self.repeatable:
                continue
            seen: set[Hashable] = set()
            for each in value:
                if isinstance(each, Hashable) and not isinstance(each, BaseModel):
                    if each in seen:
                        raise InvalidValueError(f"{each} stands twice", field=name, hint="Name each once")
                    seen.add(each)
        return self


def _tag(value: str) -> str:
    if value.lower().startswith("aws:"):
        raise InvalidValueError(f"{value} begins with aws:, which AWS keeps for itself", hint="Begin otherwise")
    return value


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones() - {"Factory", "localtime", "posixrules"})


def _zone(value: str) -> str:
    zones = _zones()
    if value not in zones:
        raise InvalidValueError(f"{value} is no time zone", hint=nearest(value, zones))
    return value


#: A name from which the names of resources are formed.
Name = Annotated[
    str,
    text(
        r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$",
        "begin with a lower-case letter, go on with such letters, digits and single hyphens, and end in no hyphen",
        max_length=24,
    ),
]
#: A part of every name. Hyphens join the parts, so a part has none: otherwise, two pairs could result in the same name.
Word = Annotated[
    str,
    text(
        r"^[a-z][a-z0-9]*$",
        "begin with a lower-case letter and go on with such letters and digits, without the hyphen that joins names",
        max_length=24,
    ),
]
#: Bedrock allows fewer characters than other services:
#: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_Tag.html
TagValue = Annotated[
    str,
    text(
        r"^[a-zA-Z0-9._:/=+@-]([a-zA-Z0-9 ._:/=+@-]*[a-zA-Z0-9._:/=+@-])?$",
        "have ASCII letters, digits, spaces between them and . _ : / = + - @ only, for it becomes a tag",
        min_length=1,
        max_length=128,
    ),
    AfterValidator(_tag),
]
AccountId = Annotated[str, text(r"^[0-9]{12}$", "have 12 digits, in quotes")]
RoleArn = Annotated[
    str,
    text(
        r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/([A-Za-z0-9_+=,.@-]+/)*[A-Za-z0-9_+=,.@-]{1,64}$",
        "be the ARN of a role, such as arn:aws:iam::111122223333:role/reader",
        max_length=640,
    ),
]
#: https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#key-id-key-ARN
KeyArn = Annotated[
    str,
    text(
        r"^arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$",
        "be the ARN of a key, such as arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
    ),
]
TopicArn = Annotated[
    str,
    text(
        r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$",
        "be the ARN of an SNS topic, such as arn:aws:sns:us-east-1:111122223333:alarms",
    ),
]
#: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-arns
PolicyArn = Annotated[
    str,
    text(
        r"^arn:aws[a-z-]*:iam::(aws|[0-9]{12}):policy/([A-Za-z0-9_+=,.@-]+/)*[A-Za-z0-9_+=,.@-]{1,128}$",
        "be the ARN of a managed policy, such as arn:aws:iam::111122223333:policy/boundary",
        max_length=640,
    ),
]
#: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
BucketName = Annotated[
    str,
    text(
        r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
        "be the name of a bucket: 3 to 63 lower-case letters, digits, dots and hyphens",
    ),
]
VpcId = Annotated[str, text(r"^vpc-[0-9a-f]{8}([0-9a-f]{9})?$", "be the id of a VPC, such as vpc-0123456789abcdef0")]
SubnetId = Annotated[
    str, text(r"^subnet-[0-9a-f]{8}([0-9a-f]{9})?$", "be the id of a subnet, such as subnet-0123456789abcdef0")
]
EndpointId = Annotated[
    str,
    text(r"^vpce-[0-9a-f]{8}([0-9a-f]{9})?$", "be the id of a VPC endpoint, such as vpce-0123456789abcdef0"),
]
#: https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
TagKey = Annotated[
    str,
    text(
        r"^[a-zA-Z0-9._:/=+@-]([a-zA-Z0-9 ._:/=+@-]*[a-zA-Z0-9._:/=+@-])?$",
        "have ASCII letters, digits, spaces between them and . _ : / = + - @ only",
        min_length=1,
        max_length=128,
    ),
    AfterValidator(_tag),
]
HostedType = Annotated[
    str, text(r"^ml\.[a-z0-9-]+\.[a-z0-9]+$", "be a SageMaker instance type, such as ml.g6.xlarge", max_length=64)
]
#: https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html takes 50 characters.
TimeZone = Annotated[str, Field(max_length=50), AfterValidator(_zone)]


def _short(value: str) -> str:
    if len(value.encode()) > _MOST_BYTES:
        raise InvalidValueError(
            f"has {len(value.encode()):,} bytes; functions take {_MOST_BYTES:,} of their environment", hint="Shorten it"
        )
    return value


#: Maximum size, in bytes, out of the quota of 4 KB for the environment variables of a function:
#: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
_MOST_BYTES = 2_000
#: Instructions to a model, which are an environment variable of a function.
Instructions = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_short)]
#: The id of a model or an inference profile, which is then looked up in a catalog.
ModelId = Annotated[str, Field(min_length=1, max_length=200)]
Days = Annotated[int, Field(ge=1, le=3653)]

_NUMBER = re.compile(r"[0-9]+")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
#: Fields of a cron expression: name, minimum, maximum, names of its values, and the number of the first name.
_FIELDS: dict[str, tuple[int, int, tuple[str, ...]]] = {
    "minute": (0, 59, ()),
    "hour": (0, 23, ()),
    "day of the month": (1, 31, ()),
    "month": (1, 12, _MONTHS),
}
_UNIX = {**_FIELDS, "day of the week": (0, 7, _WEEKDAYS)}
_AWS = {**_FIELDS, "day of the week": (1, 7, _WEEKDAYS), "year": (1970, 2199, ())}


def check_cron(value: str, *, aws: bool) -> str:
    """Reject an invalid cron expression: five fields as in Unix, or six as in AWS.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#cron-based
    https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-scheduled-scaling.html

    :raises InvalidValueError: naming the field.
    """
    kinds, parts = (_AWS if aws else _UNIX), value.split(" ")
    example = "0 5 ? * MON *" if aws else "0 7 * * MON-FRI"
    if len(parts) != len(kinds):
        raise InvalidValueError(f"{value} has {len(parts)} fields, and cron {len(kinds)}", hint=f"Such as {example}")
    for part, (kind, (least, most, names)) in zip(parts, kinds.items(), strict=True):
        day = kind.startswith("day")
        special = aws and day and (part == "?" or part in _special(kind, least, most, names))
        if not special and not all(_times(each, least, most, names) for each in part.split(",")):
            raise InvalidValueError(f"{part} is no {kind} of cron", hint=f"Such as {example}")
    if aws and (parts[2] == "?") == (parts[4] == "?"):
        raise InvalidValueError(
            f"{value} has to leave one day open, that of the month or of the week", hint=f"Such as {example}"
        )
    return value


def _special(kind: str, least: int, most: int, names: tuple[str, ...]) -> set[str]:
    """The values that AWS allows for days besides numbers: the last, the nearest weekday, the nth of a weekday."""
    numbers = [*(str(each) for each in range(least, most + 1)), *names]
    if kind == "day of the month":
        return {"L", "LW", *(f"{each}W" for each in numbers)}
    return {"L", *(f"{each}L" for each in numbers), *(f"{each}#{nth}" for each in numbers for nth in range(1, 6))}


def _times(part: str, least: int, most: int, names: tuple[str, ...]) -> bool:
    whole, slash, step = part.partition("/")
    if slash and not (_NUMBER.fullmatch(step) and 1 <= int(step[:9]) <= most):
        return False
    if whole == "*":
        return True
    ends = [_number(each, least, names) for each in whole.split("-")]
    known = [each for each in ends if each is not None and least <= each <= most]
    return len(known) == len(ends) <= 2 and known == sorted(known)


def _number(text: str, least: int, names: tuple[str, ...]) -> int | None:
    if text.upper() in names:
        # Weekdays count from 0 in Unix and from 1 in AWS, months from 1 in both.
        return names.index(text.upper()) + least
    return int(text[:9]) if _NUMBER.fullmatch(text) else None
