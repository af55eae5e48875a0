"""The background thread: order, cancelling, errors."""

import threading
import time

import pytest
import torch
from helpers.waiting import until

from retina_xai.app.viewer.jobs import PATIENT, URGENT, Job, Worker
from retina_xai.errors import InputError

PATIENCE = 20


def ended(job):
    """The state in which a job ends."""
    until(lambda: job.ended)
    return job.state


def test_urgent_jobs_come_before_patient_ones_and_each_in_the_order_of_asking():
    worker, gate, done = Worker(), threading.Event(), []
    first = worker.submit(lambda _: gate.wait(PATIENCE))
    names = [("late", PATIENT), ("later", PATIENT), ("soon", URGENT), ("sooner", URGENT)]
    jobs = [worker.submit(lambda _, name=name: done.append(name), urgency) for name, urgency in names]
    gate.set()
    assert [ended(job) for job in (first, *jobs)] == ["done"] * 5
    assert done == ["soon", "sooner", "late", "later"]


def test_a_waiting_job_that_is_cancelled_never_begins_and_the_next_one_does():
    worker, gate, done = Worker(), threading.Event(), []
    worker.submit(lambda _: gate.wait(PATIENCE))
    unwanted = worker.submit(lambda _: done.append("unwanted"))
    unwanted.cancel()
    assert unwanted.state == "cancelled"
    last = worker.submit(lambda _: done.append("last"))
    gate.set()
    assert ended(last) == "done"
    assert (done, unwanted.state) == (["last"], "cancelled")


def test_a_running_game_ends_at_the_step_after_cancelling():
    worker, begun = Worker(), threading.Event()

    def play(job):
        for step in range(100_000):
            job.on_step(step, torch.tensor([0.5]))
            begun.set()
            time.sleep(0.001)

    job = worker.submit(play)
    assert begun.wait(PATIENCE)
    job.cancel()
    assert ended(job) == "cancelled"
    assert len(job.progress) < 100_000


def test_games_are_counted_by_their_first_steps():
    job = Job(lambda _: None)
    for step, score in ((0, 0.9), (1, 0.5), (0, 0.75), (1, 0.25)):
        job.on_step(step, torch.tensor([score]))
    assert job.progress == [(0, 0, pytest.approx(0.9)), (0, 1, 0.5), (1, 0, 0.75), (1, 1, 0.25)]


def test_a_step_that_is_not_above_the_last_one_begins_the_next_game():
    job = Job(lambda _: None)
    for step in (4, 8, 12, 4, 8, 1, 1):
        job.on_step(step, torch.tensor([0.5]))
    assert [game for game, _, _ in job.progress] == [0, 0, 0, 1, 1, 2, 3]


def fail(_):
    raise InputError("a.png: is empty\n(0 bytes)")


def stumble(_):
    raise KeyError("secret")


def starve(_):
    raise MemoryError


@pytest.mark.parametrize(
    ("work", "line"),
    [
        (fail, "a.png: is empty (0 bytes)"),
        (stumble, "internal error (KeyError); start with RETINA_XAI_DEBUG=1 to see the details"),
        (starve, "not enough memory; close other programs or scale the photograph"),
    ],
)
def test_a_failure_is_one_line_and_the_thread_goes_on(work, line):
    worker = Worker()
    job = worker.submit(work)
    after = worker.submit(lambda _: 7)
    assert (ended(job), job.error) == ("failed", line)
    assert (ended(after), after.result) == ("done", 7)


def test_a_closed_worker_ends_its_thread_at_the_next_step_of_a_game():
    worker, begun = Worker(), threading.Event()

    def play(job):
        for step in range(100_000):
            job.on_step(step, torch.tensor([0.5]))
            begun.set()
            time.sleep(0.001)

    playing, waiting = worker.submit(play), worker.submit(lambda _: "never")
    assert begun.wait(PATIENCE)
    worker.close()
    assert (playing.state, waiting.state) == ("cancelled", "waiting")
    assert not worker._thread.is_alive()
