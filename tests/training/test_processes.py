"""Trainings in several processes: the first works first, an error of one ends all with one message, one writes."""

import os
import subprocess
import sys
from pathlib import Path
from threading import Event, Thread

import pytest
from helpers.trainings import RESULTS, graded_discs, small_training
from torch.distributed import HashStore

from retina_xai.errors import InputError, ServerError, UsageError
from retina_xai.models.checkpoint import load_classifier
from retina_xai.training import fit, processes
from retina_xai.training.fit import train
from retina_xai.training.hardware import check_hardware
from retina_xai.training.processes import Team


def together(*works):
    """What became of each process: its result, its error, or the code with which it ended in silence."""
    store, found = HashStore(), {}

    def call(rank, work):
        try:
            found[rank] = Team(rank, len(works), store).first_then_others(work)
        except SystemExit as leaving:
            found[rank] = leaving.code
        except InputError as error:
            found[rank] = error

    threads = [Thread(target=call, args=pair) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    return [found[rank] for rank in range(len(works))]


def failing(message):
    def work():
        raise InputError(message)

    return work


def test_the_first_process_works_before_the_others():
    order = []
    assert together(*(lambda rank=rank: order.append(rank) or f"done {rank}" for rank in range(3))) == [
        "done 0",
        "done 1",
        "done 2",
    ]
    assert order[0] == 0 and sorted(order) == [0, 1, 2]


def test_an_error_of_the_first_ends_all_and_the_others_do_nothing():
    begun = []
    found = together(failing("no data"), lambda: begun.append(1), lambda: begun.append(2))
    assert str(found[0]) == "no data"
    assert found[1:] == [InputError.exit_code] * 2
    assert begun == []


def test_an_error_of_another_ends_all():
    found = together(lambda: "done", lambda: "done", failing("no data here"))
    assert found[:2] == [InputError.exit_code] * 2
    assert str(found[2]) == "no data here"


def test_an_error_of_several_others_is_said_once():
    found = together(lambda: "done", failing("first"), failing("second"))
    assert found[0] == found[2] == InputError.exit_code
    assert str(found[1]) == "first"


def test_the_first_leaves_last_because_the_others_ask_its_store():
    store, left = HashStore(), []

    def first():
        with pytest.raises(InputError):
            Team(0, 2, store).first_then_others(failing("no data"))
        left.append(0)

    process = Thread(target=first)
    process.start()
    assert not Event().wait(0.2) and left == []
    with pytest.raises(SystemExit):
        Team(1, 2, store).first_then_others(lambda: "done")
    process.join(20)
    assert left == [0]


def test_one_process_is_no_team():
    assert Team.join(1) == Team()
    assert Team().first_then_others(lambda: "done") == "done"


def test_several_machines_need_a_starter(tmp_path):
    with pytest.raises(
        UsageError, match="num_nodes: 2 machines need a process on each; start them by torchrun or srun"
    ):
        train(tmp_path, tmp_path / "out", small_training().with_hardware(num_nodes=2), progress=False)
    assert not (tmp_path / "out").exists()


def test_started_processes_must_be_those_of_the_settings():
    with pytest.raises(UsageError, match="3 processes were started, the settings say 1 on each of 1 machines; correct"):
        check_hardware(small_training().hardware, started=3)


def test_torchrun_is_recognised(monkeypatch):
    """By the variables that it sets; the address is that of a store which this process opens."""
    variables = {"RANK": 0, "WORLD_SIZE": 2, "LOCAL_RANK": 0, "LOCAL_WORLD_SIZE": 2, "GROUP_RANK": 0}
    elastic = {"TORCHELASTIC_RUN_ID": "x", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": 0}
    for name, value in (variables | elastic).items():
        monkeypatch.setenv(name, str(value))
    asked = []
    monkeypatch.setattr(processes, "rendezvous", lambda *given, **_: iter([asked.append(given) or (HashStore(), 0, 2)]))
    team = Team.join(1)
    assert (team.rank, team.count) == (0, 2)
    assert asked == [("env://", 0, 2)]


def test_a_process_whose_neighbour_died_says_so():
    said = "stage 2: another process of this training ended; earlier epochs are kept"
    with pytest.raises(ServerError, match=said), fit._stage_errors(1):
        raise RuntimeError("[/third_party/gloo/gloo/transport/tcp/pair.cc:545] Connection reset by peer")


@pytest.mark.slow
def test_two_processes_train_one_network_and_the_first_writes(tmp_path):
    settings = tmp_path / "settings.toml"
    settings.write_text(small_training().to_toml())
    line = ("train", "--data", graded_discs(tmp_path / "data"), "--config", settings, "--devices", "2")
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "retina_xai.app.cli.main", *map(str, line), "--out", str(tmp_path / "out")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("weights: ") == 1
    steps = 24 // (8 * 2)
    assert f"{steps}/{steps}" in done.stdout
    made = {path.name for path in (tmp_path / "out").iterdir()}
    assert made >= {*RESULTS, "state", "cache"}
    assert not [name for name in made if name.startswith(".")]
    assert load_classifier(tmp_path / "out" / "rdr.safetensors").facts.width == 0.05
