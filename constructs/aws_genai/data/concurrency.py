"""The concurrency that a request rate and a response time require."""

from __future__ import annotations

import math

from ..errors import InvalidValueError

#: The expected response time, in seconds: 280 tokens, about 200 words, at 70 tokens a second.
SECONDS_PER_ANSWER = 4.0

#: Maximum concurrency that functions can reserve of an account's 1,000; 100 must remain unreserved.
#: https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
MOST_RESERVED = 900


def concurrency_of(requests_per_second: float, burst: int, seconds: float) -> int:
    """The concurrency at which no request within the rate is throttled.

    During one response, the rate allows as many requests as arrive in that time, plus the burst.
    AWS: concurrency is requests per second times the duration of each in seconds.
    https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html#calculating-concurrency

    :param requests_per_second: The sustained rate.
    :param burst: Number of requests at once above that rate.
    :param seconds: The expected response time, in seconds.
    """
    return _at_a_time(requests_per_second, seconds) + burst


def check_reserved(requests_per_second: float, burst: int, seconds: float) -> None:
    """Reject a rate that requires more concurrency than the functions of an account can reserve.

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
    """Reject a concurrency too low for the rate: the API would accept requests that the function then throttles.

    :param concurrency: Maximum number of concurrent responses.
    :param requests_per_second: The sustained rate.
    :param seconds: The expected response time, in seconds.
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
    # In floating-point arithmetic, a product such as 0.1 x 30 is slightly above the intended integer.
    return max(1, math.ceil(round(requests_per_second * seconds, 6)))
