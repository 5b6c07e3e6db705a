"""How many answers are made at a time, from how many are asked for and how long each takes."""

from __future__ import annotations

import math

from ..errors import InvalidValueError

#: What an answer is expected to take, in seconds: 280 tokens, some 200 words, at 70 tokens a second.
SECONDS_PER_ANSWER = 4.0

#: Most that functions may reserve of an account's 1,000 concurrent executions, of which 100 have to stay.
#: https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
MOST_RESERVED = 900


def concurrency_of(requests_per_second: float, burst: int, seconds: float) -> int:
    """Answers at a time that refuse no request which the rate lets in.

    While one answer is made, the rate lets in as many requests as come in its time, and the burst on top.
    AWS: concurrency is requests a second times the seconds of each.
    https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html#calculating-concurrency

    :param requests_per_second: sustained rate.
    :param burst: requests at once above that rate.
    :param seconds: expected time of an answer.
    """
    return _at_a_time(requests_per_second, seconds) + burst


def check_reserved(requests_per_second: float, burst: int, seconds: float) -> None:
    """Refuse a rate that needs more answers at a time than an account lets its functions reserve.

    :raises InvalidValueError: if :func:`concurrency_of` is above :data:`MOST_RESERVED`.
    """
    needed = concurrency_of(requests_per_second, burst, seconds)
    if needed > MOST_RESERVED:
        raise InvalidValueError(
            f"{requests_per_second:g} requests a second of {seconds:g} s each and a burst of {burst:,} take {needed:,} "
            f"answers at a time, more than the {MOST_RESERVED} that an account can reserve",
            field="requests_per_second",
            hint="Let in less, or say by concurrency how many answers are made at a time",
        )


def check_concurrency(concurrency: int, requests_per_second: float, seconds: float) -> None:
    """Refuse a concurrency that cannot carry the rate: the API would let requests in for the function to refuse.

    :param concurrency: most answers at a time.
    :param requests_per_second: sustained rate.
    :param seconds: expected time of an answer.
    :raises InvalidValueError: if the rate needs more answers at a time.
    """
    needed = _at_a_time(requests_per_second, seconds)
    if concurrency < needed:
        carried = math.floor(concurrency / seconds * 10) / 10
        lower = f", or requests_per_second to {carried:g} or less" if carried else ""
        raise InvalidValueError(
            f"{requests_per_second:g} requests a second of {seconds:g} s each take {needed:,} answers at a time, "
            f"and there are {concurrency:,}",
            field="concurrency",
            hint=f"Set it to {needed} or more{lower}, or leave it out",
        )


def _at_a_time(requests_per_second: float, seconds: float) -> int:
    # A product such as 0.1 x 30 lies a hair above the whole number that is meant.
    return max(1, math.ceil(round(requests_per_second * seconds, 6)))
