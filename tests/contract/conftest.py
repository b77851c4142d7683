"""What contract runs found is told at the end of the test run, passed or not."""

import pytest


@pytest.fixture
def record_outcome(request):
    """Keeps an outcome for the summary, and gives it back."""

    def record(outcome):
        request.node.user_properties.append(("contract run", outcome.summary()))
        return outcome

    return record


def pytest_terminal_summary(terminalreporter):
    lines = [
        f"{report.nodeid}: {text}"
        for reports in terminalreporter.stats.values()
        for report in reports
        if hasattr(report, "user_properties") and getattr(report, "when", "") == "call"
        for name, text in report.user_properties
        if name == "contract run"
    ]
    if lines:
        terminalreporter.section("contract runs")
        terminalreporter.write_line("\n".join(lines))
