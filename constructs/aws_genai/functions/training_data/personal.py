"""Finds personal data and secrets in text by patterns. This detects that a text contains some, but may not find all."""

from __future__ import annotations

import re
from collections import Counter

_FORMS: dict[str, re.Pattern[str]] = {
    "EMAIL": re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b"),
    "PHONE": re.compile(
        r"(?<![\w.])(?<!\d[ .-])(?:\+\d{1,3}[ .-]?)?(?:\(\d{2,4}\)|\d{2,4})[ .-]\d{3,4}[ .-]\d{3,4}(?!\w)(?![ .-]\d)"
    ),
    "US_SOCIAL_SECURITY_NUMBER": re.compile(r"\b(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}\b"),
    "CREDIT_DEBIT_CARD_NUMBER": re.compile(
        r"(?<!\w)(?<!\d[ -])(?:(?:\d{4}[ -]?){3}\d{1,7}|3[47]\d{2}[ -]?\d{6}[ -]?\d{5})(?!\w)(?![ -]\d)"
    ),
    "INTERNATIONAL_BANK_ACCOUNT_NUMBER": re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b"),
    "IP_ADDRESS": re.compile(r"\b(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)\b"),
    "AWS_ACCESS_KEY": re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
}


def kinds(text: str) -> Counter[str]:
    """Returns the number of occurrences of each type of personal data, by the type names of Amazon Bedrock Guardrails.

    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_GuardrailPiiEntityConfig.html
    """
    found: Counter[str] = Counter()
    for kind, form in _FORMS.items():
        for match in form.finditer(text):
            value = match.group()
            if kind == "CREDIT_DEBIT_CARD_NUMBER" and not _luhn(value):
                continue
            if kind == "INTERNATIONAL_BANK_ACCOUNT_NUMBER" and not _mod_97(value):
                continue
            found[kind] += 1
    return found


def _luhn(value: str) -> bool:
    digits = [int(each) for each in value if each.isdigit()]
    doubled = [
        each if number % 2 == 0 else (each * 2 - 9 if each > 4 else each * 2)
        for number, each in enumerate(digits[::-1])
    ]
    return len(digits) >= 13 and sum(doubled) % 10 == 0


def _mod_97(value: str) -> bool:
    text = value.replace(" ", "")
    moved = text[4:] + text[:4]
    return int("".join(str(int(each, 36)) for each in moved)) % 97 == 1
