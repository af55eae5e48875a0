"""The processes of one training that torchrun or srun started, before Lightning connects them.

The first process checks everything and prepares the photographs; then the others do the same, and find it prepared.
Where one fails, all end: the message is that of the first that failed, and the others are silent.

Processes that Lightning starts itself (`hardware.devices` of one machine) begin when the first has prepared everything.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from lightning.fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.fabric.plugins.environments.torchelastic import TorchElasticEnvironment
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from retina_xai.errors import InternalError, RetinaXaiError, ServerError, UsageError

ENVIRONMENTS: tuple[type[ClusterEnvironment], ...] = (TorchElasticEnvironment, SLURMEnvironment)
PATIENCE = timedelta(days=7)
"""How long the others wait while the first prepares the photographs."""
JOINING, LEAVING = timedelta(minutes=5), timedelta(seconds=10)
"""How long all wait for each other to come, and the first for the others to leave."""

DONE = 0
Result = TypeVar("Result")


@dataclass(frozen=True)
class Team:
    """Process `rank` of `count`, and what they tell each other by; no `store` where there is one process."""

    rank: int = 0
    count: int = 1
    store: Store | None = None

    @classmethod
    def join(cls, nodes: int) -> "Team":
        """Meet the other processes.

        Args:
            nodes: number of machines in the settings.

        Raises:
            ServerError: they do not come.
            UsageError: several machines, but nothing has started processes on them.
        """
        kind = next((kind for kind in ENVIRONMENTS if kind.detect()), None)
        if kind is None:
            if nodes > 1 and not LightningEnvironment().creates_processes_externally:
                raise UsageError(
                    f"hardware.num_nodes: {nodes} machines need a process on each; start them by torchrun or srun"
                )
            return cls()
        environment = kind()
        rank, count = environment.global_rank(), environment.world_size()
        if count == 1:
            return cls()
        os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"] = environment.main_address, str(environment.main_port)
        try:
            store, _, _ = next(rendezvous("env://", rank, count, timeout=JOINING))
        except (OSError, RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise ServerError(
                f"process {rank} of {count}: the others do not come ({reason}); start all again"
            ) from error
        return cls(rank, count, PrefixStore("retina-xai", store))

    def first_then_others(self, work: Callable[[], Result]) -> Result:
        """Do the work in the first process, then in all others at the same time.

        Raises:
            RetinaXaiError: of the first process that failed, in that process.
            SystemExit: with the code of that error, in the others.
        """
        if self.store is None:
            return work()
        if self.rank > 0:
            self._wait_for(self.store, range(1))
        try:
            result = work()
        except BaseException as error:
            self.store.set(str(self.rank), str(_code(error)))
            if self.rank > 0:
                self._wait_for(self.store, range(self.rank))
            self._leave(self.store)
            raise
        self.store.set(str(self.rank), str(DONE))
        self._wait_for(self.store, range(self.count))
        return result

    def _wait_for(self, store: Store, ranks: range) -> None:
        """Wait for these processes; SystemExit with the code of the first that failed."""
        for rank in ranks:
            try:
                store.wait([str(rank)], PATIENCE)
                code = int(store.get(str(rank)))
            except RuntimeError as error:
                raise ServerError(f"process {rank} of this training ended; start all again") from error
            if code != DONE:
                self._leave(store)
                raise SystemExit(code)

    def _leave(self, store: Store) -> None:
        """Leave after a failure: the first process, which may be the one that holds the store, leaves last."""
        with suppress(RuntimeError):
            if self.rank > 0:
                store.set(f"left {self.rank}", "")
            else:
                store.wait([f"left {rank}" for rank in range(1, self.count)], LEAVING)


def _code(error: BaseException) -> int:
    return error.exit_code if isinstance(error, RetinaXaiError) else InternalError.exit_code
