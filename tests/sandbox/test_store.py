"""Tables on top of tables, transactions and snapshots, held against a model of plain dicts."""

import contextlib
from types import MappingProxyType

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mockserver.sandbox.store import Store

KINDS = {
    "item": {
        "colour": lambda record: () if record["colour"] is None else (record["colour"],),
        "tag": lambda record: record["tags"],
    }
}


def item(id, colour=None, tags=()):
    return MappingProxyType({"id": id, "colour": colour, "tags": tuple(tags)})


def store_of(*records, base=None):
    store = Store(KINDS, base)
    for record in records:
        store.insert("item", record)
    return store


def ids(records):
    return [record["id"] for record in records]


class Broken(Exception):
    pass


@contextlib.contextmanager
def undone(store):
    """A transaction that fails in the end."""
    with contextlib.suppress(Broken), store.transaction():
        yield
        raise Broken


# -- one table -----------------------------------------------------------------------------------------------


def test_records_are_found_by_id_and_by_index_in_order_of_creation():
    table = store_of(item("a", "red"), item("b", "blue"), item("c", "red"))["item"]
    assert ids(table) == ["a", "b", "c"]
    assert table.get("b")["colour"] == "blue"
    assert table.get("z") is None
    assert ids(table.where("colour", "red")) == ["a", "c"]
    assert table.where("colour", "green") == []
    assert len(table) == 3


def test_a_record_that_comes_back_to_a_bucket_takes_its_old_place():
    store = store_of(item("a", "red"), item("b", "red"), item("c", "red"))
    store.replace("item", item("a", "blue"))
    assert ids(store["item"].where("colour", "red")) == ["b", "c"]
    store.replace("item", item("a", "red"))
    assert ids(store["item"].where("colour", "red")) == ["a", "b", "c"]


def test_a_deletion_undone_leaves_the_order_as_it_was():
    store = store_of(item("a", "red"), item("b", "red"), item("c", "red"))
    with undone(store):
        store.delete("item", "b")
    assert ids(store["item"]) == ids(store["item"].where("colour", "red")) == ["a", "b", "c"]


def test_a_deletion_undone_in_what_lies_underneath_leaves_the_order_as_it_was():
    base = store_of(item("a"), item("b"), item("c"))
    with undone(base):
        base.delete("item", "a")
    assert ids(Store(KINDS, base)["item"]) == ["a", "b", "c"]


def test_an_ordinal_is_never_used_twice():
    store = store_of(item("a"), item("b"))
    store.delete("item", "b")
    assert store.next_ordinal("item") == 3
    store.insert("item", item("c"))
    assert store["item"].ordinal("c") == 3


def test_an_id_is_taken_once():
    store = store_of(item("a"))
    with pytest.raises(KeyError, match="There is a item a already"):
        store.insert("item", item("a"))


def test_a_record_stands_in_each_of_its_buckets_once():
    store = store_of(item("a", tags=("x", "y", "x")))
    assert ids(store["item"].where("tag", "x")) == ["a"]
    store.replace("item", item("a", tags=("y", "z")))
    assert store["item"].where("tag", "x") == []
    assert ids(store["item"].where("tag", "z")) == ["a"]


# -- layers --------------------------------------------------------------------------------------------------


def test_what_lies_underneath_is_read_and_never_written():
    base = store_of(item("a", "red"), item("b", "red"))
    store = Store(KINDS, base)
    store.replace("item", item("a", "blue"))
    store.delete("item", "b")
    store.insert("item", item("c", "red"))

    assert ids(store["item"]) == ["a", "c"]
    assert ids(store["item"].where("colour", "red")) == ["c"]
    assert store["item"].get("b") is None
    assert len(store["item"]) == 2

    assert ids(base["item"]) == ids(base["item"].where("colour", "red")) == ["a", "b"]
    assert base["item"].get("a")["colour"] == "red"


def test_two_stores_on_one_base_share_nothing_they_write():
    base = store_of(item("a", "red"))
    one, other = Store(KINDS, base), Store(KINDS, base)
    one.insert("item", item("b", "red"))
    one.replace("item", item("a", "blue"))
    assert ids(other["item"].where("colour", "red")) == ["a"]
    assert other.next_ordinal("item") == 2


def test_a_deleted_id_of_the_base_may_be_given_again():
    store = Store(KINDS, store_of(item("a", "red"), item("b")))
    store.delete("item", "a")
    store.insert("item", item("a", "blue"))
    assert ids(store["item"]) == ["b", "a"]
    assert ids(store["item"].where("colour", "blue")) == ["a"]


# -- transactions --------------------------------------------------------------------------------------------


def test_a_transaction_tells_its_changes():
    store = store_of(item("a", "red"))
    with store.transaction() as commit:
        store.insert("item", item("b"))
        store.replace("item", item("a", "blue"))
        store.delete("item", "b")
    assert [(change.kind, change.ordinal, change.action, change.id) for change in commit.changes] == [
        ("item", 2, "created", "b"),
        ("item", 1, "updated", "a"),
        ("item", 2, "deleted", "b"),
    ]


def test_each_transaction_that_writes_and_succeeds_is_one_numbered_commit():
    store, seen = store_of(item("a")), []
    store.observers.append(seen.append)
    with store.transaction("mine") as commit, store.transaction():
        store.insert("item", item("b"))
        store.insert("item", item("c"))
    with store.transaction():
        pass
    with undone(store):
        store.insert("item", item("d"))
    store.delete("item", "a")
    assert [(one.number, one.cause, len(one.changes)) for one in seen] == [(1, "mine", 2), (2, None, 1)]
    assert commit is seen[0]


def test_tables_put_in_place_of_others_are_one_commit_that_tells_what_changed():
    store, seen = store_of(item("a", "red"), item("b")), []
    before = store.copy()
    store.replace("item", item("a", "blue"))
    store.delete("item", "b")
    store.insert("item", item("c"))
    store.observers.append(seen.append)
    store.adopt(before)
    [commit] = seen
    assert commit.replaced is not None
    assert [(change.ordinal, change.action, change.id) for change in commit.changes] == [
        (1, "updated", "a"),
        (2, "created", "b"),
        (3, "deleted", "c"),
    ]
    assert ids(store["item"]) == ["a", "b"]


def test_no_two_contents_have_the_same_version():
    store = store_of(item("a"))
    before, versions = store.copy(), [store["item"].version]
    for colour in ("red", "blue"):
        store.replace("item", item("a", colour))
        versions.append(store["item"].version)
    assert len(set(versions)) == 3
    store.adopt(before)
    assert store["item"].version == versions[0]
    store.replace("item", item("a", "green"))
    assert store["item"].version not in versions


def test_the_nearest_record_of_a_place_is_one_that_is_there():
    store = Store(KINDS, store_of(item("a"), item("b"), item("c")))
    store.insert("item", item("d"))
    for gone in ("b", "d"):
        store.delete("item", gone)
    table = store["item"]
    assert [table.nearest(place)["id"] for place in range(1, 5)] == ["a", "c", "c", "a"]
    assert store_of()["item"].nearest(1) is None


def test_an_inner_transaction_fails_alone():
    store = store_of(item("a"))
    with store.transaction() as commit:
        store.insert("item", item("b"))
        with undone(store):
            store.insert("item", item("c"))
        store.insert("item", item("d"))
    assert ids(store["item"]) == ["a", "b", "d"]
    assert store["item"].ordinal("d") == 3  # the ordinal of what never was is free
    assert len(commit.changes) == 2


def test_an_outer_transaction_that_fails_takes_the_inner_one_with_it():
    store = store_of(item("a", "red"))
    with undone(store), store.transaction():
        store.replace("item", item("a", "blue"))
        store.insert("item", item("b"))
    assert ids(store["item"]) == ids(store["item"].where("colour", "red")) == ["a"]
    assert store.next_ordinal("item") == 2


# -- copies --------------------------------------------------------------------------------------------------


def test_a_copy_and_its_original_go_separate_ways():
    store = Store(KINDS, store_of(item("a", "red"), item("b", "red")))
    store.insert("item", item("c", "red"))
    copy = Store(KINDS)
    copy.adopt(store.copy())
    store.delete("item", "a")
    store.insert("item", item("d", "red"))
    copy.replace("item", item("c", "blue"))
    assert ids(store["item"].where("colour", "red")) == ["b", "c", "d"]
    assert ids(copy["item"].where("colour", "red")) == ["a", "b"]
    assert copy.next_ordinal("item") == 4


# -- against a model -----------------------------------------------------------------------------------------

NAMES = st.sampled_from([f"r{number}" for number in range(12)])
COLOURS = st.sampled_from([None, "red", "blue"])
TAGS = st.lists(st.sampled_from("xyz"), max_size=3)


class StoreMachine(RuleBasedStateMachine):
    """A layered store beside a dict of records that is copied for every snapshot and transaction."""

    @initialize(below=st.lists(st.tuples(NAMES, COLOURS, TAGS), max_size=6, unique_by=lambda row: row[0]))
    def start(self, below):
        self.base = store_of(*(item(*row) for row in below))
        self.store = Store(KINDS, self.base)
        self.model = dict(enumerate((item(*row) for row in below), start=1))
        self.below = dict(self.model)
        self.last = len(below)
        self.open: list[tuple] = []  # transactions, outermost first
        self.snapshots: list[tuple] = []
        self.commits = []
        self.store.observers.append(self.commits.append)

    def ordinal(self, name):
        return next((ordinal for ordinal, record in self.model.items() if record["id"] == name), None)

    @rule(name=NAMES, colour=COLOURS, tags=TAGS)
    def put(self, name, colour, tags):
        record, ordinal = item(name, colour, tags), self.ordinal(name)
        if ordinal is None:
            self.store.insert("item", record)
            self.last += 1
            ordinal = self.last
        else:
            self.store.replace("item", record)
        self.model[ordinal] = record

    @rule(name=NAMES)
    def delete(self, name):
        if (ordinal := self.ordinal(name)) is not None:
            self.store.delete("item", name)
            del self.model[ordinal]

    @precondition(lambda self: len(self.open) < 3)
    @rule()
    def begin(self):
        transaction = self.store.transaction()
        transaction.__enter__()
        self.open.append((transaction, dict(self.model), self.last))

    @precondition(lambda self: self.open)
    @rule()
    def commit(self):
        self.open.pop()[0].__exit__(None, None, None)

    @precondition(lambda self: self.open)
    @rule()
    def roll_back(self):
        transaction, self.model, self.last = self.open.pop()
        assert not transaction.__exit__(Broken, Broken(), None)  # the exception goes on its way

    @precondition(lambda self: not self.open and len(self.snapshots) < 4)
    @rule()
    def snapshot(self):
        self.snapshots.append((self.store.copy(), dict(self.model), self.last, self.store.number))

    @precondition(lambda self: not self.open and self.snapshots)
    @rule(data=st.data())
    def restore(self, data):
        tables, model, self.last, _ = data.draw(st.sampled_from(self.snapshots))
        self.store.adopt({kind: table.copy() for kind, table in tables.items()})
        self.model = dict(model)

    @invariant()
    def tells_the_same_as_the_model(self):
        self.compare(self.store, self.model, self.last)

    @invariant()
    def leaves_the_base_alone(self):
        self.compare(self.base, self.below, len(self.below))

    @invariant()
    def leaves_snapshots_alone(self):
        for tables, model, last, _ in self.snapshots:
            self.compare(tables, model, last)

    @invariant()
    def can_undo_what_was_done_since_a_snapshot(self):
        if self.open:
            return
        for _, model, last, number in self.snapshots:
            since = [commit for commit in reversed(self.commits) if commit.number > number]
            self.compare(self.store.undone(since), model, last)

    def teardown(self):
        while getattr(self, "open", None):
            self.open.pop()[0].__exit__(None, None, None)

    def compare(self, store, model, last):
        table, expected = store["item"], [model[ordinal] for ordinal in sorted(model)]
        assert list(table) == expected
        assert len(table) == len(expected)
        assert table.last == last
        for colour in ("red", "blue"):
            assert table.where("colour", colour) == [record for record in expected if record["colour"] == colour]
        for tag in "xyz":
            assert table.where("tag", tag) == [record for record in expected if tag in record["tags"]]
        for number in range(12):
            assert table.get(f"r{number}") == next(
                (record for record in expected if record["id"] == f"r{number}"), None
            )


StoreMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30)
TestStoreAgainstModel = StoreMachine.TestCase
