"""Ids and random values as functions of (seed, names…), never of what was drawn before.

One more call in one place therefore shifts nothing anywhere else: the seventh BOM of seed 1 has
the same id whatever else the sandbox was asked in between.
"""

import functools
from hashlib import blake2b

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_MASK = (1 << 64) - 1


def digest(seed, *names) -> int:
    """128 bits that depend on the seed and the names alone."""
    return int.from_bytes(blake2b("\x1f".join(map(str, (seed, *names))).encode(), digest_size=16).digest())


def uuid(seed, kind: str, ordinal: int) -> str:
    """A version 4 UUID in its canonical lower-case form."""
    value = digest(seed, kind, ordinal) & ~(0xF << 76) & ~(0x3 << 62) | (4 << 76) | (2 << 62)
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def cpid(seed, *names) -> str:
    """A Cofactr part id: 12 upper-case letters and digits."""
    value = digest(seed, "cpid", *names)
    letters = []
    for _ in range(12):
        value, rest = divmod(value, 36)
        letters.append(_ALPHABET[rest])
    return "".join(letters)


def api_key(seed, *names) -> str:
    """A key as the platform makes them: 8 letters and digits, a point, 32 more."""
    return f"{cpid(seed, 'prefix', *names)[:8].lower()}.{digest(seed, 'secret', *names):032x}"


class Random:
    """The few draws fakes need, from splitmix64: seeding it costs a fiftieth of `random.Random`."""

    __slots__ = ("state",)

    def __init__(self, seed, *names):
        self.state = digest(seed, *names) & _MASK

    def getrandbits(self, k: int) -> int:
        """An integer of `k` random bits, 1 ≤ k ≤ 64."""
        self.state = z = (self.state + 0x9E3779B97F4A7C15) & _MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return (z ^ (z >> 31)) >> (64 - k)

    def random(self) -> float:
        return self.getrandbits(53) / (1 << 53)

    def randint(self, a: int, b: int) -> int:
        return a + self.getrandbits(53) * (b - a + 1) // (1 << 53)

    def choice(self, options):
        return options[self.getrandbits(53) * len(options) >> 53]

    def sample(self, options, k: int) -> list:
        pool = list(options)
        return [pool.pop(self.getrandbits(53) * len(pool) >> 53) for _ in range(k)]


@functools.lru_cache(maxsize=1)
def faker():
    """The one Faker of the process, with our electronics provider. Imported late: it costs 100 ms."""
    from faker import Faker

    from mockserver.sandbox.faker_provider import ElectronicsProvider

    fake = Faker("en_US", use_weighting=False)
    fake.add_provider(ElectronicsProvider)
    return fake


def fake_at(seed, *names):
    """Faker as it stands at (seed, names…): what it yields next depends on nothing else."""
    fake = faker()
    fake.seed_instance(digest(seed, *names))
    return fake
