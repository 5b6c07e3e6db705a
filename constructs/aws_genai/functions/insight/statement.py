"""Checks the SQL that a model wrote, and writes it again from its parsed tree: what runs is what was checked.

One SELECT is permitted, of named tables, made of the words of :mod:`.words`. The check is a second wall: the role of
the function can read nothing else either.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from .words import FUNCTIONS, KEYWORDS

#: The parser logs statements that it does not know, with their text.
logging.getLogger("sqlglot").setLevel(logging.CRITICAL)

_DIALECT = "athena"
#: Characters of a statement, and parentheses and brackets inside each other.
MOST_CHARACTERS, MOST_NESTED = 10_000, 40
#: Categories of characters that cannot be seen: control, format, surrogates, private use, unassigned, separators.
_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SYMBOLS = re.compile(r"[-+*/%=<>!.,|()\[\]:]*")
_CATALOG = "awsdatacatalog"
#: What a statement is made of, beside functions, operators and literals.
_NODES = (
    exp.Alias,
    exp.All,
    exp.Any,
    exp.AtTimeZone,
    exp.Between,
    exp.Boolean,
    exp.Bracket,
    exp.CTE,
    exp.Column,
    exp.ColumnDef,
    exp.Cube,
    exp.DataType,
    exp.DataTypeParam,
    exp.Distinct,
    exp.Except,
    exp.Fetch,
    exp.Filter,
    exp.From,
    exp.Group,
    exp.GroupingSets,
    exp.Having,
    exp.Identifier,
    exp.IgnoreNulls,
    exp.In,
    exp.Intersect,
    exp.Interval,
    exp.JSONPath,
    exp.JSONPathPart,
    exp.Join,
    exp.Lambda,
    exp.Lateral,
    exp.Limit,
    exp.LimitOptions,
    exp.Literal,
    exp.Null,
    exp.Offset,
    exp.Order,
    exp.Ordered,
    exp.PropertyEQ,
    exp.RespectNulls,
    exp.Rollup,
    exp.Select,
    exp.Star,
    exp.Subquery,
    exp.Table,
    exp.TableAlias,
    exp.Tuple,
    exp.Union,
    exp.Unnest,
    exp.Values,
    exp.Var,
    exp.Where,
    exp.Window,
    exp.WindowSpec,
    exp.With,
    exp.WithinGroup,
)
#: Parts of a query that change something, or whose meaning the engines do not share.
_NOT_IN_QUERIES = ("into", "locks", "hint", "kind", "laterals", "pivots", "sample", "match", "connect", "qualify")
_IN_TABLES = {"this", "db", "catalog", "alias", "joins"}


class StatementError(ValueError):
    """The statement may not run.

    :param message: for the model, which may write another.
    :param refused: whether it is not permitted, as opposed to a mistake.
    """

    def __init__(self, message: str, *, refused: bool = True) -> None:
        super().__init__(message)
        self.refused = refused


@dataclass(frozen=True)
class Statement:
    """A statement that may run."""

    #: The statement, written again.
    sql: str
    #: Maximum number of rows to show.
    rows: int


def checked(sql: str, tables: Collection[str], most: int) -> Statement:
    """The statement to run for ``sql``.

    It returns at most one row more than is shown, which tells that there are more.

    :param tables: the tables that may be read, as ``database.table`` in lower case.
    :param most: maximum number of rows.
    :raises StatementError: if it is not one SELECT of these tables.
    """
    _legible(sql)
    try:
        tree = _one(sql)
        _Check(tables).query(tree)
        rows, limit = _limited(tree, most)
        text = _written(tree)
        _of_known_words(text)
        again = _one(text)
        _Check(tables).query(again)
        if _written(again) != text:
            raise StatementError("The statement is not read as it is written. Write it more simply.", refused=False)
    except (sqlglot.errors.SqlglotError, RecursionError) as error:
        raise StatementError(f"This is no SQL that Athena reads{_place(error)}.", refused=False) from error
    return Statement(text, min(rows, limit))


def _legible(sql: str) -> None:
    """Reject what people and parsers would read differently, and what is too long to be read."""
    if len(sql) > MOST_CHARACTERS:
        raise StatementError(f"A statement has at most {MOST_CHARACTERS} characters.", refused=False)
    for each in sql:
        if each not in "\t\n\r" and unicodedata.category(each) in _HIDDEN:
            raise StatementError(f"The statement holds the character U+{ord(each):04X}, which cannot be seen.")


def _one(sql: str) -> exp.Query:
    tokens = _tokens(sql)
    depth = 0
    for token in tokens:
        depth += (token.text in ("(", "[")) - (token.text in (")", "]"))
        if depth > MOST_NESTED:
            raise StatementError("The statement is nested too deeply.", refused=False)
        if token.token_type == TokenType.VAR and not _WORD.fullmatch(token.text):
            raise StatementError(f"The name {token.text} has to be in double quotes.", refused=False)
    found = [each for each in sqlglot.parse(sql, dialect=_DIALECT) if each is not None]
    if len(found) != 1:
        raise StatementError("Write one statement.")
    (tree,) = found
    if not isinstance(tree, (exp.Select, exp.SetOperation, exp.Subquery)):
        raise StatementError("Only SELECT is permitted.")
    return tree


def _tokens(sql: str) -> Sequence[Token]:
    return sqlglot.tokenize(sql, dialect="trino")


def _place(error: Exception) -> str:
    details = error.errors[0] if isinstance(error, sqlglot.errors.ParseError) and error.errors else {}
    line, column = details.get("line"), details.get("col")
    return f": see line {line}, column {column}" if line and column else ""


class _Check:
    """Looks at every node, and gives tables their full names."""

    def __init__(self, tables: Collection[str]) -> None:
        self._tables = frozenset(tables)

    def query(self, tree: exp.Expr) -> None:
        self._visit(tree, frozenset())

    def _visit(self, node: exp.Expr, named: frozenset[str]) -> None:
        """
        :param named: the queries of WITH that can be read here.
        """
        if not isinstance(node, (*_NODES, exp.Func, exp.Binary, exp.Unary)):
            raise StatementError(f"{type(node).__name__.upper()} is not permitted.")
        if isinstance(node, exp.Query):
            self._parts(node)
        with_ = node.args.get("with_")
        if isinstance(with_, exp.With):
            named = self._with(with_, named)
        match node:
            case exp.Table():
                self._table(node, named)
            case exp.Identifier():
                _check_name(node)
            case exp.Dot() if not isinstance(node.expression, exp.Identifier):
                raise StatementError("Functions of a catalog are not permitted.")
            case exp.Lateral() if not isinstance(node.this, (exp.Unnest, exp.Subquery)):
                raise StatementError("Table functions are not permitted.")
            case exp.Anonymous() if not isinstance(node.this, str) or not _WORD.fullmatch(node.this):
                raise StatementError("The name of a function is not in quotes.")
        for child in node.iter_expressions():
            if child is not with_:
                self._visit(child, named)

    def _parts(self, node: exp.Query) -> None:
        for part in _NOT_IN_QUERIES:
            if node.args.get(part):
                raise StatementError(f"{part.upper()} is not permitted.")

    def _with(self, with_: exp.With, named: frozenset[str]) -> frozenset[str]:
        for each in with_.expressions:
            if not isinstance(each, exp.CTE) or not isinstance(each.this, exp.Query):
                raise StatementError("WITH names queries only.")
            name = each.alias.lower()
            if not _WORD.fullmatch(name):
                raise StatementError("The name of a query in WITH has letters, digits and underscores.", refused=False)
            self._visit(each.args["alias"], frozenset())
            self._visit(each.this, named | {name} if with_.recursive else named)
            named |= {name}
        return named

    def _table(self, node: exp.Table, named: frozenset[str]) -> None:
        others = {part for part, value in node.args.items() if value} - _IN_TABLES
        if others:
            raise StatementError(f"{'_'.join(sorted(others)).upper()} of a table is not permitted.")
        parts = [node.args.get(each) for each in ("catalog", "db", "this")]
        if any(part is not None and not isinstance(part, exp.Identifier) for part in parts):
            raise StatementError("Table functions are not permitted.")
        catalog, database, name = (part.name.lower() if part is not None else "" for part in parts)
        if not database and name in named:
            return
        full = f"{database}.{name}" if database else self._only(name)
        if (catalog and catalog != _CATALOG) or full not in self._tables:
            shown = ".".join(part for part in (catalog, database, name) if part)
            known = ", ".join(sorted(self._tables))
            raise StatementError(f"The table {shown} may not be read. These may: {known}.")
        database, _, name = full.partition(".")
        node.set("catalog", None)
        node.set("db", exp.to_identifier(database, quoted=True))
        node.set("this", exp.to_identifier(name, quoted=True))

    def _only(self, name: str) -> str:
        """The one table of this name, in whichever database; empty if there is none, or several."""
        found = [each for each in self._tables if each.rpartition(".")[2] == name]
        return found[0] if len(found) == 1 else ""


def _check_name(node: exp.Identifier) -> None:
    name = node.name
    if not name or name.startswith("$") or '"' in name or "`" in name:
        raise StatementError("A name may not be empty, begin with $ or hold quotes.")


def _limited(tree: exp.Query, most: int) -> tuple[int, int]:
    """Bound the number of rows. Returns how many were asked for, and how many there may be."""
    limit = tree.args.get("limit")
    asked = most + 1
    if limit is not None:
        options = limit.args.get("limit_options")
        if options is not None and (options.args.get("percent") or options.args.get("with_ties")):
            raise StatementError("LIMIT takes a number of rows.", refused=False)
        count = limit.args.get("count") if isinstance(limit, exp.Fetch) else limit.expression
        if count is None:
            asked = 1
        elif isinstance(count, exp.Literal) and not count.is_string and count.name.isdecimal():
            asked = int(count.name)
        elif count.name.upper() != "ALL":
            raise StatementError("LIMIT takes a number of rows.", refused=False)
    tree.set("limit", exp.Limit(expression=exp.Literal.number(min(asked, most + 1))))
    return asked, most


def _written(tree: exp.Query) -> str:
    return tree.sql(dialect=_DIALECT, identify=True, comments=False)


def _of_known_words(text: str) -> None:
    """Reject a statement with a word that is neither known nor in quotes."""
    for token in _tokens(text):
        if token.comments:
            raise StatementError("Comments are not permitted.")
        if token.token_type in (TokenType.STRING, TokenType.IDENTIFIER, TokenType.NUMBER):
            continue
        for word in _WORD.findall(token.text):
            if word.lower() not in FUNCTIONS and word.upper() not in KEYWORDS:
                raise StatementError(f"{word} is not permitted.")
        if not _SYMBOLS.fullmatch(_WORD.sub("", token.text).replace(" ", "")):
            raise StatementError(f"{token.text} is not permitted.")
