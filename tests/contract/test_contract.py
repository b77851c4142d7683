"""schemathesis against the mock: every operation, every phase, every check."""
from mockserver.contract import selftest


def test_the_mock_keeps_its_contract():
    outcome = selftest.run(max_examples=8, max_time=20)

    assert outcome.ok, str(outcome)
    assert all(operation.served for operation in outcome.operations.values())
    assert outcome.links_covered > outcome.links_total / 3, outcome.summary()


def test_each_excluded_check_still_has_something_to_excuse():
    outcome = selftest.run(operation_ids=sorted(selftest.excluded_checks()), phases=["fuzzing", "stateful"], max_time=5)
    excused = {operation for operation, _ in outcome.excused}

    assert excused == set(selftest.excluded_checks())
