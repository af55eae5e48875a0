"""What the cluster costs: seconds per item of a run over tiny items, which do nothing.

    python tests/bench/scale.py --items 100000 --workers 2
    python tests/bench/scale.py --items 10000 --batch 1         one item per task, as for photographs

Client and scheduler are in this process, so its processor time per item is what they cost together. The wall time per
item is what a run over tiny items takes; for real photographs the workers compute meanwhile.
"""

import argparse
import resource
import time
from functools import partial
from pathlib import Path

from rich.console import Console

from retina_xai.cluster import executor
from retina_xai.cluster.connections import own_workers
from retina_xai.runner import Codec, ItemOutcome, WorkItem, run

LINES = 10
"""Lines of progress."""

kept: dict[Path, int] = {}
show = Console(soft_wrap=True).print


def main() -> None:
    """Run and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--batch", type=int, default=executor.MAX_BATCH, help="items of a task at most")
    chosen = parser.parse_args()
    executor.MAX_BATCH = chosen.batch
    folder = Path("/photographs/of/a/screening/programme")
    items = (WorkItem(f"{number}.jpg", number, folder / f"{number}.json") for number in range(chosen.items))
    done, begin, cpu = 0, 0.0, 0.0

    def on_item(outcome: ItemOutcome[int, int]) -> None:
        nonlocal done, begin, cpu
        done += 1
        if done == 1:  # the workers have started
            begin, cpu = time.perf_counter(), time.process_time()
        if done % (chosen.items // LINES) == 0:
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            wall, own = (time.perf_counter() - begin) / done, (time.process_time() - cpu) / done
            show(f"{done} items: {wall * 1e3:.2f} ms per item, {own * 1e3:.2f} ms processor, at most {memory:.0f} MiB")

    codec = Codec(kept.get, kept.__setitem__)
    cluster = executor.ClusterExecutor(partial(own_workers, chosen.workers), show)
    outcome = run(items, abs, codec, on_item, cluster)
    show(f"{len(outcome.results)} results, {len(outcome.failures)} failures")


if __name__ == "__main__":
    main()
