"""What can go wrong with a question, as HTTP knows it."""

from __future__ import annotations


class ChatError(Exception):
    """An answer that is an error: a status, a code for programs and a sentence for people.

    ``tokens`` says what the call used: None where the model may still have answered. ``retry_seconds`` says when asking
    again is worth it, where that is known.
    """

    def __init__(
        self, status: int, code: str, message: str, tokens: int | None = 0, retry_seconds: int | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.tokens = tokens
        self.retry_seconds = retry_seconds


def malformed(message: str) -> ChatError:
    return ChatError(400, "malformed_request", message)


def unknown_model(model: str, known: list[str]) -> ChatError:
    return ChatError(404, "unknown_model", f"No model {model!r} here; choose one of {', '.join(known)}.")


def blocked(part: str, message: str, tokens: int) -> ChatError:
    return ChatError(403, f"{part}_blocked", message, tokens)


#: What a user has used up of a day: https://datatracker.ietf.org/doc/html/rfc6585#section-4
SPENT: dict[str, ChatError] = {
    "requests": ChatError(429, "requests_spent", "Your requests of today are spent; the next begin at midnight UTC."),
    "tokens": ChatError(429, "tokens_spent", "Your tokens of today are spent or this asks for more than are left."),
    "blocks": ChatError(429, "locked_out", "Too many of your questions were blocked today; ask again tomorrow."),
}
NOT_COUNTED = ChatError(503, "budget_unavailable", "Your budget cannot be counted now; try again in a moment.")
NOBODY = ChatError(401, "unauthorized", "Sign in first.")


#: Errors of the Converse API: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
AWS_ERRORS: dict[str, ChatError] = {
    "ThrottlingException": ChatError(429, "throttled", "The model is busy; try again in a moment."),
    "ServiceQuotaExceededException": ChatError(429, "quota_exceeded", "The model's quota is spent; try later."),
    "ModelNotReadyException": ChatError(503, "model_not_ready", "The model is starting; try again in a moment."),
    "ServiceUnavailableException": ChatError(503, "model_unavailable", "The model is unavailable; try later."),
    "InternalServerException": ChatError(502, "model_failed", "The model failed; try again."),
    "ModelErrorException": ChatError(502, "model_failed", "The model failed; try again."),
    "ModelTimeoutException": ChatError(504, "model_timeout", "The model took too long; ask for less."),
    "ResourceNotFoundException": ChatError(404, "unknown_model", "The model does not exist in this Region."),
    "ValidationException": ChatError(400, "malformed_request", "The model cannot take this request."),
    "AccessDeniedException": ChatError(502, "model_denied", "This service may not call the model."),
}

TIMEOUT = ChatError(504, "model_timeout", "The model took too long; ask for less.", None)
UNREACHABLE = ChatError(503, "model_unavailable", "The model cannot be reached; try later.")
GARBLED = ChatError(502, "model_failed", "The model gave no usable answer; try again.", None)
