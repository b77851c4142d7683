import pytest

from mockserver.api.problems import Conflict
from mockserver.api.transitions import Transitions

MOVES = Transitions(("draft", "sent"), ("draft", "cancelled"), ("sent", "closed"), label="letter")


@pytest.mark.parametrize(("before", "after"), [("draft", "sent"), ("draft", "cancelled"), ("sent", "closed")])
def test_an_open_move_is_let_through(before, after):
    assert MOVES.check(before, after) is None


@pytest.mark.parametrize("status", ["draft", "closed"])
def test_staying_is_no_move(status):
    assert MOVES.check(status, status) is None


def test_any_other_move_is_refused_and_the_open_ones_are_named():
    with pytest.raises(Conflict) as refusal:
        MOVES.check("draft", "closed")
    assert refusal.value.body == {
        "detail": "This letter is draft and cannot become closed: it can become sent or cancelled."
    }


def test_from_a_final_status_there_is_no_move():
    with pytest.raises(Conflict) as refusal:
        MOVES.check("closed", "draft")
    assert refusal.value.body == {"detail": "This letter is closed and cannot become draft: that is final."}
