r"""Masks keys and passwords in a text, before it enters the index or a prompt.

Each character of a secret becomes `x`, so that offsets, lines and quotes stay the same and code still parses. Two kinds
of secrets are found: keys of a known form, and random-looking values of names such as `password`. Ordinary code is not
changed. As a consequence, a password made of words (`password = "letmein"`) is not found.

The time is linear in the length of the text, for two reasons: a rule runs only where a plain search finds the literal
text that the rule begins with, and the length of its match is bounded.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

Span = tuple[int, int]

# Regular expressions of known keys, by the literal text that they begin with. Each look-behind comes after the literal,
# because Python searches faster for a regular expression that begins with a literal. The lengths are those in the
# patterns that gitleaks and GitHub publish, or slightly lower.
_FORMS = {
    "AKIA": r"AKIA(?<![A-Za-z0-9]AKIA)[A-Z0-9]{16}(?![A-Za-z0-9])",
    "ASIA": r"ASIA(?<![A-Za-z0-9]ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])",
    "ABIA": r"ABIA(?<![A-Za-z0-9]ABIA)[A-Z0-9]{16}(?![A-Za-z0-9])",
    "ACCA": r"ACCA(?<![A-Za-z0-9]ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])",
    "gh": r"gh[pousr]_(?<![A-Za-z0-9]gh._)[A-Za-z0-9]{30,255}",
    "github_pat_": r"github_pat_[A-Za-z0-9_]{22,255}",
    "gl": r"gl(?:pat|dt|rt|rtr|cbt|ptt|ft|imt|agent|oas|soat|ffct)-[A-Za-z0-9_.-]{20,300}",
    "xox": r"xox[abeoprs]-(?:[0-9]-)?[A-Za-z0-9-]{10,300}",
    "xapp-": r"xapp-[A-Za-z0-9-]{10,300}",
    "hooks.slack.com/": r"hooks\.slack\.com/(?:services|workflows)/([A-Za-z0-9/]{20,200})",
    "_live_": r"_live_(?:(?<=sk_live_)|(?<=rk_live_)|(?<=pk_live_))[A-Za-z0-9]{16,255}",
    "_test_": r"_test_(?:(?<=sk_test_)|(?<=rk_test_)|(?<=pk_test_))[A-Za-z0-9]{16,255}",
    "whsec_": r"whsec_[A-Za-z0-9+/=]{24,100}",
    "AIza": r"AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])",
    "GOCSPX-": r"GOCSPX-[A-Za-z0-9_-]{20,60}",
    "ya29.": r"ya29\.[A-Za-z0-9_-]{20,500}",
    "npm_": r"npm_(?<![A-Za-z0-9_]npm_)[A-Za-z0-9]{36}(?![A-Za-z0-9])",
    "pypi-": r"pypi-[A-Za-z0-9_-]{50,1000}",
    "hf_": r"hf_(?<![A-Za-z0-9_]hf_)[A-Za-z0-9]{30,60}(?![A-Za-z0-9_])",
    "SG.": r"SG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,64}",
    "hvs.": r"hvs\.(?<![A-Za-z0-9]hvs\.)[A-Za-z0-9_-]{24,300}",
    "shp": r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}",
    "dckr_": r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{20,100}",
    "dapi": r"dapi(?<![A-Za-z0-9]dapi)[a-f0-9]{32}(?:-\d)?(?![A-Za-z0-9])",
    "glsa_": r"glsa_[A-Za-z0-9]{32}_[A-Fa-f0-9]{8}",
    "lin_api_": r"lin_api_[A-Za-z0-9]{40}",
    "AGE-SECRET-KEY-1": r"AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}",
    "ATATT3": r"ATATT3[A-Za-z0-9_=-]{100,300}",
    ":AA": r":AA(?<=\d{8}:AA)[A-Za-z0-9_-]{33}(?![A-Za-z0-9_-])",
    "_v1_": r"_v1_(?<=do[oprt]_v1_)[a-f0-9]{64}",
    "eyJ": r"eyJ(?<![A-Za-z0-9_-]eyJ)[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{8,8000}(?:\.[A-Za-z0-9_-]{0,2000})*",
}
# Ordinary names can begin with these literals, too (`sk-button-group`), so the text after the literal must look random.
_RANDOM_FORMS = {
    "sk-": r"sk-(?<![A-Za-z0-9_-]sk-)([A-Za-z0-9_-]{20,300})",
    "earer": r"earer[ \t]{1,4}([A-Za-z0-9._~+/=-]{16,4000})",
}
_KNOWN = {literal: re.compile(regex) for literal, regex in _FORMS.items()}
_KNOWN_RANDOM = {literal: re.compile(regex) for literal, regex in _RANDOM_FORMS.items()}
_NOT_SPACE = re.compile(r"\S")

_URL = re.compile(r"""://[^\s/@:"'`<>{}$%]{0,100}:([^\s/@"'`<>]{1,200})@(?=[\w\[.-])""")
_HEADER = re.compile(
    r"""uthorization["']?\]?[ \t]{0,4}(?:=>|[:=,])[ \t]{0,4}["'`]?(?:[Bb]earer|[Bb]asic|[Tt]oken|ApiKey)[ \t]{1,4}"""
    r"""([A-Za-z0-9._~+/=:-]{8,4000})"""
)
_PROSE = re.compile(r"(?:[A-Z]?[a-z]+|[A-Z]+)(?:[-_.:/](?:[A-Z]?[a-z]+|[A-Z]+))*[.:]?")
"""Ordinary words, as in `Authorization: Basic authentication`. Any other text there is a secret, even if it does not
look random."""

_KEY_BEGINS = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_KEY_RUN = re.compile(r"(?<!\\)[A-Za-z0-9+/=]+")
_KEY_LINE = re.compile(r"(?:\\[nr]|[^A-Za-z0-9+/=\\]|\\(?![nr])){0,60}([A-Za-z0-9+/=]{16,}+)")
_KEY_DATA = re.compile(r"[A-Za-z0-9+/=]{16}")

_NAMES = ("passw", "passphrase", "pwd", "secret", "token", "credential")
"""Parts of names whose values may be secret, in lower case. `passw` covers password, passwd and the German Passwort."""
_KEY = "key"
_BEFORE_KEY = re.compile(r"(?:api|access|account|auth|private|encryption|signing)[_-]?\Z")
"""Words before `key` with which a name means a secret, as in `api_key`."""
LONGEST_BEFORE_KEY = len("encryption_")

_ASSIGNED = re.compile(
    r"""
    (?P<rest>[\w-]{0,60}+)                                  # the rest of the name
    (?P<close>["'`]?\]?)(?:\[\d{0,6}\])?[ \t]{0,20}+
    (?::[ \t]{0,4}&?[A-Za-z'][\w.\[\], |<>']{0,60}?[ \t]{0,4}(?==))?  # a type
    (?:(?:string|\[\]byte)[ \t]{0,4}(?==))?        # a type as in Go
    (?P<by>=>|:=|={1,3}|!={1,2}|[:,>]|(?=["']))        # `>` in XML, `,` in `define('A', 'b')`, nothing in `#define`
    (?P<space>[ \t]{0,40}+)
    (?:(?P<goes_on>[(\\]|[|>][+-]?\d?)?[ \t]{0,4}(?P<below>\r?\n)[ \t]{0,40}+)?   # the value may be in the next line
    (?:[a-zA-Z]{0,2}(?=["']))?
    (?:
      "(?P<double>(?:[^"\\\n\r]|\\[^\n\r])++)"
    | '(?P<single>(?:[^'\\\n\r]|\\[^\n\r])++)'
    | `(?P<tick>[^`\n\r]++)`
    | (?P<bare>[^\s"'`,;(){}\[\]<>\\]{8,500}+)(?=[ \t]{0,40}(?P<after>[#,;<\n\r]|//|$))
    )
    """,
    re.VERBOSE,
)
_DOCKER = re.compile(
    r"^[ \t]{0,8}ENV[ \t]{1,8}([A-Za-z_]\w{0,60})[ \t]{1,8}([^\s=\"'$]{8,500})[ \t]{0,8}$", re.MULTILINE
)
"""`ENV NAME VALUE` in a Dockerfile, which needs no `=`."""

_ARGUMENT = re.compile(r"""\(\s{0,8}["'][\w.-]{0,60}\Z""")
CALL_CHARACTERS = 80
"""Number of characters before a name in which to search for the opening parenthesis of a call."""
_ESCAPED = re.compile(r"""\\(["'`\\])""")
_PUBLIC_NAME = re.compile(r"sha\d|digest|checksum|integrity|fingerprint|public")
_NO_VALUE = re.compile(r"\$[A-Za-z_{(]|%[sd({]|%[A-Z_]+%|[{<]|.*(?:[\[\](){}<>|\\\s]|://)", re.DOTALL)
"""Values that are not secret: variables, templates, patterns, addresses and sentences."""

_SEPARATOR = re.compile(r"[-_./:,;=&?+@#]+")
_WORD = re.compile(r"[A-Za-z]*\d{0,4}")
_HEX = re.compile(r"[0-9a-fA-F-]+")
_IDENTIFIER = re.compile(r"[A-Za-z_][\w.]*")
SHORTEST = 8
"""Minimum length of a secret, in characters."""

HEX_BITS = 3.0
"""Minimum Shannon entropy of hexadecimal values, in bits per character (of at most 4.0). From detect-secrets."""

BITS = 3.5
"""Minimum Shannon entropy of other values, in bits per character. It is gitleaks' limit for values of names such as
`password`. detect-secrets uses 4.5 for base64 strings of any name; strings of fewer than 23 characters cannot reach it.
"""

SHARE = 0.85
"""Share of the highest possible entropy at which a short value also counts as random. A string of n characters has at
most log2(n) bits per character, so short strings cannot reach the limits above. Of 4,000 random strings of 12 letters
and digits, 97 % reach this share; of strings of 16, 98 %."""

WORDY = 0.4
"""Minimum share of neighbouring letters that differ in case, such as `aB`, for a text to look random. The share is one
half in random strings, and one third in words joined by capitals."""

LONG = 16
"""Minimum length, in characters, at which a random-looking identifier counts as a secret. Shorter identifiers count as
names in a program."""


def mask(text: str) -> str:
    """Return the text with each character of each secret replaced by `x`.

    Masking a masked text does not change it.
    """
    while True:
        pieces: list[str] = []
        at = 0
        for start, end in sorted(_spans(text)):
            if max(start, at) < end:
                pieces += (text[at : max(start, at)], _NOT_SPACE.sub("x", text[max(start, at) : end]))
                at = end
        masked = "".join([*pieces, text[at:]])
        if masked == text:
            return text
        text = masked  # the new `x` characters may form a secret with the text beside them


def looks_secret(value: str) -> bool:
    """Whether a value looks random. Words with a number, placeholders and patterns do not."""
    if len(value) < SHORTEST or _NO_VALUE.match(value):
        return False
    parts = _SEPARATOR.split(value)
    if all(map(_WORD.fullmatch, parts)) and not any(map(_random_letters, parts)):
        return False
    if not any(map(str.isalpha, value)):
        return False
    counts = Counter(value).values()
    entropy = math.log2(len(value)) - sum(count * math.log2(count) for count in counts) / len(value)
    return entropy >= min(HEX_BITS if _HEX.fullmatch(value) else BITS, SHARE * math.log2(len(value)))


def _random_letters(part: str) -> bool:
    """Whether letters change between upper and lower case as often as in random strings."""
    changes = sum(left.islower() != right.islower() for left, right in pairwise(part))
    return len(part) >= SHORTEST and changes > WORDY * len(part)


def _spans(text: str) -> Iterator[Span]:
    """Yield the positions of secrets; they may overlap."""
    for literal, regex in _KNOWN.items():
        if literal in text:
            yield from (match.span(match.lastindex or 0) for match in regex.finditer(text))
    for literal, regex in _KNOWN_RANDOM.items():
        if literal in text:
            yield from (match.span(1) for match in regex.finditer(text) if looks_secret(match[1]))
    if "://" in text:
        yield from (match.span(1) for match in _URL.finditer(text) if not _NO_VALUE.match(match[1]))
    if "uthorization" in text:
        yield from (match.span(1) for match in _HEADER.finditer(text) if not _PROSE.fullmatch(match[1]))
    if "PRIVATE KEY" in text:
        yield from _private_keys(text)
    if "ENV" in text:
        for match in _DOCKER.finditer(text):
            if next(_names(match[1].lower()), None) and looks_secret(match[2]):
                yield match.span(2)
    yield from _assigned(text)


def _private_keys(text: str) -> Iterator[Span]:
    """Yield the positions of the text between the first and the last line of private keys.

    If a key has no last line, yield the lines after the first line that look like key data.
    """
    for match in _KEY_BEGINS.finditer(text):
        at, end = match.end(), text.find("-----", match.end())
        if text.startswith("-----END", end) and end > 0:
            if _KEY_DATA.search(text, at, end):  # otherwise it is a program that contains both lines
                yield from (run.span() for run in _KEY_RUN.finditer(text, at, end))
            continue
        while run := _KEY_LINE.match(text, at):
            yield run.span(1)
            at = run.end()


def _assigned(text: str) -> Iterator[Span]:
    """Yield the positions of random-looking values of names that mean secrets, such as `password`."""
    low = text.lower()
    if len(low) != len(text):  # a few characters become two in lower case
        low = "".join(char.lower() if len(char.lower()) == 1 else char for char in text)
    for start, end in _names(low):
        match = _ASSIGNED.match(text, end)
        if match is None or _PUBLIC_NAME.search(match["rest"].lower()):
            continue
        kind = next(each for each in ("double", "single", "tick", "bare") if match[each] is not None)
        if match["by"] == "," and not _ARGUMENT.search(text, max(0, start - CALL_CHARACTERS), start):
            continue  # a list of names, not `define('NAME', 'value')`
        if looks_secret(_ESCAPED.sub(r"\1", match[kind])) and (kind != "bare" or _may_be_bare(match)):
            yield match.span(kind)


def _names(low: str) -> Iterator[Span]:
    """Yield the positions of names that mean secrets, such as `password`, in a text in lower case.

    A separate search for each name is twice as fast as one regular expression for all names.
    """
    for name in _NAMES:
        at = low.find(name)
        while at >= 0:
            yield at, at + len(name)
            at = low.find(name, at + len(name))
    at = low.find(_KEY)
    while at >= 0:
        if before := _BEFORE_KEY.search(low, max(0, at - LONGEST_BEFORE_KEY), at):
            yield before.start(), at + len(_KEY)
        at = low.find(_KEY, at + len(_KEY))


def _may_be_bare(match: re.Match[str]) -> bool:
    """Whether an unquoted text is a value, as in YAML, INI, XML or a shell script, and not a name in a program."""
    by, value, after = match["by"], match["bare"], match["after"]
    if match["below"] and by != ":" and not match["goes_on"]:
        return False
    if by == ">" or after == "<":
        return by == ">" and after == "<"
    if by not in {":", "=", ":=", "=>"}:
        return False
    if _IDENTIFIER.fullmatch(value) and ((by != ":" and match["space"]) or after in {",", ";", "//"}):
        parts = re.split(r"[._]", value)
        return any(len(part) >= LONG and looks_secret(part) for part in parts)
    return True
