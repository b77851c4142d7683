"""Where the data files are: inside the package once installed, beside it in a checkout."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def fixtures_dir() -> Path:
    """The folder of the worlds a mock starts in."""
    return _folder("fixtures")


def contracts_dir() -> Path:
    """The folder of what the API promises."""
    return _folder("contracts")


def _folder(name: str) -> Path:
    inside = _PACKAGE / name
    return inside if inside.is_dir() else _PACKAGE.parent / name
