"""Finds instructions for a model in text (prompt injection): by the addressee and the request of each sentence.

Each sentence, together with the previous one, gets points: up to 2 if it addresses a model, 1 to 3 for each kind of
request, and 1 if it is hidden from readers. With 3 or more points it is an instruction. The rules are simple, so that a
reviewer can understand a finding; the guardrail evaluates the meaning of the text.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from .disguises import SEEN, SPACELESS, unseen, views
from .phrases import LANGUAGES, Compiled

#: Maximum number of characters of a sentence.
_LONGEST = 2_000
#: Minimum number of points of an instruction.
ENOUGH = 3


class Part(Protocol):
    """A part of a document: its text, visibility and location."""

    @property
    def text(self) -> str:
        """Returns the text."""

    @property
    def hidden(self) -> bool:
        """Returns whether readers do not see it."""

    @property
    def where(self) -> str:
        """Returns its type or location."""


@dataclass(frozen=True)
class Order:
    """An instruction for a model.

    :param said: the sentence, in plain text.
    :param asks: its requests.
    :param where: its type or location.
    :param disguise: its obfuscation; empty for plain text.
    """

    said: str
    asks: tuple[str, ...]
    where: str
    disguise: str
    hidden: bool

    def __str__(self) -> str:
        said = " ".join(self.said.split())
        said = said if len(said) <= 160 else f"{said[:157]}..."
        written = f", obfuscated by {self.disguise}" if self.disguise else ""
        unseen = " (not visible to readers)" if self.hidden else ""
        asks = ", to ".join(self.asks)
        return f"it contains instructions for a model in {self.where}{unseen}{written}: it asks to {asks}: {said!r}"


def orders(parts: Iterable[Part], *, seconds: float = 60) -> Iterator[Order]:
    """Every order in the parts of a document, one for each place.

    :param seconds: maximum number of seconds.
    :raises TimeoutError: if it takes longer.
    """
    until = time.monotonic() + seconds
    groups: list[tuple[str, str, bool]] = []
    for part in parts:
        # Consecutive pieces of one location are read as one text.
        if groups and groups[-1][1:] == (part.where, part.hidden):
            groups[-1] = (f"{groups[-1][0]}\n{part.text}", part.where, part.hidden)
        else:
            groups.append((part.text, part.where, part.hidden))
    found = False
    for text, where, hidden in groups:
        for order in _in_text(text, where, hidden, until):
            found = True
            yield order
    seen = [(text, where) for text, where, hidden in groups if not hidden]
    if found or len(groups) < 2:
        return
    # Sentences that continue on another page or row, or that are partly hidden.
    if len(seen) > 1:
        yield from _in_text("\n".join(text for text, _ in seen), "its text", False, until)
    for before, after in pairwise(groups):
        if before[2] != after[2]:
            yield from _in_text(f"{before[0][-300:]} {after[0][:300]}", f"{before[1]} and {after[1]}", False, until)


def _in_text(text: str, where: str, hidden: bool, until: float) -> Iterator[Order]:
    if time.monotonic() > until:
        raise TimeoutError("the search for instructions takes too long")
    if unseen(text):
        yield Order(_shown(text), ("read invisible characters",), where, "", hidden=True)
    for view, disguise in views(text):
        # Readers can read look-alike letters, but not encoded text.
        found = _judged(view, hidden or (bool(disguise) and disguise not in SEEN), until)
        if not found and not disguise and (whole := _unwrapped(view)) != view:
            found = _judged(whole, hidden, until)
        if not found and disguise in SPACELESS:
            found = _squashed(view)
        if found:
            said, asks = found
            yield Order(said, asks, where, disguise, hidden)
            return


#: A line break within a sentence: no blank line, list item, heading or table row follows.
_WRAPPED = re.compile(r"(?<![\n.!?:;。！？|])[ \t]*\n[ \t]*(?=[^\s\-*+#|>=~\d])")


def _unwrapped(view: str) -> str:
    """The text with its lines joined where they were broken for their length alone."""
    return _WRAPPED.sub(" ", view)


def _shown(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode()[:80]


# English, whose imperative is recognized by its position at the beginning of a clause.

_START = r"(?:^|[.!?;:,>*#\"'”“(\[-]\s*|\b(?:and|please|must|should|shall|has to|have to|need to|now|then|or|but|instead|just|simply|immediately|first|always|kindly|you (?:will|shall|must|should|to)(?: now)?)\s+|\n\s*)"
_KINDS = r"(?: (?:assistants?|models?|agents?|systems?|tools?|readers?|graders?|reviewers?|evaluators?|bots?))?"
_SURE = (
    rf"(?:a\.?i\.?(?: language)?{_KINDS}|(?:large )?language models?|llms?{_KINDS}|chat ?bots?|bots|(?:chat ?)?gpt(?:-?\d\w*)?"
    r"|claude|copilot|gemini|assistant|automated (?:readers?|systems?|tools?|agents?)|artificial intelligences?)"
)
#: Words for a model that are not used for people.
_AI = (
    rf"(?:a\.?i\.?(?: language)?{_KINDS}|(?:large )?language models?|llms?{_KINDS}|chat ?bots?|bots?|(?:chat ?)?gpt(?:-?\d\w*)?|claude|copilot|gemini"
    r"|automated (?:readers?|systems?|tools?|agents?)|(?:digital|virtual) (?:assistants?|agents?))"
)
_MODEL = rf"(?:{_SURE}|(?:digital |virtual )?assistants?|bots?|models?|agents?|llama)"
_READS = r"(?:read|process|summari[sz]|pars|analy[sz]|ingest|index|review|evaluat|grad|see|crawl|scan|cit|view|retriev|translat)\w*"
_READING = r"(?:read|process|summari[sz]|pars|analy[sz]|index|review|evaluat|grad|cit|view|retriev)ing"
_THIS = r"(?:this|these|the (?:page|text|document|file|content|above|following))"
_RULES = (
    r"(?:instruct\w*|rules?|prompts?|guidelines?|directives?|directions|orders?|commands?|polic(?:y|ies)|restrictions?|constraints?|limitations?"
    r"|programming|training|safety \w+|safeguards?|filters?|configuration|context|guardrails?|system (?:prompt|message)s?)"
)
_AFTER = r"(?: (?:above|before|so far|(?:that )?(?:you|were) \w+(?: \w+){0,3}|until now|you have))"
_SECRET = (
    r"(?:(?:system|hidden|initial|original|developer|secret) (?:prompts?|instructions?|messages?)|your (?:\w+ )?(?:prompts?|instructions?|rules|configuration|context|guidelines)"
    r"|(?:conversation|chat)(?: history| log)?|(?:api|access|secret) keys?|secrets?|passwords?|credentials|salar(?:y|ies)(?: bands?)?|(?:confidential|hidden|internal|private) \w+"
    r"|everything(?! about| else)|the prompt|(?:hidden|all) (?:documents|files)|system prompt)"
)
_USER = r"(?:(?:the |any |every |each |all )?(?:users?|readers?|customers?|humans?|persons?|people|clients?|recipients?)|anyone|anybody|everyone|everybody|whoever asks)"
_SAID = r"(?:\bconversations?\b|\bchats?\b(?: histor\w+| log)|the (?:user|reader|customer)(?:'s|s')|(?:user|reader)(?:'s|s')? (?:questions?|messages?|data|inputs?|e-?mails?|passwords?)|system prompt|api keys?)"
_PLACE = r"(?:https?://|www\.|[\w.+-]+@[\w-]+\.\w+|\bur[li]s?\b|\blinks?\b|webhook|\bdomain\b)"
_G = r"[^.!?\n|]"


def _p(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.MULTILINE)


# fmt: off
_SPEAKS: tuple[tuple[int, re.Pattern[str]], ...] = (
    (2, _p(rf"(?:note|notes|message|instructions?|attention|memo|hint|reminder|request|warning|important|hello|hi|hey|dear|info|information)\b[:,]?(?: (?:to|for))?(?: (?:the|any|all|every|an?|our|your|you))?(?: \w+){{0,1}} {_SURE}s?\s*(?=[:,;.!)\]—–-]|\n|$|that\b|which\b|who\b|reading\b|summari|processing\b)")),
    (2, _p(rf"\b(?:to|for) (?:any|all|every|each|the) (?:\w+ )?{_SURE}(?:s\b|\b)(?! (?:team|board|officer|policy|group|program|project|vendor|industry|act|training))(?=[^.!?\n]{{0,40}}(?:{_READS}|:|,))")),
    (2, _p(rf"\b(?:if|when|whenever|in case|should) (?:you are|you're|you happen to be|this (?:\w+ )?is (?:being )?{_READS} by|this (?:\w+ )?(?:was|gets) {_READS} by|an?|any|some) ?(?:an? |any |some )?{_SURE}\b(?=[^.!?\n]{{0,60}}(?:,|{_READS}|must|should|has to|then|:))")),
    (2, _p(rf"\b(?:if you are|(?:the |this )?reader (?:is|==)|you are) (?:an? )?(?:large |helpful )?(?:{_AI}|(?:ai|digital|virtual) (?:assistant|agent|model))\b(?! (?:users?|developers?|teams?))(?=[^.!?\n]{{0,60}}[,:;)]|[^.!?\n]{{0,40}}\b(?:reading|then|must|should)\b)")),
    (2, _p(rf"\bas an? (?:helpful )?{_SURE},? (?:you|it is your|your)\b")),
    (2, _p(rf"\b{_AI}s?,? (?:that|which|who|when|while|now)? ?(?:is |are |may |might |will )?(?:{_READS}) {_THIS}\b")),
    (2, _p(rf"\b{_MODEL}s?,? (?:(?:that|which|who) (?:is |are |may |might |will )?{_READS}|{_READING}) {_THIS}\b")),
    (2, _p(rf"\b(?:whoever|whatever|any(?:one|thing) that) {_READS} (?:this|it) (?:automatically|by machine|programmatically)|whoever (?:evaluates|reviews|grades|summari[sz]es) this automatically")),
    (2, _p(rf"(?:^|[.!?;>*#(\[\"-]\s*|\n\s*)(?:dear |hey |hello |hi |attention,? |ok |okay |listen,? |\w+(?:ing|er|or) )?(?:{_AI}|(?:ai |digital |virtual )?assistant|model)\s*[,:!](?!\s*(?:and|or|the|a|an|as|such|including|e\.g)\b)")),
    (2, _p(rf"(?:^|[.!?;>*#(\[\"-]\s*|\n\s*)(?:p\.?s\.? )?to (?:the |any |all |every )?(?:\w+ )?(?:{_AI}|assistant|model)\s*[,:]")),
    (2, _p(rf"\b{_AI} (?:note|notice|instructions?|hint|directive|message|prompt|memo|only)s?\s*:")),
    (2, _p(r"\b(?:when|while|if|before|whenever) (?:you (?:are )?)?(?:summari[sz]\w*|answering|asked|citing|processing) (?:about |questions about |for )?(?:this|the (?:page|document|text|file)|it)\b")),
    (2, _p(r"\byour (?:context(?: window)?|system prompt|training data|knowledge cutoff|operator's)\b")),
    (2, _p(r"(?:^|\n)\s*(?:\[|\(|\{\{?|<|#+\s*)\s*(?:system|developer|assistant|sysadmin|admin)(?: (?:message|instructions?|override|prompt|note|update))?\s*(?:\]|\)|\}\}?|>)?\s*:?")),
    (2, _p(r"(?:^|\n)\s*(?:(?:system|developer|admin) (?:message|instructions?|override|prompt|note|update)|assistant)\s*:")),
    (1, _p(r"(?:^|\n)\s*(?:system|developer|sysadmin|admin)\s*:")),
    (2, _p(r"<\|[a-z_]+\|>|\[/?inst\]|<</?sys>>|<(?:start|end)_of_turn>|\{\{ ?/?system ?\}\}|</?system>|amazon-bedrock-guardrails-|</?(?:untrusted|document)-|###? ?(?:new )?(?:system|instructions?)")),
    (2, _p(r"\bpart of (?:your|the) system prompt\b|\b(?:this|that) is (?:for|addressed to|meant for) (?:the |any |all )?(?:\w+ )?(?:assistants?|ai|chat ?bots?|models?|llms?)\b|\baddressed to (?:automated|ai|language|machine)")),
    (2, _p(r"\b(?:hidden|new|updated|special|secret|additional|override) instructions?(?: (?:for|to) \w+(?: \w+)?)?\s*:")),
    (1, _p(rf"\b{_SURE}s?\b[^.!?\n]{{0,20}}\b(?:must|should|shall|have to|has to|need to|are required to|will|may not|should not|cannot)\b")),
    (1, _p(r"\byour (?:answers?|repl(?:y|ies)|responses?|outputs?|summar(?:y|ies)|context|developer|operator)\b|\bthe user'?s?\b|\bwhen (?:asked|you (?:answer|summari[sz]e|read))\b|\b(?:users?|somebody|someone) asks?\b")),
)
# fmt: on

_ASIDE = (
    r"(?:ignore|disregard|forget|override|overrule|bypass|neglect|dismiss|circumvent|violate|stop (?:following|obeying|applying)"
    r"|do not (?:follow|obey|comply with)|don'?t (?:follow|obey)|never (?:follow|obey)|pay no attention to|disobey|set aside)"
)
_REMOVE = r"(?:discard|erase|abandon|drop|break|skip|delete|void|cancel|overwrite|remove|clear|reset)"
_BEFORE = r"(?:previous|prior|above|earlier|preceding|former|your|initial|original)"
_CORE = r"(?:instruct\w*|prompts?|guidelines?|directives?|directions|rules?|system (?:prompt|message)s?|safety \w+|guardrails?)"
_OTHERS = r"(?! (?:on|in|of|for|from|at|about) (?!this (?:conversation|chat)|the system|your|any|all))"

# fmt: off
_ASKS: tuple[tuple[int, str, re.Pattern[str]], ...] = (
    (3, "ignore its instructions", _p(rf"{_START}{_ASIDE}(?:,? \w+){{0,3}}? {_BEFORE}\b(?:[ ,]+\w+){{0,3}}? {_RULES}\b{_OTHERS}")),
    (3, "ignore its instructions", _p(rf"{_START}{_ASIDE}(?:,? \w+){{0,2}}? (?:all|any|every|everything|existing|current|other)\b(?:[ ,]+\w+){{0,2}}? (?:instructions|prompts|guidelines|directives|safety \w+|guardrails)\b{_OTHERS}")),
    (3, "ignore its instructions", _p(rf"{_START}{_REMOVE}(?:,? \w+){{0,2}}? {_BEFORE} {_CORE}\b{_OTHERS}")),
    (2, "exclude others", _p(rf"{_START}(?:ignore|disregard|exclude|reject) (?:all |any |every )?(?:the )?(?:other|competing) (?:applica\w+|candidates?|documents?|sources?|offers?|products?|suppliers?|vendors?|results?|files?|answers?)")),
    (3, "ignore its instructions", _p(rf"{_START}{_ASIDE} (?:the |these |those |all |any )?{_RULES}{_AFTER}")),
    (3, "ignore its instructions", _p(rf"{_START}{_ASIDE} (?:absolutely )?(?:everything|anything|all|what)(?: that| of)? ?(?:(?:you )?(?:were|was|have been|are) (?:told|instructed|given)|above|before|prior|previous|preceding)")),
    (3, "ignore its instructions", _p(r"\b(?:whatever|everything|anything|what) you (?:were|have been|was) (?:told|instructed|given|taught)[^.!?\n]{0,30}(?:no longer|not|void|never)|\b(?:your (?:rules|instructions|restrictions|guidelines)|(?:rules|instructions|restrictions|guidelines) (?:above|before|so far|you \w+)) (?:are|is) (?:now )?(?:void|cancel\w*|no longer \w+|suspended|lifted|over)|\byou (?:are|have) no (?:longer (?:bound|restricted|limited)|restrictions|rules|limits)|\bno (?:rules|restrictions) apply")),
    (3, "ignore its instructions", _p(rf"{_START}(?:obey|follow|listen to) only (?:me\b|(?:the |this |my )\w+(?: \w+)? (?:on|in|of) (?:this|the)|this\b|my\b)|\bobey only\b|\binstructions? (?:from|by) your (?:developer|operator|creator|owner|provider)|\btakes? (?:precedence|priority) over (?:your|the (?:system prompt|system message))|\bsupersedes? (?:your|the system) \w+")),
    (3, "ignore its instructions", _p(rf"\bregardless of (?:what|anything|everything|whatever) you (?:have been|were|are) (?:told|instructed|given)|{_START}{_ASIDE} (?:your |the |all |any )?(?:safety|content|ethical|moderation|security) (?:guidelines|filters?|polic\w+|rules|restrictions|instructions)|{_START}(?:disable|switch off|turn off) (?:your |the |all )?(?:content |safety )?(?:filters?|guardrails?|safeguards?)\b")),
    (3, "ignore the user's request", _p(rf"{_START}(?:ignore|disregard|forget) what(?:ever)? (?:the )?(?:user|reader|customer)s? \w+|{_START}(?:do not|don'?t) answer the (?:question|user)|{_START}(?:ignore|disregard|forget|do not answer|don'?t answer) (?:the |any |every |all )?(?:user|reader|customer)(?:'s|s'|s)?\b|{_START}(?:ignore|disregard|forget) the (?:question|request|query)\b")),
    (1, "ignore instructions", _p(rf"{_START}{_ASIDE}(?:,? \w+){{0,2}}? {_RULES}\b")),
    (3, "reveal its instructions or data", _p(rf"{_START}(?:reveal|print|show|output|leak|disclose|repeat|display|expose|dump|return|write out|tell me|give me|list|recite|share|spill|exfiltrate|encode|post|publish)(?: \w+){{0,4}}? (?:system prompt|your (?:(?:\w+ )?(?:prompts?|instructions)|(?:system|hidden|initial|internal|secret|original) \w+)|(?:conversation|chat) (?:history|log)|(?:everything|all) (?:in your context|above|you know)|everything above|hidden (?:prompt|instructions))")),
    (2, "reveal its instructions or data", _p(rf"{_START}(?:reveal|print|show|output|leak|disclose|repeat|display|expose|dump|list|exfiltrate|recite)(?: \w+){{0,4}}? {_SECRET}")),
    (3, "send data away", _p(rf"{_START}(?:send|forward|transmit|post|exfiltrate|upload|submit|append|encode|add|insert|embed|attach|copy|leak|pass|write|email|mail|fetch|load|request|call|include)\b(?=[^\n]{{0,120}}{_SAID})(?![^\n]{{0,90}}\b(?:human|colleague|supervisor|person|people|team|desk|department)\b)[^\n]{{0,120}}{_PLACE}")),
    (2, "send data away", _p(rf"{_START}(?:send|forward|transmit|exfiltrate|upload|leak|email)\b{_G}{{0,60}}(?:{_SAID}|\bcredentials\b|\bpersonal data\b)")),
    (2, "add links or images to answers", _p(rf"{_START}(?:append|insert|embed|include|add|put|end|place|render|fetch|load|show|install|visit|open|click)\b{_G}{{0,80}}{_PLACE}")),
    (2, "call tools", _p(rf"{_START}(?:call|invoke|use|run|execute|trigger|launch)\b{_G}{{0,40}}\b(?:\w+_\w+|tools?|functions?|api|plugins?|curl|wget|bash|powershell|commands?|scripts?)\b(?!\(\))|{_START}(?:delete|drop|transfer|wire|pay|approve|grant|purchase|buy|unlock)\b{_G}{{0,50}}\b(?:records?|rows?|accounts?|files?|users?|payments?|invoices?|amounts?|money|access|admin\w*|rights|tables?|databases?|expense|contracts?|refunds?)\b")),
    (2, "take another role", _p(r"\byou are (?:now|from now on|henceforth)\b|\bfrom (?:now|this (?:point|moment)) on,? (?:you|act|obey|answer|ignore|respond|reply)|\bfrom this (?:point|moment) on\b|\b(?:act|behave|respond|pretend|role-?play) (?:as|like|to be|that you|you)\b|\bpretend that\b|\b(?:developer|god|debug|maintenance|admin|jailbreak|unrestricted) mode\b|\bunrestricted (?:ai|model|assistant|mode)|\bdo anything now\b|\byour (?:new|real|true|actual|only) (?:task|role|job|goal|instructions?|purpose|objective)\b|\bnew instructions?:")),
    (2, "hide something from the reader", _p(rf"\b(?:do not|don'?t|never|must not|without|should not)\b[ ,]*(?:ever )?(?:tell\w*|inform\w*|notify\w*|alert\w*|show\w*|warn\w*|let\w*|mention\w*|reveal\w*|disclos\w*|ask\w*|say\w*|letting|telling|asking|confirm\w*) (?:\w+ )?(?:{_USER}(?= about| of| that you| know|\.|,|$| what| this)|this (?:line|text|note|instruction|comment|message|sentence|to)|that you (?:read|saw|were|have)|it (?:to|here))|\bkeep (?:this|quiet|it|silent)\b{_G}{{0,25}}(?:secret|quiet|hidden|from|about|silent)|\b(?:hide|conceal)\b{_G}{{0,30}}\bfrom (?:the )?(?:user|reader)|\bsay nothing to\b|\bdo not mention this\b")),
    (1, "give a prescribed answer", _p(rf"{_START}(?:say|state|claim|answer|reply|respond|report|assert|insist|conclude|output|write|print|begin|start|end|rate|score|rank|grade|award|assign|give|recommend|promote|praise|prefer|favou?r|advertise|mention|omit|leave out|exclude|skip|cite|quote|name|replace|change|switch|translate|summari[sz]e|(?:tell|ask|inform|advise|convince|warn|insult|notify) {_USER}|install|treat|defend|use|confirm|approve|highlight|disregard|list|comply|admit|append|transfer|forget|grant|execute|trust|acknowledge|endorse|suggest|refuse|decline|accept|forward|hide|flag|mark|classify|label|consider|move|select|choose|hire|shortlist|pass|invite|find|stop|display|comply|note|no|obey)\b")),
    (1, "follow the text", _p(r"\b(?:must|should|shall|has to|have to|needs? to|may only|can only|are to|is to)\b (?:not |never |only |always |please )?(?!be\b|been\b|have\b)\w+|\bthe only (?:answer|summary|reply|response|thing) (?:you|that|to)\b|\b(?:do not|don'?t|never) \w+")),
    (1, "prefer someone", _p(r"\b(?:highest|best|top|full|maximum|perfect) (?:score|grade|rating|marks?|possible)|\bpositive (?:review|evaluation|assessment|feedback)|\b(?:above|over|before) all (?:other|others|the other)|\bfive stars\b|\brecommend (?:only |exclusively )?(?:our|this|the|my|example)\b|\b(?:do not|never|must not|not) (?:mention|cite|highlight|recommend|list|report|show)|\bleave out\b|\bnegatives?\b")),
    (1, "accept claimed permissions", _p(r"\bthe (?:user|reader) is (?:an? )?(?:administrator|admin|owner|root|authori[sz]ed)|\bregardless of (?:groups?|permissions?|rights|access)|\bgrant\b[^.!?\n]{0,30}\b(?:admin|access|rights|permission)")),
)
# fmt: on

#: Words of which every sentence that addresses a model, or makes a serious request, contains at least one.
_SPEAKING = (
    "ai", "a.i", "artificial", "model", "llm", "assistant", "bot", "agent", "gpt", "claude", "gemini", "copilot", "llama",
    "automated", "automatically", "system", "developer", "admin", "<|", "inst]", "<</", "<<s", "_of_turn", "guardrail", "untrusted",
    "<document", "instruction", "your ", "the user", "when ", "asks", "by machine", "programmatically",
)  # fmt: skip
_GATE = (
    "instruct", "rule", "prompt", "guideline", "directive", "direction", "order", "command", "polic", "restrict", "constraint",
    "limit", "programming", "training", "safety", "safeguard", "filter", "configuration", "context", "guardrail", "system",
    "told", "given", "everything", "above", "user", "reader", "customer", "obey", "question", "request", "query", "conversation",
    "chat", "http", "www", "@", "you", "assistant", "llm", "bot", "model", "gpt", "claude", "copilot", "gemini", "a.i", "ai",
)  # fmt: skip
#: Words that introduce a quoted instruction.
_QUOTES = re.compile(
    r"(?:such as|for example|for instance|e\.g\.|like this|example|attack\w*|inject\w*|jailbreak\w*|phrases?|sentences?|strings?|prompts?|payload|hides?|writes?|says?|said|asks?|asked|answers?|answered|replies|replied|called|reads?|known|words?"
    r"|zum beispiel|etwa|beispiel|angreifer|angriff|satz|schreibt|sagt|par exemple|attaqu\w+|phrase|por ejemplo|atacante|por exemplo|atacante|esempio|attacc\w+|voorbeeld|aanval\w*|например|атак\w*|злоумышленник\w*|例えば|たとえば|攻撃|例如|攻击|比如)[^.!?\n\"“„«「『'`]{0,60}[:,]?\s*$"
)
_QUOTED = re.compile(
    r"\"[^\"\n]{3,400}\"|“[^”\n]{3,400}”|„[^“”\n]{3,400}[“”]|«[^»\n]{3,400}»|「[^」\n]{3,400}」|『[^』\n]{3,400}』|`[^`\n]{3,400}`|(?<!\w)'[^'\n]{8,400}'(?!\w)"
)
_FENCE = re.compile(r"^[ ]{0,3}(```|~~~).*?^[ ]{0,3}\1", re.DOTALL | re.MULTILINE)
#: Topics of texts that explain prompt injection.
_ABOUT = re.compile(
    r"\bprompt[- ]?injection|\bjailbreak|\bowasp\b|\bred team|\badversarial|\battackers?\b|\bangreifer|\battaquants?\b|\batacantes?\b|\baanvallers?\b|プロンプトインジェクション|提示词注入|промпт-инъекци"
)
_FOR_EXAMPLE = re.compile(
    r"(?:for example|for instance|such as|e\.g\.|example attack|zum beispiel|par exemple|por ejemplo|por exemplo|ad esempio|per esempio|bijvoorbeeld|например|例えば|例如)[:,]?[^.!?\n]*"
)
_SENTENCE = re.compile(
    r"[^.!?。！？\n|]+(?:[.!?。！？]+(?=\s|$|[^\x00-\x7f])|[.!?](?=\S)[^.!?。！？\n|]*)*[.!?。！？\n|]?"
)


def _judged(view: str, hidden: bool, until: float) -> tuple[str, tuple[str, ...]] | None:
    """Returns the sentence that contains an instruction, and its requests."""
    if (
        not hidden
        and not any(word in view for word in _GATE)
        and not any(language.gate(view) for language in LANGUAGES.values())
    ):
        return None
    text = view if hidden else _given(view)
    languages = [language for language in LANGUAGES.values() if language.gate(text)]
    speaks, last, before = 0, "", ""
    for sentence in _sentences(text):
        if time.monotonic() > until:
            raise TimeoutError("the search for instructions takes too long")
        now = _speaks(sentence)
        strongest = max(now, speaks)
        points, asks, surely = _asked(sentence, loosely=strongest > 0 or hidden)
        # Requests that are also made to people only count if the text addresses a model.
        if asks and (surely or strongest >= 2 or (hidden and (strongest or points >= 4))):
            bonus = 1 if hidden else 0
            if strongest + points + bonus >= ENOUGH:
                return (f"{last} {sentence}" if speaks > now and last else sentence), asks
        # The addressee of a sentence is also the addressee of the next one.
        speaks, last = (now, sentence) if now else (max(speaks - 1, 0), last if speaks > 1 else "")
        for language in languages:
            if language.gate(sentence) and (found := _in_language(sentence, before, language, hidden)):
                return found
        before = f"{before} {sentence}"[-120:]
    return None


def _sentences(text: str) -> Iterator[str]:
    for found in _SENTENCE.finditer(text):
        sentence = found[0].strip()
        if len(sentence) <= _LONGEST:
            if len(sentence) > 3:
                yield sentence
            continue
        # Overlong sentences are split into overlapping parts.
        for start in range(0, len(sentence), _LONGEST - 300):
            yield sentence[start : start + _LONGEST]


def _speaks(sentence: str) -> int:
    if not any(word in sentence for word in _SPEAKING):
        return 0
    return next((points for points, pattern in _SPEAKS if pattern.search(sentence)), 0)


def _asked(sentence: str, *, loosely: bool) -> tuple[int, tuple[str, ...], bool]:
    """Returns the points and requests of a sentence, and whether one request alone shows that a model is addressed.

    :param loosely: whether requests count that are also made to people.
    """
    best: dict[str, int] = {}
    gated = any(word in sentence for word in _GATE)
    if not (gated or loosely):
        return 0, (), False
    for points, kind, pattern in _ASKS:
        if points > best.get(kind, 0) and (loosely or points >= ENOUGH) and pattern.search(sentence):
            best[kind] = points
    return sum(best.values()), tuple(best), any(points >= ENOUGH for points in best.values())


def _given(text: str) -> str:
    """Returns the text without quoted instructions."""
    text = _FENCE.sub(" ", text)

    made, end = "", 0
    for found in _QUOTED.finditer(text):
        made += text[end : found.start()]
        before = made[-160:]
        # In a list of quotes, all are quoted.
        quoted = _QUOTES.search(before) or re.search(
            r"\.\.\.\s*(?:[,;/]|and|or|und|oder|et|ou|y|o|e|en|of|и|или)?\s*$", before
        )
        made += " ... " if quoted else found[0]
        end = found.end()
    quoted_out = made + text[end:]
    return _FOR_EXAMPLE.sub(" ... ", quoted_out) if _ABOUT.search(text) else quoted_out


_SQUASHED = re.compile(
    r"(?:ignore|disregard|forget|override|bypass)(?:all|any|the|your|my|of|these|those|every|previous|prior|above|earlier|preceding|and|other|former){1,4}(?:instructions?|rules|prompts?|guidelines|directives|orders|commands)"
    r"|(?:reveal|print|show|output|leak|disclose|display)(?:the|your|all|entire|full|hidden|my|secret|original){0,3}(?:systemprompt|instructions|password|secrets|salarybands)"
)


def _squashed(view: str) -> tuple[str, tuple[str, ...]] | None:
    """Finds an instruction without spaces between its words."""
    found = _SQUASHED.search(re.sub(r"[^a-z]", "", view[:20_000]))
    return (found[0], ("ignore its instructions",)) if found else None


def _in_language(sentence: str, before: str, language: Compiled, hidden: bool) -> tuple[str, tuple[str, ...]] | None:
    """Finds an instruction in another language, with fewer patterns."""
    if language.set_aside.search(sentence):
        return sentence, ("ignore its instructions",)
    near = f"{before[-120 if language.spaced else -40 :]}\n{sentence}"
    speaks = bool(language.to_models.search(near) or language.called.search(near))
    kinds: tuple[tuple[int, str, re.Pattern[str]], ...] = (
        (2, "ignore instructions", language.set_aside_loosely),
        (2, "reveal its instructions or data", language.show),
        (2, "send data away", language.send),
        (1, "give a prescribed answer", language.answering),
        (2, "hide something from the reader", language.keeping),
        (2, "take another role", language.being),
    )
    asked = [(points, kind) for points, kind, pattern in kinds if pattern.search(near)]
    points = sum(each for each, _ in asked) + (1 if hidden and asked else 0)
    if asked and points + (2 if speaks else 0) >= (ENOUGH if speaks else ENOUGH + 1):
        return (near if speaks else sentence), tuple(kind for _, kind in asked)
    return None
