"""Finds personal data by its form, its checksum and nearby words, kind by kind as Amazon Bedrock describes them.

A guardrail's classifier evaluates sentences; this module evaluates forms. A number with a checksum (a card, an IBAN) is
found by it. A number that could be anything (an account, a PIN) is found if a word beside it says what it
is. Names of persons have no form and are never found; addresses and ages in few forms only.

https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-sensitive-filters.html
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import NamedTuple

import phonenumbers


class Found(NamedTuple):
    """One location in a text that contains personal data."""

    kind: str
    start: int
    end: int


@dataclass(frozen=True)
class _Form:
    """The form of a kind: an expression, whose group ``value`` (or whole) is the data, and a check of the match."""

    pattern: re.Pattern[str]
    holds: Callable[[str], bool] = lambda _value: True

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        for match in self.pattern.finditer(text):
            group = "value" if "value" in match.re.groupindex else 0
            if self.holds(match[group]):
                yield match.span(group)


# ---- Words beside a value -------------------------------------------------------------------------------------------

#: What connects a word and its value: "is", "number:", "=".
_JOINT = r"(?:\s{0,3}[:=#]\s{0,3}['\"(]?|\W{1,3}(?i:is|was|are|number|num|no|nr|code|id|equals|reads|as|to)\b\W{0,3})"
#: Text that may be between a word and its value, in the same sentence.
_GAP = r"[^\d\n.!?;]{0,32}?"


def _beside(words: str, value: str, *, flags: int = 0, loose: bool = False) -> re.Pattern[str]:
    """A value after one of ``words`` that name it. With ``loose``, a value right after the word needs no connector."""
    joined = rf"{_GAP}(?:{_JOINT}){{1,4}}"
    between = rf"(?:{joined}|\s{{1,3}})" if loose else joined
    return re.compile(rf"(?<![\w-])(?i:{words})\b{between}(?P<value>{value})", flags)


def _named(value: str, words: str) -> re.Pattern[str]:
    """A value before one of ``words``: "123 is my CVV"."""
    return re.compile(rf"(?P<value>{value})(?=\s+(?i:is|was)\s+(?i:(?:my|his|her|their|our|the)\s+)(?i:{words})\b)")


# ---- Checksums ------------------------------------------------------------------------------------------------------


def _digits(value: str) -> list[int]:
    return [int(each) for each in value if each.isascii() and each.isdigit()]


def luhn(value: str) -> bool:
    """Whether the digits of ``value`` pass the Luhn algorithm (ISO/IEC 7812-1)."""
    doubled = [
        each if place % 2 == 0 else (each * 2 - 9 if each > 4 else each * 2)
        for place, each in enumerate(_digits(value)[::-1])
    ]
    return bool(doubled) and sum(doubled) % 10 == 0


#: Issuers by the first digits of their cards, and the lengths of their numbers (ISO/IEC 7812-1).
_ISSUERS: tuple[tuple[str, tuple[int, ...]], ...] = (
    (r"4", (13, 16, 19)),  # Visa
    (r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720", (16,)),  # Mastercard
    (r"3[47]", (15,)),  # American Express
    (r"30[0-5]|309|36|3[89]", (14, 16, 19)),  # Diners Club
    (r"6011|64[4-9]|65", (16, 19)),  # Discover
    (r"35(?:2[89]|[3-8])", (16, 19)),  # JCB
    (r"62|81", (16, 17, 18, 19)),  # UnionPay
    (r"50|5[6-8]|6[0-9]", (13, 14, 15, 16, 18, 19)),  # Maestro and others of its network
)
_ISSUERS_READ = tuple((re.compile(begins), lengths) for begins, lengths in _ISSUERS)


def is_card(value: str) -> bool:
    """Whether ``value`` can be a payment card's number: an issuer's first digits and length, and its check digit."""
    digits = "".join(map(str, _digits(value)))
    if len(set(digits)) == 1:
        return False
    return luhn(digits) and any(len(digits) in lengths and begins.match(digits) for begins, lengths in _ISSUERS_READ)


#: Length of an IBAN by country, as the registry of SWIFT lists them (ISO 13616).
_IBAN_LENGTHS = {
    country: int(length)
    for length, countries in {
        "15": "NO",
        "16": "BE",
        "18": "DK FK FO FI GL NL SD",
        "19": "MK SI",
        "20": "AT BA EE KZ LT LU MN XK",
        "21": "CH HR LI LV",
        "22": "BG BH CR DE GB GE IE ME RS VA",
        "23": "AE GI IL IQ OM SO TL",
        "24": "AD CZ ES MD PK RO SA SE SK TN VG DZ",
        "25": "LY PT ST",
        "26": "IS TR",
        "27": "BI DJ FR GR IT MC MR SM",
        "28": "AL AZ BY CY DO GT HN HU LB NI PL SV",
        "29": "BR EG PS QA UA",
        "30": "JO KW MU YE",
        "31": "MT SC",
        "32": "LC",
        "33": "RU",
    }.items()
    for country in countries.split()
}
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ ]?[A-Za-z0-9]){11,30}")


def _ibans(text: str) -> Iterator[tuple[int, int]]:
    """International Bank Account Numbers: a country's length, and ISO 7064 mod 97-10."""
    for match in _IBAN.finditer(text):
        wanted, taken, end = _IBAN_LENGTHS.get(match[0][:2].upper(), 0), 0, 0
        for place, letter in enumerate(match[0]):
            taken += letter != " "
            if taken == wanted:
                end = place + 1
                break
        after = text[match.start() + end : match.start() + end + 1]
        if not end or (after and after.isalnum()):
            continue
        plain = match[0][:end].replace(" ", "").upper()
        if int("".join(str(int(each, 36)) for each in plain[4:] + plain[:4])) % 97 == 1:
            yield match.start(), match.start() + end


def is_vehicle(value: str) -> bool:
    """Whether a Vehicle Identification Number's ninth character is its check digit (ISO 3779, 49 CFR 565)."""
    values = {**{str(each): each for each in range(10)}, **dict(zip("ABCDEFGH", range(1, 9), strict=True))}
    values |= {"J": 1, "K": 2, "L": 3, "M": 4, "N": 5, "P": 7, "R": 9}
    values |= dict(zip("STUVWXYZ", range(2, 10), strict=True))
    weights = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
    if len(value) != 17 or any(each not in values for each in value) or not re.search(r"[A-Z]", value):
        return False
    rest = sum(values[each] * weight for each, weight in zip(value, weights, strict=True)) % 11
    return value[8] == ("X" if rest == 10 else str(rest))


def is_routing(value: str) -> bool:
    """Whether nine digits are an ABA routing number: a Federal Reserve district and the check digit."""
    digits = _digits(value)
    if len(digits) != 9:
        return False
    district = digits[0] * 10 + digits[1]
    known = district <= 12 or 21 <= district <= 32 or 61 <= district <= 72 or district == 80
    return known and sum(each * (3, 7, 1)[place % 3] for place, each in enumerate(digits)) % 10 == 0


def is_health_service(value: str) -> bool:
    """Whether ten digits are a number of the National Health Service (modulus 11)."""
    digits = _digits(value)
    if len(digits) != 10 or len(set(digits)) == 1:
        return False
    check = 11 - sum(each * (10 - place) for place, each in enumerate(digits[:9])) % 11
    return digits[9] == (0 if check == 11 else check)


def _is_social_security(value: str) -> bool:
    digits = "".join(map(str, _digits(value)))
    return digits[:3] not in ("000", "666") and digits[0] != "9" and digits[3:5] != "00" and digits[5:] != "0000"


def _is_individual_taxpayer(value: str) -> bool:
    """The fourth and fifth digit must be in a range.
    https://www.irs.gov/tin/itin/individual-taxpayer-identification-number-itin
    """
    digits = "".join(map(str, _digits(value)))
    group = int(digits[3:5])
    return digits[0] == "9" and (50 <= group <= 65 or 70 <= group <= 88 or 90 <= group <= 92 or 94 <= group <= 99)


# ---- Phone numbers --------------------------------------------------------------------------------------------------

_PHONE = re.compile(
    r"(?<![\w.,/=#@$€£%+-])(?<!\d[ :])"
    r"(?P<value>(?:\+|(?=\(?\d))(?:\(\+?\d{1,4}\)|\d{1,4})"
    r"(?:[ ]?[-./\u2010\u2011\u2013]?[ ]?(?:\(\d{1,4}\)|\d{1,12})){1,6})"
    r"(?!\w)(?![-/:]\d)(?!\.\d)(?![ ]?%)"
)
_CALLED = re.compile(
    r"(?i)\b(?:tel(?:ephone)?|phone|telefon|mobile|cell(?:phone)?|call(?:ed|ing)?|dial|fax|pager|hotline|whatsapp|"
    r"sms|text(?:\s+(?:me|him|her|us|them))|ring(?:\s+(?:me|him|her|us|them))|reach(?:ed)?)\b[^\d\n]{0,40}$"
)
#: A word that says what a number is, and therefore that it is not a phone number.
_OTHER = re.compile(
    r"(?i)\b(?:order|invoice|isbn|issn|ean|sku|serial|part|model|item|ticket|case|issue|version|release|build|tracking|"
    r"reference|ref|id|account|acct|port|article|section|chapter|page|pages|lines?|years?|between|from|rfc|iso|error|"
    r"code|total|price|rows?|bytes|population|nhs|health|sin|utr|commit|doi|arxiv|patent|batch|lot|po)\b[^\d\n.!?]{0,24}$"
)
_DATE = re.compile(
    r"^(?:(?:19|20)\d\d[-./ ](?:19|20)?\d\d(?:[-./ ]\d{1,2})?|\d{1,2}[-./]\d{1,2}[-./](?:19|20)?\d\d"
    r"|\d{1,2} \d{1,2} (?:19|20)\d\d"
    r"|(?:19|20)\d\d(?:[ ]?[-\u2013][ ]?(?:19|20)?\d\d))(?:\D.*)?$"
)
#: The form of North America, including fictional and unassigned area codes, which people use in texts.
_AMERICAN = re.compile(r"^(?:\+?1[-. ]?)?(?:\(\d{3}\)[ ]?\d{3}[-. ]\d{4}|\d{3}([-. ])\d{3}\1\d{4})$")
_LOCAL = re.compile(r"^\d{3}[-. ]\d{4}$")
#: Regions whose national numbers begin with a zero, which distinguishes them from other numbers.
_TRUNK = ("GB", "DE", "FR", "JP", "AU", "IN", "NL", "CH", "AT", "BE", "KR", "ZA", "IT", "SE", "CN")
_REGIONS = ("US", *_TRUNK, "ES", "BR", "MX", "SG", "HK", "PL", "PT", "NO", "DK")


def _phones(text: str) -> Iterator[tuple[int, int]]:
    for match in _PHONE.finditer(text):
        value = match["value"]
        if _is_phone(value, text[max(0, match.start() - 60) : match.start()]):
            yield match.span("value")


def _is_phone(value: str, before: str) -> bool:
    digits = len(_digits(value))
    if not 7 <= digits <= 15:
        return False
    called = _CALLED.search(before) is not None
    if value.startswith("+"):
        return any(_valid(value, None, least) for least in (True, False))
    if _DATE.match(value) or (not called and _OTHER.search(before)):
        return False
    if _AMERICAN.match(value) or (called and _LOCAL.match(value)):
        # Three groups that are separated by spaces only may be an amount of money or a number of people.
        return called or " " not in value or "(" in value or _valid(value, "US", True)
    if called:
        return any(_valid(value, region, True) for region in _REGIONS) or (
            re.search(r"\D", value) is not None and any(_valid(value, region, False) for region in ("US", "GB", "DE"))
        )
    parted = re.search(r"[ ()/-]|\..*\.", value) is not None
    return parted and value.lstrip("(").startswith("0") and any(_valid(value, region, True) for region in _TRUNK)


def _valid(value: str, region: str | None, really: bool) -> bool:
    try:
        number = phonenumbers.parse(value, region)
    except phonenumbers.NumberParseException:
        return False
    return bool(phonenumbers.is_valid_number(number) if really else phonenumbers.is_possible_number(number))


# ---- Secrets and names of accounts ----------------------------------------------------------------------------------

#: What may follow "password is" without being a password.
_NO_SECRET = frozenset(
    [
        "not",
        "wrong",
        "incorrect",
        "expired",
        "locked",
        "too",
        "the",
        "a",
        "an",
        "required",
        "needed",
        "still",
        "correct",
        "working",
        "weak",
        "strong",
        "secure",
        "being",
        "reset",
        "short",
        "long",
        "invalid",
        "lost",
        "forgotten",
        "compromised",
        "unknown",
        "empty",
        "stored",
        "saved",
        "visible",
        "leaked",
        "never",
        "always",
        "no",
        "now",
        "only",
        "also",
        "really",
        "in",
        "on",
        "at",
        "about",
        "due",
        "different",
        "same",
        "missing",
        "hashed",
        "encrypted",
        "shared",
        "sent",
        "changed",
        "set",
        "used",
        "unique",
        "case",
        "made",
        "mandatory",
        "optional",
        "safe",
        "good",
        "bad",
        "your",
        "my",
        "his",
        "her",
        "their",
        "our",
        "this",
        "that",
        "what",
        "why",
        "how",
        "when",
        "none",
        "null",
        "true",
        "false",
        "str",
        "string",
        "text",
        "int",
        "bool",
        "any",
        "value",
        "password",
        "username",
        "user",
        "secret",
        "redacted",
        "hidden",
        "there",
        "and",
        "or",
        "but",
        "so",
        "very",
        "taken",
        "available",
        "already",
        "admin",
        "root",
        "both",
        "sensitive",
        "blank",
        "valid",
    ]
)
_SECRET_JOINT = r"(?P<joint>\s{0,3}[:=]\s{0,3}|\s{1,3}(?:is|was)\s{0,2}:?\s{1,3})"  # noqa: S105 - an expression
_SECRET_VALUE = r"(?P<quote>['\"`]?)(?P<value>[^\s'\"`<>{}()\[\]]{3,64})(?P=quote)"  # noqa: S105 - an expression
_PASSWORD = re.compile(
    rf"(?i)(?<![A-Za-z0-9-])(?:pass(?:word|wd|code|phrase)|pwd)(?:\s+(?:for|to|of)\s+[^\n.!?:=]{{1,40}}?)?"
    rf"{_SECRET_JOINT}{_SECRET_VALUE}"
)
_USERNAME = re.compile(
    rf"(?i)(?<![A-Za-z0-9-])(?:user\s?-?name|user\s?id|login(?:\s?name)?|screen\s?name|nick\s?name|handle)"
    rf"(?:\s+(?:for|to|of|on)\s+[^\n.!?:=]{{1,40}}?)?{_SECRET_JOINT}{_SECRET_VALUE}"
)
_WHOSE = re.compile(r"(?i)\b(?:my|his|her|their|our)\s{1,3}(?:[\w-]{1,24}\s)?$")


def _secrets(pattern: re.Pattern[str], *, name: bool) -> Callable[[str], Iterator[tuple[int, int]]]:
    def find(text: str) -> Iterator[tuple[int, int]]:
        for match in pattern.finditer(text):
            value = match["value"].rstrip(".,;:?" if not name else ".,;:?!")
            plain = value.lower()
            if len(value) < 3 or plain in _NO_SECRET or value.startswith(("$", "%", "http", "os.", "self.", "//")):
                continue
            telling = re.search(r"\d|[^\w.,-]|_|[a-z][A-Z]", value) is not None
            if name:
                telling = telling or re.search(r"\w[.-]\w", value) is not None or ":" in match["joint"]
            if telling or match["quote"] or _WHOSE.search(text, max(0, match.start() - 40), match.start()):
                yield match.start("value"), match.start("value") + len(value)

    return find


_SECRET_KEY = re.compile(r"(?<![A-Za-z0-9/+_.-])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=_.-])")
_CLASSES = (str.isupper, str.islower, str.isdigit)


def is_secret_key(value: str) -> bool:
    """Whether forty letters look random: all classes, changing often. A SHA-1 and a path do not."""
    kinds = [next((place for place, of in enumerate(_CLASSES) if of(each)), 3) for each in value]
    changes = sum(one != other for one, other in pairwise(kinds))
    return {0, 1, 2} <= set(kinds) and changes >= 12 and re.search(r"[a-z]{8}", value) is None


# ---- All kinds ------------------------------------------------------------------------------------------------------

_COUNTRIES = frozenset(phonenumbers.SUPPORTED_REGIONS)
_SWIFT = r"[A-Z]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?(?![A-Za-z0-9])"


def _is_swift(value: str) -> bool:
    return value[4:6] in _COUNTRIES


def _has_digits(least: int) -> Callable[[str], bool]:
    return lambda value: len(_digits(value)) >= least


_CARD = r"(?:\d{4}[ -]?){3}\d{1,7}|3[47]\d{2}[ -]?\d{6}[ -]?\d{5}|3[068]\d{2}[ -]?\d{6}[ -]?\d{4}"
_WORD_END = r"(?![\w-])"
_MONTH = r"(?:0[1-9]|1[0-2])"
_CARD_WORDS = r"card|visa|mastercard|amex|american express|discover|cvv|cvc|debit|credit"
_EXPIRY_WORDS = r"valid (?:thru|through|until)|good thru|exp(?:iry|iration|ires?)?\.?(?:\s+(?:date|on|in))?|expiring"
_EXPIRY = (
    rf"(?<![\d/-]){_MONTH}\s?[/-]\s?(?:20)?\d\d(?![\d/-])|"
    r"(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?\s+20\d\d"
)
_LAST_FOUR = (
    r"(?:ending|ends|ended)\s+(?:in|with|on)|"
    r"last\s+(?:four|4)(?:\s+digits)?(?:\s+(?:of|on)[^\d\n.]{0,30})?(?:\s+(?:is|are|being|:))?"
)


def _expiries(text: str) -> Iterator[tuple[int, int]]:
    """Month and year after a word for the expiration of a card: other things expire too."""
    for match in _EXPIRY_FORM.finditer(text):
        near = text[max(0, match.start() - 80) : match.end() + 80]
        if re.search(rf"(?i)\b(?:{_CARD_WORDS})", near) or re.search(r"(?i)\b(?:thru|exp\b)", match[0]):
            yield match.span("value")


_EXPIRY_FORM = re.compile(
    rf"(?<!\w)(?i:{_EXPIRY_WORDS})\W{{0,3}}(?:(?i:is|was|date|on|in)\W{{0,3}})*(?P<value>{_EXPIRY})"
)
_URL = re.compile(
    r"(?<![\w@])(?:(?i:https?|ftps?)://|(?i:www\.))(?=[^\s<>\"'`]*\w)[^\s<>\"'`{}|\\^]+(?<![.,;:!?)\]*_])"
)
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IP = re.compile(rf"(?<![\w.:-])(?<!\bv )(?P<value>{_OCTET}(?:\.{_OCTET}){{3}})(?![\w-])(?!\.\d)")
_VERSIONED = re.compile(
    r"(?i)(?:\bv|\bver|\bversions?|\breleases?|\bbuild|\bsection|\bchapter|\bclause|\bfirmware|\bupdate|\boid|§)\W{0,3}"
    r"(?:is|to|from|number)?\W{0,2}$"
)


def _addresses_of_hosts(text: str) -> Iterator[tuple[int, int]]:
    for match in _IP.finditer(text):
        if not _VERSIONED.search(text[max(0, match.start() - 24) : match.start()]):
            yield match.span("value")


def _forms(*forms: _Form) -> Callable[[str], Iterator[tuple[int, int]]]:
    def find(text: str) -> Iterator[tuple[int, int]]:
        for form in forms:
            yield from form.find(text)

    return find


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


_BANK = r"(?<!aws )(?<!amazon )(?:bank\s+(?:account|acct)|account(?!\s+id\b)|acct|a/c|checking|savings)"
_HEALTH = (
    r"health\s+(?:card|insurance|care)?\s*(?:number|no)?|ohip|phn|personal health number|medical services plan|msp"
)

_STREET = (
    r"(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Square|Sq|Terrace|Place|Pl|Way|Parkway|"
    r"Pkwy|Highway|Hwy|Circle|Crescent)"
)

_FINDERS: dict[str, Callable[[str], Iterator[tuple[int, int]]]] = {
    "EMAIL": _forms(
        _Form(
            _compiled(
                r"(?<![\w.+%-])[A-Za-z0-9_][A-Za-z0-9._%+'-]{0,63}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}"
                r"[A-Za-z]{2,24}(?![\w@])(?!-\w)"
            )
        )
    ),
    "PHONE": _phones,
    "URL": _forms(_Form(_URL)),
    "IP_ADDRESS": _addresses_of_hosts,
    "MAC_ADDRESS": _forms(
        _Form(
            _compiled(
                r"(?<![\w:-])(?:[0-9A-Fa-f]{2}(?P<part>[:-])(?:[0-9A-Fa-f]{2}(?P=part)){4}[0-9A-Fa-f]{2}"
                r"|[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4})(?![\w:-])"
            )
        )
    ),
    "AWS_ACCESS_KEY": _forms(_Form(_compiled(r"(?<![A-Za-z0-9/+_])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9/+=_])"))),
    "AWS_SECRET_KEY": _forms(
        _Form(_SECRET_KEY, is_secret_key),
        _Form(
            _beside(r"(?:aws_?)?secret[\s_-]*(?:access[\s_-]*)?key", r"[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])", loose=True)
        ),
    ),
    "CREDIT_DEBIT_CARD_NUMBER": _forms(
        _Form(_compiled(rf"(?<![\w.,-])(?<!\d[ -])(?P<value>{_CARD})(?!\w)(?![ -]\d)(?![.,-]\w)"), is_card),
        _Form(
            _compiled(
                rf"(?i)\b(?:{_CARD_WORDS})\b[^\d\n.!?]{{0,30}}?(?:{_LAST_FOUR})\W{{1,3}}(?P<value>\d{{4}}){_WORD_END}"
            )
        ),
    ),
    "CREDIT_DEBIT_CARD_CVV": _forms(
        _Form(
            _beside(
                r"cvv2?|cvc2?|csc|cid|card verification|(?:card )?security code|verification value",
                rf"\d{{3,4}}{_WORD_END}(?!\.\d)",
                loose=True,
            )
        ),
        _Form(_named(r"(?<![\w.-])\d{3,4}", r"cvv2?|cvc2?|csc|security code")),
    ),
    "CREDIT_DEBIT_CARD_EXPIRY": _expiries,
    "PIN": _forms(
        _Form(
            re.compile(
                rf"(?<![\w-])(?:(?:PIN|Pin|(?i:pin\s+(?:code|number)|(?:my|card|atm|debit|bank)\s+pin))){_GAP}(?:{_JOINT}){{1,4}}(?P<value>\d{{4}}){_WORD_END}(?!\.\d)"
            )
        ),
        _Form(re.compile(rf"(?<![\w-])(?:PIN|(?i:pin\s+(?:code|number)|my\s+pin))\s+(?P<value>\d{{4}}){_WORD_END}")),
        _Form(_named(r"(?<![\w.-])\d{4}", r"(?:\w+\s+)?pin")),
    ),
    "INTERNATIONAL_BANK_ACCOUNT_NUMBER": _ibans,
    "SWIFT_CODE": _forms(
        _Form(_compiled(r"(?<![A-Za-z0-9])[A-Z]{6}[A-Z0-9]{2}XXX(?![A-Za-z0-9])"), _is_swift),
        _Form(
            re.compile(rf"(?<![\w-])(?:(?i:swift|bic))\b[^\n.!?]{{0,24}}?(?<![A-Za-z0-9])(?P<value>{_SWIFT})"),
            _is_swift,
        ),
        _Form(
            re.compile(
                rf"(?i:\b(?:wire|transfer|iban|bank)\b)[^\n!?]{{0,48}}?(?<![A-Za-z0-9])(?P<value>(?=[A-Z]*\d){_SWIFT})"
            ),
            _is_swift,
        ),
        _Form(
            re.compile(
                rf"(?<![A-Za-z0-9])(?P<value>{_SWIFT})(?=[^\w\n]{{0,3}}(?:is\s+(?:the|my|our)\s+)?(?:SWIFT|BIC)\b)"
            ),
            _is_swift,
        ),
    ),
    "US_BANK_ACCOUNT_NUMBER": _forms(
        _Form(_beside(_BANK, rf"\d{{8,17}}{_WORD_END}", loose=True)),
        _Form(
            _compiled(
                rf"(?i)\b(?:account|acct|checking|savings)\b[^\d\n.!?]{{0,30}}?(?:{_LAST_FOUR})\W{{1,3}}(?P<value>\d{{4}}){_WORD_END}"
            )
        ),
    ),
    "US_BANK_ROUTING_NUMBER": _forms(
        _Form(_beside(r"routing|aba|rtn|transit", rf"\d{{9}}{_WORD_END}", loose=True), is_routing),
        _Form(_named(r"(?<![\w.-])\d{9}", r"(?:bank's\s+)?routing"), is_routing),
    ),
    "US_SOCIAL_SECURITY_NUMBER": _forms(
        _Form(_compiled(r"(?<![\w.-])(?<!\d )\d{3}-\d{2}-\d{4}(?![\w-])(?!\.\d)"), _is_social_security),
        _Form(
            _beside(r"ssn|social security", rf"\d{{3}}[ -]?\d{{2}}[ -]?\d{{4}}{_WORD_END}", loose=True),
            _is_social_security,
        ),
        _Form(
            _compiled(r"(?<![\w.-])(?<!\d )\d{3} \d{2} \d{4}(?![\w-])(?! \d)(?=[^\n.]{0,30}(?i:ssn|social security))"),
            _is_social_security,
        ),
        _Form(
            _compiled(
                rf"(?i)(?:ssn|social security)[^\d\n.!?]{{0,30}}?(?:{_LAST_FOUR})\W{{1,3}}(?P<value>\d{{4}}){_WORD_END}"
            )
        ),
        _Form(
            _compiled(
                rf"(?i)\blast\s+(?:four|4)(?:\s+digits)?\s+of\s+(?:my|his|her|the|their)\s+"
                rf"(?:ssn|social security(?: number)?)\W{{1,3}}(?:(?:is|are)\W{{1,3}})?(?P<value>\d{{4}}){_WORD_END}"
            )
        ),
    ),
    "US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER": _forms(
        _Form(_compiled(r"(?<![\w.-])(?<!\d )9\d{2}([ -])\d{2}\1\d{4}(?![\w-])(?! \d)"), _is_individual_taxpayer),
        _Form(
            _beside(
                r"itin|(?:individual )?tax(?:payer)? identification",
                rf"9\d{{2}}[ -]?\d{{2}}[ -]?\d{{4}}{_WORD_END}",
                loose=True,
            ),
            _is_individual_taxpayer,
        ),
    ),
    "US_PASSPORT_NUMBER": _forms(
        _Form(_beside(r"passport", rf"(?=[A-Z]*\d)[A-Z0-9]{{6,9}}{_WORD_END}", loose=True), _has_digits(5)),
        _Form(_named(r"(?<![\w.-])(?=[A-Z]*\d)[A-Z0-9]{6,9}", r"(?:us\s+)?passport"), _has_digits(5)),
    ),
    "CA_HEALTH_NUMBER": _forms(
        _Form(_beside(_HEALTH, rf"\d{{4}}[ -]?\d{{3}}[ -]?\d{{3}}(?:[ -]?[A-Z]{{2}})?{_WORD_END}", loose=True)),
    ),
    "CA_SOCIAL_INSURANCE_NUMBER": _forms(
        _Form(_compiled(r"(?<![\w.-])(?<!\d )[1-79]\d{2}-\d{3}-\d{3}(?![\w-])"), luhn),
        _Form(_beside(r"SIN|(?-i:SIN)|social insurance", rf"\d{{3}}[ -]?\d{{3}}[ -]?\d{{3}}{_WORD_END}", loose=True)),
    ),
    "UK_NATIONAL_HEALTH_SERVICE_NUMBER": _forms(
        _Form(_beside(r"nhs|national health service", rf"\d{{3}}[ -]?\d{{3}}[ -]?\d{{4}}{_WORD_END}", loose=True)),
        _Form(_compiled(r"(?<![\w.+(-])(?<!\d )(?<!\) )\d{3} \d{3} \d{4}(?![\w-])(?! \d)"), is_health_service),
    ),
    "UK_NATIONAL_INSURANCE_NUMBER": _forms(
        _Form(
            _compiled(
                r"(?<![\w-])(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z](?P<part>[ -]?)"
                r"\d{2}(?P=part)\d{2}(?P=part)\d{2}(?P=part)[A-D](?![\w-])"
            )
        ),
        _Form(_compiled(r"(?<![\w-])(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] \d{6} [A-D](?![\w-])")),
    ),
    "UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER": _forms(
        _Form(
            _beside(
                r"utr|unique taxpayer reference|tax(?:payer)? reference|self[ -]assessment",
                rf"\d{{5}} ?\d{{5}}K?{_WORD_END}",
                loose=True,
            )
        ),
    ),
    "VEHICLE_IDENTIFICATION_NUMBER": _forms(
        _Form(_compiled(r"(?<![\w-])[A-HJ-NPR-Z0-9]{17}(?![\w-])"), is_vehicle),
        _Form(
            _beside(
                r"vin|vehicle identification|chassis",
                rf"(?=[A-Z0-9]*[A-Z])[A-HJ-NPR-Z0-9]{{17}}{_WORD_END}",
                loose=True,
            ),
            _has_digits(4),
        ),
    ),
    "LICENSE_PLATE": _forms(
        _Form(
            _beside(
                r"licen[cs]e[ -]plate|number[ -]plate|registration[ -]plate|plate|(?:car|vehicle) registration",
                r"(?=[A-Z -]*\d)(?=[\d -]*[A-Z])[A-Z0-9]{1,4}[ -]?[A-Z0-9]{2,5}"
                rf"(?:[ -][A-Z0-9]{{1,4}})?{_WORD_END}",
                loose=True,
            ),
            lambda value: 5 <= len(re.sub(r"[ -]", "", value)) <= 8,
        ),
    ),
    "DRIVER_ID": _forms(
        _Form(
            _beside(
                r"driver'?s?'?[ -]licen[cs]e|driving[ -]licen[cs]e|driver'?s?[ -]id|\bDL",
                rf"(?=[A-Z -]*\d)[A-Z0-9]{{1,7}}(?:[ -]?[A-Z0-9]{{2,8}}){{0,4}}{_WORD_END}",
                loose=True,
            ),
            lambda value: _has_digits(4)(value) and 5 <= len(re.sub(r"[ -]", "", value)) <= 18,
        ),
    ),
    "PASSWORD": _secrets(_PASSWORD, name=False),
    "USERNAME": _secrets(_USERNAME, name=True),
    "AGE": _forms(
        _Form(_compiled(r"(?i)(?<![\w.])(?P<value>\d{1,3}[ -](?:years?|months?)(?:[ -]old)?)(?<=old)(?!\w)")),
        _Form(
            _compiled(
                r"(?i)\b(?:I am|I'm|she is|he is|she's|he's|aged?)\s+(?P<value>\d{1,3} (?:years|months))"
                r"(?=[\s.,]|$)(?!\s+(?:into|away|behind|from))"
            )
        ),
        _Form(_compiled(r"(?i)\b(?:aged|age\s*[:=]|(?:my|his|her)\s+age\s+is)\s*(?P<value>\d{1,3})(?![\w%-])(?!\.\d)")),
    ),
    "ADDRESS": _forms(
        _Form(
            _compiled(
                rf"(?<![\w.-])\d{{1,5}}[A-Za-z]?\s+(?:[NSEW]\.?\s+)?(?:[A-Z][a-z]+\s+){{1,3}}{_STREET}\b\.?"
                r"(?:,\s*(?:(?i:apt|suite|unit|floor)\.?\s*#?\w+,\s*)?[A-Z][A-Za-z .]{1,30}"
                r"(?:,\s*[A-Z]{2,3}(?:\s+\d{5}(?:-\d{4})?)?)?)?"
            )
        ),
        _Form(_compiled(r"(?i)\bP\.?\s?O\.?\s+box\s+\d{1,6}\b")),
    ),
}

#: Letters of scripts without spaces end a value, as a comma does. One letter each, so that positions stay the same.
_UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uff66-\uff9f]")
#: Full-width letters, digits and signs, mapped to those of ASCII.
_NARROW = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
#: Kinds that are found, completely or in part. The names are Bedrock's.
KINDS = frozenset(_FINDERS)
#: Kinds that have no recognizable form.
WITHOUT_FORM = frozenset({"NAME"})
#: A value of one of these kinds is not reported as one of the weaker kinds, which look alike.
_WEAKER = ("PHONE", "US_SOCIAL_SECURITY_NUMBER", "UK_NATIONAL_HEALTH_SERVICE_NUMBER", "CA_SOCIAL_INSURANCE_NUMBER")


def find(text: str, kinds: Sequence[str]) -> list[Found]:
    """The personal data of some kinds in a text, by location. One location may have several kinds.

    :param kinds: names of Bedrock's, such as ``EMAIL``. Those without a form are never found.
    """
    text = _UNSPACED.sub("\u3001", text.translate(_NARROW))
    found = {Found(kind, *span) for kind in kinds if kind in _FINDERS for span in _FINDERS[kind](text)}
    weak = [each for each in found if each.kind in _WEAKER]
    if weak:
        others = [Found(kind, *span) for kind in _FINDERS if kind not in _WEAKER for span in _FINDERS[kind](text)]
        covered = _covering(others)
        found -= {each for each in weak if covered(each)}
        taken = {each[1:] for each in weak if each.kind != "PHONE"}
        found -= {each for each in weak if each.kind == "PHONE" and each[1:] in taken}
    kept: list[Found] = []
    reached: dict[str, int] = {}
    for each in sorted(found, key=lambda one: (one.start, -one.end, one.kind)):
        # A part of another value of the same kind does not count.
        if each.end > reached.get(each.kind, -1):
            kept.append(each)
            reached[each.kind] = each.end
    return kept


def _covering(places: Sequence[Found]) -> Callable[[Found], bool]:
    """Whether one of ``places`` contains a location completely."""
    ordered = sorted((each.start, each.end) for each in places)
    starts = [start for start, _ in ordered]
    ends = list(accumulate((end for _, end in ordered), max))

    def covered(one: Found) -> bool:
        before = bisect_right(starts, one.start)
        return before > 0 and ends[before - 1] >= one.end

    return covered
