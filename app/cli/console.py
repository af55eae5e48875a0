"""What the terminal shows: lines, and tables when a batch is done."""

from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from retina_xai.io.names import printable

if TYPE_CHECKING:
    import pandas as pd

    from retina_xai.evaluation.datasets.base import AnnotatedDataset
    from retina_xai.evaluation.experiments.base import ExperimentOutcome
    from retina_xai.evaluation.grades.run import GradesOutcome
    from retina_xai.evaluation.lesions.reliance import RelianceSettings
    from retina_xai.evaluation.lesions.reliance_table import RelianceSummary
    from retina_xai.evaluation.lesions.report import LesionReport
    from retina_xai.grades.layouts import Layout
    from retina_xai.lesions.same_place import SamePlace
    from retina_xai.training.fit import TrainingResult

console = Console()


def show_line(text: str, on: Console = console) -> None:
    """One line of plain text; what could control the terminal, in a file name for example, is escaped."""
    on.print(escape(printable(text)), soft_wrap=True, highlight=False)


def print_table(frame: "pd.DataFrame", title: str) -> None:
    """A table of texts with its index."""
    from retina_xai.evaluation.tables import TextTable

    table = Table(box=SIMPLE, padding=(0, 1, 0, 0))
    texts = TextTable.of(frame)
    for number, name in enumerate(texts.head):
        table.add_column(name, justify="left" if number < texts.keys else "right", no_wrap=True)
    for row in texts.rows:
        table.add_row(*row)
    show_line(title)
    Console(width=max(console.width, 100)).print(table)


def show_training(result: "TrainingResult") -> None:
    """The figures of the validation part, and where the weights are; nothing in all processes but the first."""
    if not result.metrics:
        return
    show_line(f"weights: {result.weights}")
    for name, value in result.metrics.items():
        if not isinstance(value, dict | list) or name.endswith("interval"):
            show_line(f"{name}: {value}")
    if rule := result.metrics.get("training", {}).get("patients_by"):
        show_line(f"patients: {rule}")
    console.print("All figures are in metrics.json beside the weights.")


def show_quality(metrics: dict[str, Any], out: Path) -> None:
    """The out-of-fold figures of the learned quality score, and where the score is."""
    low, high = metrics["auroc_interval"]
    console.print(f"AUROC good against bad {metrics['auroc']:.3f} ({low:.3f}-{high:.3f}), limit {metrics['limit']:.2f}")
    for name, values in metrics["folders"].items():
        both = values["called_good"]
        show_line(
            f"{name}: {values['photographs']} photographs, called good {both['score']:.1%}, "
            f"with the rules {both['score_and_rules']:.1%}"
        )
    for name, values in metrics["damages"].items():
        show_line(f"damage {name}: {values['photographs']} photographs, called good {values['called_good']:.1%}")
    show_line(f"score: {out / 'quality_score.json'}; all figures are in metrics.json beside it.")


def show_calibration(facts: dict[str, Any], out: Path) -> None:
    """Rates and calibration error before, and after out of fold, and where the new weights are."""
    for name, head in (("before", "before"), ("after", "after, out of fold")):
        values = facts[name]
        rates = ", ".join(
            f"{rate} {values[rate]:.3f} ({values[f'{rate}_interval'][0]:.3f}-{values[f'{rate}_interval'][1]:.3f})"
            for rate in ("sensitivity", "specificity")
        )
        show_line(f"{head}: {rates}, calibration error {values['ece']:.3f}")
    show_line(f"threshold {facts['threshold']:.3f}; weights: {out / 'rdr.safetensors'}")


def show_sensitivity(report: "LesionReport", out: Path) -> None:
    """The table of lesion sensitivity with its chance rows, and where the report is."""
    from retina_xai.evaluation.lesions.report_table import brief, caption, disputed, separation, table

    summary = report.summary
    print_table(brief(table(summary)), f"Lesion sensitivity on {report.dataset.label}")
    false, area = summary.figures["false_positives_per_image"], summary.figures["area_fraction"]
    console.print(
        f"false positives per image {false.value:.1f} (chance {false.chance:.1f}), area {area.value:.1%}",
        highlight=False,
    )
    console.print(caption(report), style="dim", highlight=False)
    for sentence in filter(None, (separation(summary), disputed(summary))):
        console.print(sentence, highlight=False)
    console.print("Intervals and FROC curves are in the report.")
    show_line(f"report: {out / 'report.html'}")


def show_reliance(
    dataset: "AnnotatedDataset", settings: "RelianceSettings", summary: "RelianceSummary", out: Path
) -> None:
    """The table of lesion reliance with its caption, and where the results are."""
    from retina_xai.evaluation.lesions.reliance_table import reliance_caption, reliance_table

    print_table(reliance_table(summary), f"Lesion reliance on {dataset.label}")
    console.print(reliance_caption(dataset, settings, summary), style="dim", highlight=False)
    show_line(f"results: {out / 'result.json'}")


def show_places(places: "Sequence[SamePlace]", out: Path) -> None:
    """The suspicious places of the artefact guard, and where the scores without them are."""
    from retina_xai.artefacts import ARTEFACTS_FILE

    for place in places:
        show_line(str(place))
    if places:
        show_line(f"scores without these places: {out / ARTEFACTS_FILE}")


def show_grades(outcome: "GradesOutcome", out: Path) -> None:
    """The figures and the decisions by label, and where the results are."""
    from retina_xai.evaluation.grades.report import caption, figures_table, label_table

    print_table(figures_table(outcome.summary), "Grades")
    print_table(label_table(outcome.summary), "Decisions by label")
    console.print(caption(outcome.facts, outcome.summary), style="dim", highlight=False)
    show_line(f"results: {out / 'result.json'}")


def show_experiment(title: str, outcome: "ExperimentOutcome", out: Path) -> None:
    """The table of an experiment with its caption, how long it took, and where the results are."""
    print_table(outcome.findings.table, title)
    console.print(outcome.findings.caption, style="dim", highlight=False)
    if seconds := outcome.cases.seconds:
        console.print(f"{mean(seconds):.1f} s per case, {sum(seconds):.0f} s in all", highlight=False)
    show_line(f"results: {out / 'result.json'}")


def show_comparison(title: str, outcome: "ExperimentOutcome", out: Path) -> None:
    """The first columns of a comparison and its bare passes, which fit a terminal, and where its page is."""
    table = outcome.findings.table
    print_table(table[[*table.columns[:2], "bare passes"]], title)
    console.print(outcome.findings.caption, style="dim", highlight=False)
    show_line(f"results: {out / 'comparison.html'}")


def show_data(folder: Path, split: str, consensus: str | None) -> None:
    """Counts of a folder of graded photographs in a layout that training knows, or else of an annotated data set."""
    from retina_xai.grades.layouts import layout_of

    layout = layout_of(folder)
    if layout is None:
        _show_annotated(folder, split, consensus)
    else:
        _show_graded(folder, layout)


def _show_annotated(folder: Path, split: str, consensus: str | None) -> None:
    from retina_xai.evaluation.datasets.counts import count_lesions
    from retina_xai.evaluation.datasets.registry import dataset_in

    dataset = dataset_in(folder).open(folder, split)
    rule = dataset.consensus(consensus)
    title = f"{dataset.label}, {split}: {len(dataset)} images, consensus: {rule}"
    print_table(count_lesions(dataset, rule).astype(str), title)


def _show_graded(folder: Path, layout: "Layout") -> None:
    import pandas as pd

    from retina_xai.grades.reading import read_labelled

    found = read_labelled([folder], allow_missing=True)
    grades = pd.Series([photo.level for photo in found.photographs])
    counts = grades.value_counts().reindex(range(5), fill_value=0)
    title = f"{layout.title} layout: {len(found.photographs)} photographs with a grade"
    print_table(counts.rename_axis("grade").to_frame("photographs").astype(str), title)
    patients = len({photo.patient for photo in found.photographs})
    lonely = f"{found.rows_without_image} rows without an image, {found.images_without_row} images without a row"
    console.print(f"{patients} patients; {lonely}", highlight=False)
