"""schemathesis against the mock: every operation, every phase, every check."""

from mockserver.conformance import selftest


def test_the_mock_keeps_its_contract(record_outcome):
    outcome = record_outcome(selftest.run(max_examples=8, max_time=15))

    assert outcome.ok, str(outcome)
    assert all(operation.served for operation in outcome.operations.values())
    assert outcome.links_covered > outcome.links_total / 2, outcome.summary()


def test_each_excluded_check_still_has_something_to_excuse(record_outcome):
    excluded = {(operation, check) for operation, checks in selftest.excluded_checks().items() for check in checks}
    around = sorted({*selftest.excluded_checks(), "create_bom", "get_bom"})

    lives = record_outcome(selftest.run(operation_ids=around, phases=["stateful"], max_time=5))
    calls = record_outcome(selftest.run(operation_ids=around, phases=["fuzzing"], max_examples=150))

    assert set(lives.excused) | set(calls.excused) == excluded
