"""schemathesis against the mock: every operation, every phase, every check."""
from mockserver.contract import selftest


def test_the_mock_keeps_its_contract(record_outcome):
    outcome = record_outcome(selftest.run(max_examples=8, max_time=20))

    assert outcome.ok, str(outcome)
    assert all(operation.served for operation in outcome.operations.values())
    assert outcome.links_covered > 100, outcome.summary()


def test_each_excluded_check_still_has_something_to_excuse(record_outcome):
    around = {*selftest.excluded_checks(), "create_bom", "get_bom"}
    outcome = record_outcome(selftest.run(operation_ids=sorted(around), phases=["fuzzing", "stateful"], max_time=5))

    assert {operation for operation, _ in outcome.excused} == set(selftest.excluded_checks())
