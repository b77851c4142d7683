"""What the administration of a sandbox refuses."""


class Refused(ValueError):
    """What was asked of a sandbox makes no sense; the message says why and what would."""


class Unknown(Refused):
    """There is no such thing."""
