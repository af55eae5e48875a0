"""Evidence that is searched before it is asked for."""

from dataclasses import replace

import pytest
from helpers.app_pages import examination, opened, press, settle, snapshot, texts
from helpers.viewer_services import open_at, photographs
from helpers.waiting import until

from retina_xai.app.viewer.components.canvas import Opening
from retina_xai.app.viewer.findings import Question
from retina_xai.app.viewer.jobs import Job
from retina_xai.app.viewer.panels.examination_page import take
from retina_xai.app.viewer.searches import Searches
from retina_xai.app.viewer.services import serve

A, B, C, D = ((key, Question("saliency")) for key in "abcd")


class Queue:
    """A worker whose jobs run when the test says so."""

    def __init__(self):
        self.jobs = []

    def submit(self, work, urgency):
        self.jobs.append(Job(work, urgency))
        return self.jobs[-1]

    def run_next(self):
        """Run the first job that was not cancelled; returns its result."""
        job = next(job for job in self.jobs if not job.ended)
        job.run()
        return job.result


@pytest.fixture
def queue():
    return Queue()


def prepare(searches, queue, *places):
    searches.collect()
    searches.prepare(places, lambda place: lambda job: place, queue)


def test_searches_run_in_the_order_of_the_list(queue):
    searches = Searches()
    prepare(searches, queue, A, B, C)
    assert [queue.run_next() for _ in range(3)] == [A, B, C]
    searches.collect()
    assert (list(searches.found), searches.jobs) == ([A, B, C], {})
    prepare(searches, queue, A, B, C)
    assert all(job.ended for job in queue.jobs), "nothing is searched twice"


def test_evidence_is_computed_again_where_the_reader_asks(queue):
    searches = Searches()
    prepare(searches, queue, A)
    queue.run_next()
    searches.collect()
    again = searches.ask(A, lambda job: "again", queue)
    prepare(searches, queue, A)
    assert again.wanted
    queue.run_next()
    searches.collect()
    assert searches.found[A] == "again"


def test_another_photograph_goes_first_and_what_is_not_next_is_cancelled(queue):
    searches = Searches()
    prepare(searches, queue, A, B, C)
    prepare(searches, queue, D, B)
    assert [job.state for job in queue.jobs[:3]] == ["cancelled"] * 3
    assert [queue.run_next() for _ in range(2)] == [D, B]
    assert not searches.ended, "only a reader's cancelling is remembered"


def test_a_running_search_goes_on_when_its_photograph_is_opened(queue):
    searches = Searches()
    prepare(searches, queue, A, B)
    queue.run_next()
    running = searches.jobs[B]
    prepare(searches, queue, B, C)
    assert searches.jobs[B] is running
    assert not running.cancelled.is_set()


def test_a_search_that_the_reader_cancelled_waits_until_the_reader_asks(queue):
    searches = Searches()
    prepare(searches, queue, A, B)
    searches.jobs[A].cancel()
    prepare(searches, queue, A, B)
    assert (list(searches.jobs), list(searches.ended)) == ([B], [A])
    searches.ask(A, lambda job: A, queue)
    assert (list(searches.jobs), list(searches.ended)) == ([A], [])


@pytest.fixture
def served(tmp_path, weights):
    (tmp_path / "plain").mkdir()
    one = open_at(tmp_path, weights, paths=(photographs(tmp_path / "plain"),), method="saliency", ahead=2)
    yield one
    one.worker.close()


def wait(state):
    until(lambda: all(job.ended for job in state.searches.jobs.values()))


def test_the_evidence_of_the_open_photograph_and_of_the_next_is_there_without_a_question(served):
    page, state, item = opened(examination, served, "10_left.png")
    wait(state)
    page.run()
    assert snapshot(page)["search"]["question"] == ["saliency", "RDR"]
    following = snapshot(page)["following"]
    settle(state)
    page.run()
    wait(state)
    take(state, Opening("one", item.key, following))
    page.run()
    assert snapshot(page)["search"] is not None, "shown with the photograph"
    assert len(snapshot(page)["views"]) == 3, "all views were made ready"
    assert len(state.searches.found) == 2


def test_another_method_is_searched_only_where_the_reader_asks(served):
    page, state, item = opened(examination, served, "10_left.png", method="grad-cam")
    assert not state.searches.jobs
    press(page, "Find evidence")
    wait(state)
    page.run()
    assert snapshot(page)["search"]["question"] == ["grad-cam", "RDR"]
    assert list(state.searches.found) == [(item.key, Question("grad-cam"))]


def test_a_failed_search_is_told_and_not_begun_again(served, monkeypatch):
    def fail(*_):
        raise MemoryError

    monkeypatch.setattr("retina_xai.app.viewer.session.find_evidence", fail)
    page, state, item = opened(examination, served, "10_left.png")
    wait(state)
    for _ in range(2):
        page.run()
    assert "not enough memory" in texts(page)
    assert [key for key, _ in state.searches.ended].count(item.key) == 1


def test_nothing_is_searched_ahead_where_that_is_not_wanted(served):
    calm = replace(served, settings=replace(served.settings, ahead=0))
    serve(calm)
    _, state, _ = opened(examination, calm, "10_left.png")
    assert not state.searches.jobs
