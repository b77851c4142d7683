"""schemathesis against the mock: every operation, every phase, every check. Bounded by counts, never by seconds."""

from mockserver.api.fields import INT32
from mockserver.app import App
from mockserver.conformance import selftest
from mockserver.sandbox import Sandbox


def test_the_mock_keeps_its_contract(record_outcome):
    outcome = record_outcome(selftest.run(max_examples=20, scenarios=80))

    assert outcome.ok, str(outcome)
    assert all(operation.served for operation in outcome.operations.values())
    assert outcome.links_covered > outcome.links_total / 2, outcome.summary()


def test_each_excluded_check_still_has_something_to_excuse(record_outcome):
    excluded = {(operation, check) for operation, checks in selftest.excluded_checks().items() for check in checks}
    around = sorted({*selftest.excluded_checks(), "create_bom", "get_bom"})

    lives = record_outcome(selftest.run(operation_ids=around, phases=["stateful"], scenarios=60))
    calls = record_outcome(selftest.run(operation_ids=around, phases=["fuzzing"], max_examples=60))
    sums = record_outcome(
        selftest.run(full_lines(), operation_ids=["create_bom_line", "create_bom"], phases=["fuzzing"], max_examples=60)
    )

    assert set(lives.excused) | set(calls.excused) | set(sums.excused) == excluded


def full_lines() -> App:
    """An app in whose world no line of a BOM has room for one piece more."""
    world = selftest.well_filled()
    for line in list(world.store["bom_line"]):
        world.store.replace("bom_line", {**line, "quantity": INT32})
    return App(Sandbox(world))
