"""What looks like personal data or a secret inside a text, by its kind. Pure.

Every detector takes a time that grows with the text alone, whatever stands in it: repetitions are bounded or cannot
be tried in two ways.
"""

import re
from collections.abc import Callable, Iterator

Spans = Iterator[tuple[int, int]]

# E-mail addresses -----------------------------------------------------------------------------------------

_DOMAIN = re.compile(r"@(?:[^\W_][\w-]*+\.)+(?:xn--[a-z0-9-]+|[^\W\d_]{2,})", re.IGNORECASE)
_LOCAL = frozenset("._%+-'!#$&*?^{|}~`")
_LOCAL_STARTS = frozenset("_+")


def _emails(text: str) -> Spans:
    floor = 0
    for match in _DOMAIN.finditer(text):
        at = start = match.start()
        while start > floor and (text[start - 1].isalnum() or text[start - 1] in _LOCAL):
            start -= 1
        while start < at and not (text[start].isalnum() or text[start] in _LOCAL_STARTS):
            start += 1
        if start < at:
            yield start, match.end()
        floor = match.end()


# Numbers that people write in groups -----------------------------------------------------------------------

_GAP = " \\-\u00a0\u2009\u202f\u2010-\u2013"  # spaces and hyphens
_DIGITS = re.compile(rf"[0-9](?:[{_GAP}]?[0-9])*+")
_GROUP = re.compile("[0-9]+")
# Who issues cards, by their first digits (ISO/IEC 7812): American Express, Diners, JCB 3; Visa 4; Mastercard and
# Maestro 5, 2221-2720; Mir 2200-2204; Discover, UnionPay, Maestro 6.
_ISSUER = re.compile(r"30|3[4-9]|[456]|22[23456789]|2[3456]|27[012]|220[0-4]")


def _cards(text: str) -> Spans:
    for run in _DIGITS.finditer(text):
        if run.end() - run.start() < 13:
            continue
        groups = [(match.start(), match.end()) for match in _GROUP.finditer(text, run.start(), run.end())]
        first = 0
        while first < len(groups):
            last = _card_from(text, groups, first)
            if last is not None:
                yield groups[first][0], groups[last][1]
            first = first + 1 if last is None else last + 1


def _card_from(text: str, groups: list[tuple[int, int]], first: int) -> int | None:
    """Return the last of the groups of digits that are, from this one on, a card number: the longest there is."""
    start, found, digits = groups[first][0], None, ""
    if start > 1 and text[start - 1] in ".," and text[start - 2].isdigit():
        return None  # decimals
    for index in range(first, min(first + 10, len(groups))):
        group = text[slice(*groups[index])]
        if len(digits) + len(group) > 19 or (len(group) == 1 and index > first):
            break
        digits += group
        if len(digits) >= 13 and _ISSUER.match(digits) and passes_luhn(digits):
            found = index
    return found


_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def passes_luhn(digits: str) -> bool:
    """Say whether the last digit is the check digit of the others (ISO/IEC 7812-1, annex B)."""
    plain, doubled = digits[-1::-2], digits[-2::-2]
    return (sum(map(int, plain)) + sum(_DOUBLED[int(digit)] for digit in doubled)) % 10 == 0


_PHONE_GAP = rf"{_GAP}.()/"
_PHONES = re.compile(
    # +49 (0) 170 / 123 45 67
    rf"(?<![\w+])\+ ?[1-9](?:[{_PHONE_GAP}]{{0,4}}[0-9]){{7,14}}(?![0-9])"
    # (415) 555-2671, 415-555-2671, 1 415 555 2671: North America
    rf"|(?<![\w.+-])(?:1[{_GAP}.])?(?:\([2-9][0-9]{{2}}\)[{_GAP}.]?|[2-9][0-9]{{2}}[{_GAP}.])"
    rf"[0-9]{{3}}[{_GAP}.][0-9]{{4}}(?![0-9])(?!-[0-9A-Za-z])"
    # 030 / 901 820-0, 0049 30 901820
    rf"|(?<![\w.,+/-])(?<![0-9]:)\(?0(?:0[1-9]|[1-9])[0-9]{{0,5}}\)?(?:[{_GAP}./]{{1,3}}[0-9]{{1,9}}){{1,6}}(?![0-9A-Za-z:])"
)
# Where one may begin; to try the whole pattern at each character takes twenty times as long in prose.
_PHONE_STARTS = re.compile(r"[+(0-9](?<!\w[0-9])")
_DATE = re.compile(r"(?:0?[1-9]|[12][0-9]|3[01])([./-])(?:0?[1-9]|[12][0-9]|3[01])\1(?:19|20)[0-9]{2}(?![0-9])")


def _phones(text: str) -> Spans:
    place = 0
    for start in _PHONE_STARTS.finditer(text):
        match = _PHONES.match(text, start.start()) if start.start() >= place else None
        if match is None:
            continue
        place = match.end()
        if date := _DATE.match(text, match.start()):
            place = date.end()
            continue
        groups = _GROUP.findall(match[0])
        # With two digits first, eight are opening hours: 09.30 - 17.00.
        least = 9 if match[0][0] == "0" and len(groups[0]) == 2 else 8
        if sum(map(len, groups)) >= least:  # of more than 15 it is two numbers
            yield match.span()


# How long an IBAN of a country is: SWIFT's IBAN registry, https://www.swift.com/resource/iban-registry-pdf
_IBANS = """
AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29
ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20
LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29
PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20
YE30
"""
_IBAN_LENGTHS = {word[:2]: int(word[2:]) for word in _IBANS.split()}
_IBAN = re.compile(rf"(?<![0-9A-Za-z])[A-Za-z]{{2}}[0-9]{{2}}(?=[{_GAP}]?[0-9A-Za-z])")
_GAPS = re.compile(f"[{_GAP}]")


def _ibans(text: str) -> Spans:
    for match in _IBAN.finditer(text):
        length = _IBAN_LENGTHS.get(match[0][:2].upper())
        end = None if length is None else _end_of(text, match.start(), length)
        if end is not None and passes_mod_97(_GAPS.sub("", text[match.start() : end])):
            yield match.start(), end


def _end_of(text: str, start: int, length: int) -> int | None:
    """Return where so many letters and digits end, single gaps between them; None when they do not end there."""
    place = start
    while length:
        place += place > start and bool(_GAPS.match(text, place))
        if not (text[place : place + 1].isascii() and text[place : place + 1].isalnum()):
            return None
        place, length = place + 1, length - 1
    return None if text[place : place + 1].isalnum() else place


def passes_mod_97(iban: str) -> bool:
    """Say whether an IBAN without gaps has its check digits (ISO 13616: ISO 7064's MOD 97-10)."""
    turned = iban[4:] + iban[:4]
    if sum(char.isdigit() for char in turned) < 8:
        return False
    return int("".join(str(int(char, 36)) for char in turned)) % 97 == 1


# Addresses of machines ------------------------------------------------------------------------------------

_OCTET = "(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
_FOUR = rf"(?:{_OCTET}\.){{3}}{_OCTET}"
_IPV4 = re.compile(rf"(?<![0-9])(?<![0-9]\.){_FOUR}(?![0-9])(?!\.[0-9])")
_IPV6 = re.compile(rf"(?<!\w)(?:[0-9A-Fa-f]{{0,4}}:){{2,8}}(?:{_FOUR}|[0-9A-Fa-f]{{0,4}})(?!\w)")


def _ips(text: str) -> Spans:
    yield from (match.span() for match in _IPV4.finditer(text))
    for match in _IPV6.finditer(text) if text.count(":") > 1 else ():
        for found in (match[0], match[0].removesuffix(":")):
            if _is_ipv6(found):
                yield match.start(), match.start() + len(found)
                break


def _is_ipv6(text: str) -> bool:
    """Say whether a text is an IPv6 address (RFC 4291, 2.2) and not `::` or `a::b` of some program."""
    head, _, last = text.rpartition(":")
    whole = f"{head}:0:0" if "." in last else text
    left, short, right = whole.partition("::")
    groups = [group for side in (left, right) if side for group in side.split(":")]
    if not groups or not all(groups) or "::" in right or not (text.count(":") > 2 or any(map(str.isdigit, text))):
        return False
    return len(groups) < 8 if short else len(groups) == 8


# Keys and tokens ------------------------------------------------------------------------------------------

_BEARER = re.compile(
    r"\bbearer\s{1,5}([A-Za-z0-9._~+/=:-]{8,})"
    r"|\b(?:proxy-)?authorization[\"']?\s{0,3}[:=]\s{0,3}[\"']?(?:(?:basic|token|apikey|digest)\s{1,5})?"
    r"([A-Za-z0-9._~+/=:-]{8,})",
    re.IGNORECASE,
)
_PROSE = re.compile(r"[A-Za-z]+[.:]?|[a-z]+(?:-[a-z]+)*[.:]?", re.IGNORECASE)


def _bearers(text: str) -> Spans:
    for match in _BEARER.finditer(text):
        token = match.lastindex or 0
        # "bearer instruments" is no token, and one of a machine has digits, or is long.
        if token == 2 or len(match[token]) >= 20 or not _PROSE.fullmatch(match[token]):
            yield match.span(token)


_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{5,}+(\.[A-Za-z0-9_-]{5,}+(?:\.[A-Za-z0-9_-]*+)*)?")


def _jwts(text: str) -> Spans:
    yield from (match.span() for match in _JWT.finditer(text) if match[1])


# What stands in a text that may hold a key, and the keys. Prefixes as their issuers document them.
_KEYS: list[tuple[tuple[str, ...], re.Pattern[str]]] = [
    # AWS: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html
    (
        ("AKIA", "ASIA", "ABIA", "ACCA"),
        re.compile(r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16,}"),
    ),
    (
        ("ecret", "ECRET"),
        re.compile(r"(?:secret[_ -]?(?:access[_ -]?)?key[\"']?\s{0,3}[:=]\s{0,3}[\"']?)([A-Za-z0-9/+=]{40,})", re.I),
    ),
    # GitHub: https://docs.github.com/authentication/keeping-your-account-and-data-secure
    (("gh", "github_pat_"), re.compile(r"gh[pousr]_[A-Za-z0-9_]{20,}|github_pat_[A-Za-z0-9_]{20,}")),
    (("glpat-",), re.compile(r"glpat-[A-Za-z0-9_.-]{20,}")),
    # Slack: https://docs.slack.dev/authentication/tokens
    (("xox", "xapp-"), re.compile(r"xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{8,}|xapp-[A-Za-z0-9-]{8,}")),
    (("hooks.slack.com/",), re.compile(r"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]{8,}")),
    # Stripe: https://docs.stripe.com/keys
    (("sk_", "rk_", "whsec_"), re.compile(r"[sr]k_(?:live|test|org)_[A-Za-z0-9_]{8,}|whsec_[A-Za-z0-9+/=_-]{16,}")),
    # Google: an API key, an OAuth token and a client's secret
    (("AIza", "ya29.", "GOCSPX-"), re.compile(r"AIza[A-Za-z0-9_-]{35,}|ya29\.[\w-]{20,}|GOCSPX-[\w-]{20,}", re.A)),
    (("sk-",), re.compile(r"(?<![A-Za-z0-9])sk-(?=[a-zA-Z_-]{0,40}[0-9])[A-Za-z0-9_-]{20,}")),
    (("npm_", "hf_", "pypi-"), re.compile(r"npm_[A-Za-z0-9]{36,}|hf_[A-Za-z0-9]{30,}|pypi-[A-Za-z0-9_-]{50,}")),
    (("SG.",), re.compile(r"SG\.[\w-]{16,64}\.[\w-]{16,}", re.ASCII)),
    (("shp",), re.compile(r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32,}")),
    # The password in an address: postgres://user:password@host
    (("://",), re.compile(r"://[^\s/:@]{0,100}:([^\s/@]{1,200})@")),
]


def _api_keys(text: str) -> Spans:
    for marks, pattern in _KEYS:
        if any(mark in text for mark in marks):
            yield from (match.span(match.lastindex or 0) for match in pattern.finditer(text))


_BLOCK = "[A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----"
# Without its end, it goes on to the end of the text.
_PRIVATE = re.compile(rf"-----BEGIN {_BLOCK}(?:.*?-----END {_BLOCK}|.*)", re.DOTALL)


def _private_keys(text: str) -> Spans:
    yield from (match.span() for match in _PRIVATE.finditer(text))


# All of them ----------------------------------------------------------------------------------------------


def _has(mark: str, least: int, detector: Callable[[str], Spans]) -> Callable[[str], Spans]:
    return lambda text: detector(text) if len(text) >= least and mark in text else iter(())


def _with_digits(least: int, detector: Callable[[str], Spans]) -> Callable[[str], Spans]:
    """Spare a detector the texts with fewer digits than what it looks for has."""
    digits = re.compile(rf"(?:[0-9][^0-9]*+){{{least}}}")
    return lambda text: detector(text) if len(text) >= least and digits.search(text) else iter(())


def _ips_if_parted(text: str) -> Spans:
    return _ips(text) if text.count(".") > 2 or text.count(":") > 1 else iter(())


def _bearers_if_named(text: str) -> Spans:
    lower = text.lower() if len(text) >= 15 else ""
    return _bearers(text) if "bearer" in lower or "authorization" in lower else iter(())


DETECTORS: dict[str, Callable[[str], Spans]] = {
    "email": _has("@", 6, _emails),
    "phone": _with_digits(8, _phones),
    "card": _with_digits(13, _cards),
    "iban": _with_digits(8, _ibans),
    "ip": _ips_if_parted,
    "bearer": _bearers_if_named,
    "api_key": lambda text: _api_keys(text) if len(text) >= 8 else iter(()),
    "jwt": _has("eyJ", 15, _jwts),
    "private_key": _has("-----BEGIN ", 27, _private_keys),
}
