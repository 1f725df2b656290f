"""Secrets to plant: each unlike every other, and found by its kind's detector."""

import base64
import json
import random
import string
from collections.abc import Callable

ALNUM = string.ascii_letters + string.digits


def _of(chance: random.Random, letters: str, count: int) -> str:
    return "".join(chance.choices(letters, k=count))


def luhn(digits: str) -> str:
    """Return digits with their check digit (ISO/IEC 7812-1, annex B)."""
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if index % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return f"{digits}{-total % 10}"


def iban(country: str, account: str) -> str:
    """Return an IBAN with its check digits (ISO 13616)."""
    turned = "".join(str(int(char, 36)) for char in f"{account}{country}00")
    return f"{country}{98 - int(turned) % 97:02}{account}"


def email(chance: random.Random) -> str:
    return (
        f"{_of(chance, string.ascii_lowercase, 5)}.{_of(chance, ALNUM, 6)}@{_of(chance, string.ascii_lowercase, 7)}.com"
    )


def phone(chance: random.Random) -> str:
    number = _of(chance, string.digits, 7)
    forms = [f"+49 17{chance.randrange(9)} {number}", f"(415) {number[:3]}-{number[3:]}", f"+1415{number}"]
    forms += [f"0{chance.randrange(30, 90)} / {number}", f"{chance.randrange(200, 999)}-{number[:3]}-{number[3:]}"]
    return chance.choice(forms)


def card(chance: random.Random) -> str:
    prefix, length = chance.choice([("4", 16), ("51", 16), ("2221", 16), ("37", 15), ("6011", 16), ("36", 14)])
    digits = luhn(prefix + _of(chance, string.digits, length - len(prefix) - 1))
    return chance.choice([digits, *(mark.join([digits[:4], digits[4:8], digits[8:12], digits[12:]]) for mark in " -")])


def bank_account(chance: random.Random) -> str:
    number = iban("DE", _of(chance, string.digits, 18))
    return chance.choice([number, " ".join(number[at : at + 4] for at in range(0, len(number), 4))])


def address(chance: random.Random) -> str:
    four = ".".join(str(chance.randrange(256)) for _ in range(4))
    six = ":".join(f"{chance.randrange(1 << 16):x}" for _ in range(8))
    return chance.choice([four, six, f"2001:db8::{chance.randrange(1 << 16):x}:{chance.randrange(1 << 16):x}"])


def bearer(chance: random.Random) -> str:
    return f"{_of(chance, ALNUM, 30)}7"


def api_key(chance: random.Random) -> str:
    forms = {"AKIA": (string.ascii_uppercase + string.digits, 16), "ghp_": (ALNUM, 36), "xoxb-": (ALNUM, 40)}
    forms |= {"sk_" + "live_": (ALNUM, 24), "rk_test_": (ALNUM, 24), "AIza": (ALNUM + "_-", 35)}
    prefix, (letters, count) = chance.choice(list(forms.items()))
    return prefix + _of(chance, letters, count)


def jwt(chance: random.Random) -> str:
    def part(data: dict[str, str]) -> str:
        return base64.urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")

    return f"{part({'alg': 'HS256'})}.{part({'sub': _of(chance, ALNUM, 12)})}.{_of(chance, ALNUM, 43)}"


def private_key(chance: random.Random) -> str:
    head = chance.choice(["RSA PRIVATE KEY", "PRIVATE KEY", "OPENSSH PRIVATE KEY", "EC PRIVATE KEY"])
    lines = "\n".join(_of(chance, ALNUM + "+/", 64) for _ in range(3))
    return f"-----BEGIN {head}-----\n{lines}\n-----END {head}-----"


KINDS: dict[str, Callable[[random.Random], str]] = {
    "email": email,
    "phone": phone,
    "card": card,
    "iban": bank_account,
    "ip": address,
    "bearer": bearer,
    "api_key": api_key,
    "jwt": jwt,
    "private_key": private_key,
}


def written(kind: str, secret: str) -> str:
    """Return a secret as it stands in a text: a bearer token is known by the word before it."""
    return f"Bearer {secret}" if kind == "bearer" else secret
