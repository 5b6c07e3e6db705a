"""The gate's own rules for emitted templates: functions, each with its reason, AWS's page and its fix."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ..policies.undecidable import UndecidableError
from .emitted import Emitted, Resource, Stack


@dataclass(frozen=True)
class Hit:
    """One violation of a rule.

    :param at: The resource, or the whole stack.
    :param where: The property, such as ``Properties.PolicyDocument``.
    :param what: What is wrong with it, as a sentence, if the reason of the rule does not say it.
    """

    at: Resource | Stack
    where: str = "Properties"
    what: str = ""


Check = Callable[[Emitted], Iterable[Hit]]


@dataclass(frozen=True)
class Rule:
    """What must be true, why, and how to fix a violation."""

    id: str
    holds: str
    why: str
    fix: str
    page: str
    check: Check

    def message(self, hit: Hit) -> str:
        """The description in a finding."""
        return " ".join(filter(None, (hit.what, self.why, f"Fix: {self.fix}", f"({self.page})")))


#: All rules, by id, in the order of their registration.
RULES: dict[str, Rule] = {}


def rule(id: str, *, holds: str, why: str, fix: str, page: str) -> Callable[[Check], Check]:
    """Register a function as a rule.

    :param id: The id of the rule, with the prefix ``GENAI_``.
    :param holds: What must be true, in one sentence.
    :param why: Why it matters, or what AWS does, in one sentence.
    :param fix: What to change, without the word Fix.
    :param page: The page of AWS's documentation that states it.
    """

    def register(check: Check) -> Check:
        if id in RULES:
            raise ValueError(f"The rule {id} is registered twice")
        RULES[id] = Rule(id, holds, why, fix, page, check)
        return check

    return register


def broken(app: Emitted) -> Iterator[tuple[Rule, list[Hit]]]:
    """Every rule that the app violates, with the violations.

    A rule that cannot read a template, such as one with a string where AWS requires an object, counts as violated by
    the stack, so that an unreadable template does not pass.
    """
    for each in RULES.values():
        try:
            hits = list(each.check(app))
        except (AttributeError, IndexError, KeyError, TypeError, ValueError, UndecidableError) as error:
            what = f"This rule could not read the templates: {type(error).__name__}: {error}."
            hits = [Hit(next(iter(app.stacks.values())), "Resources", what)]
        if hits:
            yield each, hits
