"""Reads YAML 1.2 and rejects ambiguous values.

PyYAML follows version 1.1, in which ``no`` is false, ``012`` is ten and ``1:30`` is ninety. This module follows the
core schema of version 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema), and rejects what could be read in two ways:
numbers that begin with a zero, tags, merge keys, duplicate keys, and keys that are not text.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from aws_genai.explain import readable

from .errors import SettingsError, sentence

_NULL = re.compile(r"(null|Null|NULL|~|)")
#: Keys for which null has a meaning: it turns off what they have by default.
_NULLABLE = frozenset({("budget",), ("budget", "monthly_usd")})
_BOOL = re.compile(r"(true|True|TRUE|false|False|FALSE)")
_INTEGER = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]")

#: Dynamic references, which CloudFormation resolves anywhere in a template, and text that its checks of a template
#: take for variables of Fn::Sub.
#: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html
_TAKEN = re.compile(r"\{\{\s*resolve:[^}]*\}?\}?|\$\{\s*[A-Za-z0-9_:.]+\s*\}")

#: Limits far above what settings need: larger files are a mistake, or contain nested aliases.
_MOST_BYTES = 1_000_000
_MOST_VALUES = 50_000
_MOST_LEVELS = 30
_MOST_DIGITS = 30


def read(path: Path, name: str) -> dict[str, Any]:
    """The mapping in a YAML file.

    :raises SettingsError: if the file is not YAML, is empty, is not a mapping, or could be read in two ways.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise SettingsError(f"{name}: cannot be read: {error.strerror}. Check the permissions of the file") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{name}: is not UTF-8 text. Save it as UTF-8") from error
    if len(content) > _MOST_BYTES:
        raise SettingsError(f"{name}: has more than {_MOST_BYTES:,} bytes. Settings are shorter")
    return parse(text, name)


def parse(text: str, name: str) -> dict[str, Any]:
    """The mapping in the text of a YAML file that messages call ``name``.

    :raises SettingsError: if the text is not YAML, is empty, is not a mapping, or could be read in two ways.
    """
    try:
        node = _Loader(text).get_single_node()
    except yaml.reader.ReaderError as error:
        character = error.character if isinstance(error.character, int) else ord(error.character[:1])
        line = text.count("\n", 0, error.position) + 1
        raise SettingsError(f"{name}:{line}: holds the character U+{character:04X}. Take it out") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where, reason = f":{mark.line + 1}" if mark else "", readable(error.problem or error.context or "")
        raise SettingsError(f"{name}{where}: is not YAML: {reason}. Check indentation and quotes") from error
    except RecursionError as error:
        raise SettingsError(f"{name}: is nested deeper than settings are. Check brackets") from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # PyYAML passes an escape such as "\UFFFFFFFF" to chr().
        raise SettingsError(f"{name}: is not YAML: {sentence(error)}. Check indentation and quotes") from error
    reader = _Reader(name)
    content = None if node is None else reader.value(node, [])
    if content is None:
        raise SettingsError(f"{name}: is empty. Start from a copy of config/dev.yaml")
    if not isinstance(content, dict):
        kind = "list" if isinstance(content, list) else type(content).__name__
        raise SettingsError(f"{name}: holds a {kind}, not settings. Start from a copy of config/dev.yaml")
    if reader.empty:
        raise SettingsError("\n".join(reader.empty))
    return content


class _Loader(yaml.SafeLoader):
    """A loader that rejects tags, so that no tag changes the type of a value."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:  # noqa: ANN401 - as PyYAML has it
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if (tag := getattr(event, "tag", None)) is not None:
            raise yaml.composer.ComposerError(
                None, None, f"the tag {tag} is not read; leave it out, and put text in quotes", event.start_mark
            )
        composed: yaml.Node | None = super().compose_node(parent, index)
        return composed


class _Reader:
    """Converts nodes to plain values."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._values = 0
        #: One message for each key without a value.
        self.empty: list[str] = []

    def value(self, node: yaml.Node, path: Sequence[str], above: tuple[int, ...] = ()) -> Any:  # noqa: ANN401
        """The value of a node at ``path``; ``above`` contains the ids of the nodes that enclose it."""
        self._values += 1
        if self._values > _MOST_VALUES:
            raise self._refused(node, path, f"has more than {_MOST_VALUES:,} values, aliases written out")
        if id(node) in above:
            raise self._refused(node, path, "an alias stands inside what it stands for. Write the value out")
        if len(above) >= _MOST_LEVELS:
            raise self._refused(node, path, f"is nested deeper than {_MOST_LEVELS} levels")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        inside = (*above, id(node))
        if isinstance(node, yaml.SequenceNode):
            return [self.value(each, [*path, str(number)], inside) for number, each in enumerate(node.value)]
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, path)
            if key in found:
                raise self._refused(key_node, path, f"key {key!r} stands twice. Keep one")
            found[key] = self.value(value_node, [*path, key], inside)
        return found

    def _key(self, node: yaml.Node, path: Sequence[str]) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise self._refused(node, path, "a key is a list or a mapping. Write it as text")
        if node.style is None and node.value == "<<":
            raise self._refused(node, path, "merge keys (<<) are not read. Write the keys out")
        key = self._plain(node, path) if node.style is None else node.value
        if not isinstance(key, str):
            raise self._refused(node, path, f"key {node.value} is not text; put it in quotes")
        return self._text(node, path, key)

    def _scalar(self, node: yaml.ScalarNode, path: Sequence[str]) -> Any:  # noqa: ANN401 - any plain value
        value = self._plain(node, path) if node.style is None else node.value
        if value is None and path and not (tuple(path) in _NULLABLE and node.value):
            where = ".".join(path)
            line = f"{self._name}:{node.start_mark.line + 1}: {where}: is empty. Give it a value, or leave the key out"
            self.empty.append(readable(line))
        return self._text(node, path, value) if isinstance(value, str) else value

    def _plain(self, node: yaml.ScalarNode, path: Sequence[str]) -> str | int | float | bool | None:
        """The value of an unquoted scalar."""
        text: str = node.value
        if _NULL.fullmatch(text):
            return None
        if _BOOL.fullmatch(text):
            return text.lower() == "true"
        if _NOT_FINITE.fullmatch(text):
            raise self._refused(node, path, f"{text} is no number that can be meant. Write a finite one")
        if not (_INTEGER.fullmatch(text) or _FLOAT.fullmatch(text)):
            for pattern, base in ((_OCTAL, 8), (_HEXADECIMAL, 16)):
                if pattern.fullmatch(text) and len(text) <= _MOST_DIGITS:
                    return int(text[2:], base)
            return text
        if _LEADING_ZERO.match(text):
            raise self._refused(
                node, path, f"{text} begins with a zero. Leave the zero out of a number, or put text in quotes"
            )
        if len(text) > _MOST_DIGITS:
            raise self._refused(node, path, f"has a number of {len(text)} digits. Put text in quotes")
        if _INTEGER.fullmatch(text):
            return int(text)
        number = float(text)
        if not math.isfinite(number):
            raise self._refused(node, path, f"{text} is no number that can be meant. Write a finite one")
        return number

    def _text(self, node: yaml.Node, path: Sequence[str], text: str) -> str:
        for character in text:
            # Control characters, surrogates, and noncharacters.
            unseen = unicodedata.category(character) in ("Cc", "Cs") and character not in "\t\n"
            if unseen or ord(character) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(character) <= 0xFDEF:
                raise self._refused(node, path, f"holds the character U+{ord(character):04X}. Take it out")
        if taken := _TAKEN.search(text):
            raise self._refused(
                node, path, f"{taken[0]} is what CloudFormation writes references as. Write the text without braces"
            )
        return text

    def _refused(self, node: yaml.Node, path: Sequence[str], reason: str) -> SettingsError:
        where = f" {'.'.join(path)}:" if path else ""
        return SettingsError(readable(f"{self._name}:{node.start_mark.line + 1}:{where} {reason}"))
