"""Rules of the gate over what is emitted: small functions, each with its reason, AWS's page and the way to mend it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ..policies.undecidable import UndecidableError
from .emitted import Emitted, Resource, Stack


@dataclass(frozen=True)
class Hit:
    """One place that breaks a rule.

    :param at: the resource, or the stack as a whole.
    :param where: the property, such as ``Properties.PolicyDocument``.
    :param what: what is wrong there, where the rule's reason does not say it; a sentence.
    """

    at: Resource | Stack
    where: str = "Properties"
    what: str = ""


Check = Callable[[Emitted], Iterable[Hit]]


@dataclass(frozen=True)
class Rule:
    """What must hold, why, and how to mend what breaks it."""

    id: str
    holds: str
    why: str
    fix: str
    page: str
    check: Check

    def message(self, hit: Hit) -> str:
        """What a reader of the finding is told."""
        return " ".join(filter(None, (hit.what, self.why, f"Fix: {self.fix}", f"({self.page})")))


#: Every rule, by id, in the order of their making.
RULES: dict[str, Rule] = {}


def rule(id: str, *, holds: str, why: str, fix: str, page: str) -> Callable[[Check], Check]:
    """Make a function a rule.

    :param id: ``GENAI_`` and what it is about.
    :param holds: what must hold, in one sentence.
    :param why: why it matters, or what AWS does, in one sentence.
    :param fix: what to change, without the word Fix.
    :param page: AWS's page that says so.
    """

    def register(check: Check) -> Check:
        if id in RULES:
            raise ValueError(f"The rule {id} stands twice")
        RULES[id] = Rule(id, holds, why, fix, page, check)
        return check

    return register


def broken(app: Emitted) -> Iterator[tuple[Rule, list[Hit]]]:
    """Every rule that the app breaks, with the places.

    A rule that cannot read a template, as one with a text where AWS wants an object, counts as broken by the stack:
    what is not understood is not passed.
    """
    for each in RULES.values():
        try:
            hits = list(each.check(app))
        except (AttributeError, IndexError, KeyError, TypeError, ValueError, UndecidableError) as error:
            what = f"This rule could not read the templates: {type(error).__name__}: {error}."
            hits = [Hit(next(iter(app.stacks.values())), "Resources", what)]
        if hits:
            yield each, hits
