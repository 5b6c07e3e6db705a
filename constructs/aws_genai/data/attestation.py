"""What an attested machine measures."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ..errors import InvalidValueError

#: Registers of a TPM. Attestable images measure the boot loader and kernel in 4 and the state of Secure Boot in 7.
#: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/nitrotpm-attestation-document-validate.html
REGISTERS = range(24)
_SHA384 = re.compile(r"^[0-9a-f]{96}$")


def check_measurements(measurements: Mapping[int, str]) -> None:
    """Refuse what cannot be the measurements of an image.

    :raises InvalidValueError: saying which is wrong.
    """
    if not measurements:
        raise InvalidValueError(
            "Without a measurement every machine would do",
            field="measurements",
            hint="Give register 4 and 7 as the build of the image prints them",
        )
    for number, value in measurements.items():
        if number not in REGISTERS:
            raise InvalidValueError(f"There is no register {number}: 0 to {REGISTERS[-1]}", field="measurements")
        if not _SHA384.fullmatch(value):
            raise InvalidValueError(
                f"Register {number} holds 96 hexadecimal digits in lower case, not {len(value)} characters",
                field="measurements",
            )
