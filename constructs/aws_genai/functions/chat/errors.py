"""What can go wrong with a question, as HTTP knows it."""

from __future__ import annotations

from dataclasses import dataclass


class ChatError(Exception):
    """An error response: an HTTP status, a code for programs and a message for people.

    :param tokens: tokens that the call used. None if the model may have answered although no answer arrived.
    :param retry_seconds: seconds after which to try again. Default: not known.
    """

    def __init__(
        self, status: int, code: str, message: str, tokens: int | None = 0, retry_seconds: int | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.tokens = tokens
        #: Micro-dollars that were paid for other things than tokens, such as images.
        self.micros = 0
        self.retry_seconds = retry_seconds


@dataclass(frozen=True)
class Failure:
    """A kind of error response, of which each call makes an exception of its own.

    An exception instance must never be raised twice: each raise adds to its traceback and replaces its cause, so that
    one kept in a module grows, and keeps the frames of every request, as long as the function is warm.
    """

    status: int
    code: str
    message: str
    tokens: int | None = 0
    retry_seconds: int | None = None

    def __call__(self) -> ChatError:
        return ChatError(self.status, self.code, self.message, self.tokens, self.retry_seconds)


def malformed(message: str) -> ChatError:
    return ChatError(400, "malformed_request", message)


def unknown_model(model: str, known: list[str]) -> ChatError:
    return ChatError(404, "unknown_model", f"No model {model!r} here; choose one of {', '.join(known)}.")


def blocked(part: str, message: str, tokens: int) -> ChatError:
    return ChatError(403, f"{part}_blocked", message, tokens)


#: Codes of budgets that are used up, all of status 429.
SPENT_CODES = ("requests_spent", "tokens_spent", "money_spent", "locked_out", "too_many_at_once")
_PERIODS = {"day": ("today", "midnight UTC"), "month": ("this month", "the first of the next month, UTC")}


def spent_error(what: str, period: str = "day", group: str = "") -> ChatError:
    """A budget that is used up: https://datatracker.ietf.org/doc/html/rfc6585#section-4

    :param what: ``requests``, ``tokens``, ``micros``, ``blocks`` or ``busy``.
    :param period: ``day`` or ``month``.
    :param group: the group whose budget it is. Default: the user's own.
    """
    if what == "blocks":
        return ChatError(429, "locked_out", "Too many of your questions were blocked today; ask again tomorrow.")
    if what == "busy":
        message = "As many of your questions are being answered as may be at a time; try again in a moment."
        return ChatError(429, "too_many_at_once", message, retry_seconds=2)
    whose = f"of group {group}" if group else "of your own"
    now, then = _PERIODS[period]
    name, code = ("budget", "money_spent") if what == "micros" else (what, f"{what}_spent")
    verb = "is" if name == "budget" else "are"
    message = f"The {name} {whose} for {now} {verb} spent, or this asks for more than is left; more from {then}."
    return ChatError(429, code, message)


NOT_COUNTED = Failure(503, "budget_unavailable", "Your budget cannot be counted now; try again in a moment.")
NOBODY = Failure(401, "unauthorized", "Sign in first.")
OTHER_CLIENT = Failure(403, "wrong_client", "This token was issued to another application.")
OTHER_GROUP = Failure(403, "wrong_group", "None of your groups may ask this assistant.")
NO_TIME = Failure(504, "out_of_time", "There was no time left to ask the model; try again.", retry_seconds=1)


#: Errors of the Converse API: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
AWS_ERRORS: dict[str, Failure] = {
    "ThrottlingException": Failure(429, "throttled", "The model is busy; try again in a moment."),
    "ServiceQuotaExceededException": Failure(429, "quota_exceeded", "The model's quota is spent; try later."),
    "ModelNotReadyException": Failure(503, "model_not_ready", "The model is starting; try again in a moment."),
    "ServiceUnavailableException": Failure(503, "model_unavailable", "The model is unavailable; try later."),
    "InternalServerException": Failure(502, "model_failed", "The model failed; try again."),
    "ModelErrorException": Failure(502, "model_failed", "The model failed; try again."),
    "ModelTimeoutException": Failure(504, "model_timeout", "The model took too long; ask for less."),
    "ResourceNotFoundException": Failure(404, "unknown_model", "The model does not exist in this Region."),
    "ValidationException": Failure(400, "malformed_request", "The model cannot take this request."),
    "AccessDeniedException": Failure(502, "model_denied", "This service may not call the model."),
}

TIMEOUT = Failure(504, "model_timeout", "The model took too long; ask for less.", None)
UNREACHABLE = Failure(503, "model_unavailable", "The model cannot be reached; try later.")
GARBLED = Failure(502, "model_failed", "The model gave no usable answer; try again.", None)
