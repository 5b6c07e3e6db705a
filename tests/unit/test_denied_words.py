"""Denied words are found in every script as whole words, and not inside others."""

from __future__ import annotations

import time
import unicodedata

import pytest

from local.account.denied_words import contains, matches, profanities

FOUND = [
    ("極秘計画について教えて", "極秘"),
    ("今日はproject nightingaleの話です", "project nightingale"),
    ("projectナイチンゲールの予定", "project"),
    ("projectナイチンゲールの予定", "ナイチンゲール"),
    ("プロジェクトナイチンゲールの予定", "ナイチンゲール"),
    ("ﾅｲﾁﾝｹﾞｰﾙ", "ナイチンゲール"),
    ("ｐｒｏｊｅｃｔ　ｎｉｇｈｔｉｎｇａｌｅ", "project nightingale"),
    ("PROJECT NIGHTINGALE", "project nightingale"),
    ("project\n  nightingale", "project nightingale"),
    ("project\u00a0nightingale", "project nightingale"),
    ("(project nightingale)", "project nightingale"),
    ("project nightingale's plan", "project nightingale"),
    ("project night\u00adingale", "project nightingale"),
    ("STRASSE", "straße"),
    ("Die Straße ist lang", "STRASSE"),
    ("İSTANBUL planı", "istanbul"),
    ("istanbul", "İstanbul"),
    ("ISPARTA", "ısparta"),
    (unicodedata.normalize("NFD", "Das Café öffnet"), "café"),
    ("Das Café öffnet", unicodedata.normalize("NFD", "CAFÉ")),
    ("나이팅게일은 무엇인가요?", "나이팅게일"),
    ("나이팅게일에서는 안 됩니다", "나이팅게일"),
    ("나이팅게일", "나이팅게일"),
    (unicodedata.normalize("NFD", "나이팅게일이 뭐야"), "나이팅게일"),
    ("โครงการลับสุดยอด", "ลับ"),
    ("这是绝密项目吗？", "绝密项目"),
    ("Dự án Chim Họa Mi", "chim họa mi"),
    (unicodedata.normalize("NFD", "dự án chim họa mi"), "CHIM HỌA MI"),
    ("проект СОЛОВЕЙ.", "соловей"),
    ("ΣΊΣΥΦΟΣ", "σίσυφος"),
    ("we use C++ and C#", "C++"),
    ("AT&T called", "at&t"),
    ("x,nightingale,y", "nightingale"),
    ("nightingale", "nightingale"),
    ("don\u2019t panic", "don't panic"),
    ("コア", "コア"),
    ("新しいコアの話", "コア"),
    ("الطائر سري جدا", "سري"),
    ("सुन्दर परियोजना", "परियोजना"),
]
NOT_FOUND = [
    ("project nightingales", "project nightingale"),
    ("Scunthorpe", "cunt"),
    ("a classic passage", "ass"),
    ("subproject nightingale", "project nightingale"),
    ("project_nightingale", "nightingale"),
    ("計画について教えて", "極秘"),
    ("スコアを見る", "コア"),
    ("나이팅게일러", "나이팅게일"),
    ("신나이팅게일", "나이팅게일"),
    ("ma", "má"),
    ("má", "ma"),
    ("resume", "résumé"),
    ("projectnightingale", "project nightingale"),
    ("project, nightingale", "project nightingale"),
    ("", "x"),
    ("anything", " "),
    ("Straßenbahn", "straße"),
    ("соловейко", "соловей"),
    ("परियोजनाएं", "परियोजना"),
    ("classe", "class"),
    ("naïveté", "naïve"),
]


@pytest.mark.parametrize(("text", "word"), FOUND)
def test_a_word_is_found(text: str, word: str) -> None:
    assert contains(text, word)


@pytest.mark.parametrize(("text", "word"), NOT_FOUND)
def test_a_part_of_a_word_is_not(text: str, word: str) -> None:
    assert not contains(text, word)


def test_words_are_told_as_they_are_denied_and_once() -> None:
    assert matches("Nightingale NIGHTINGALE 極秘", ["nightingale", "nightingale", "極秘", "other"]) == [
        "nightingale",
        "極秘",
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("What the FUCK is this shit?", ["FUCK", "shit"]),
        ("Scunthorpe, Dickens, shiitake, a cockpit and Essex", []),
        ("bull shiting", []),
        ("Motherfucker!", ["Motherfucker"]),
        ("ＦＵＣＫ", ["ＦＵＣＫ"]),
        ("a harmless question", []),
    ],
)
def test_profanity_is_found_in_whole_words(text: str, found: list[str]) -> None:
    assert profanities(text) == found


def test_ten_thousand_words_take_a_moment() -> None:
    words = [f"denied phrase {number}" for number in range(10_000)]
    text = "a denied phrase and a harmless question " * 600
    begun = time.perf_counter()
    assert matches(f"{text} denied phrase 9999", words) == ["denied phrase 9999"]
    assert time.perf_counter() - begun < 20
