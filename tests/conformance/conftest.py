"""What contract runs found is told at the end of the test run, passed or not."""

import pytest


@pytest.fixture
def record_outcome(request):
    """Keeps an outcome for the summary, and gives it back."""

    def record(outcome):
        request.node.user_properties.append(("contract run", outcome.summary()))
        return outcome

    return record
