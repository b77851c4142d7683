"""Faker's way to the electronics: `fake.add_provider(ElectronicsProvider)`, then `fake.electronic_part()`."""

from datetime import date
from typing import Any

from faker.providers import BaseProvider

from mockserver.sandbox import electronics


class ElectronicsProvider(BaseProvider):
    """What `mockserver.sandbox.electronics` draws, from Faker's own generator: a seed repeats it."""

    def mpn(self, classification: str | None = None) -> str:
        number, _, _ = electronics.mpn(self.generator.random, classification)
        return number

    def manufacturer(self) -> str:
        return self.generator.random.choice(tuple(electronics.MANUFACTURERS))

    def classification(self) -> str:
        return self.generator.random.choice(tuple(electronics.CLASSIFICATIONS))

    def package(self, classification: str | None = None) -> str:
        """A package that parts of the classification come in, of any classification by default."""
        facts = electronics.CLASSIFICATIONS[classification or self.classification()]
        return self.generator.random.choice(facts.packages)

    def electronic_part(self, mpn: str | None = None, manufacturer_name: str | None = None) -> dict[str, Any]:
        """A catalogue part in its wire shape; see `electronics.part`."""
        return electronics.part(self.generator.random, mpn, manufacturer_name)

    def reference_designators(self, count: int, prefix: str = "C") -> list[str]:
        return electronics.designators(self.generator.random, prefix, count)

    def seller(self) -> electronics.Seller:
        """A distributor, with its web site, certifications and lead time."""
        return self.generator.random.choice(electronics.SELLERS)

    def date_code(self, now: date) -> str:
        """YYWW within the two years before `now`, which is asked for so that a seed alone decides."""
        return electronics.date_code(self.generator.random, now)

    def lot_code(self) -> str:
        return electronics.lot_code(self.generator.random)

    def location(self) -> str:
        return self.generator.random.choice(electronics.LOCATIONS)

    def bin(self) -> str:
        return electronics.bin_name(self.generator.random)

    def board_name(self) -> str:
        return electronics.board_name(self.generator.random)

    def program_name(self) -> str:
        return electronics.program_name(self.generator.random)
