from dataclasses import replace

from retina_xai.evaluation.lesions.report_table import brief, caption, disputed, readable, separation, table
from retina_xai.evaluation.lesions.summary import DisputedSummary, Figure
from retina_xai.metrics.intervals import Interval


def test_the_table_has_a_chance_row_below_each_explanation(report):
    summary = report.summary
    figures = table(summary)
    assert figures.index[:2].tolist() == [("haemorrhages", "explanation"), ("haemorrhages", "chance")]
    assert len(figures) == 10
    row = figures.loc[("haemorrhages", "explanation")]
    assert row["lesion level"] == 1
    assert row["images"] == 1
    assert row["false positives / image"] == 1.5
    chance = figures.loc[("haemorrhages", "chance")]
    assert chance["pixel level"] == summary.types["haemorrhages"].figures["pixel"].chance
    froc = summary.types["haemorrhages"].froc.mean
    assert (row["FROC"], row["FROC low"], row["FROC high"]) == (froc.value, froc.interval.low, froc.interval.high)
    assert (chance["FROC"], chance["FROC high"]) == (froc.chance, froc.chance_interval.high)


def test_numbers_are_readable_and_undefined_is_nan(report):
    text = readable(table(report.summary))
    assert text.loc[("haemorrhages", "explanation"), "image level"] == "100.0 % (20.7-100.0)"
    assert text.loc[("red small dots", "explanation"), "lesion level"] == "NaN"
    # The lesion's blob is weaker than the two false ones, one per photograph.
    assert text.loc[("haemorrhages", "explanation"), "FROC"] == "0.429 (0.429-0.571)"
    assert text.loc[("haemorrhages", "chance"), "FROC"] == "0.000 (0.000-0.000)"
    assert text.loc[("red small dots", "chance"), "FROC"] == "NaN"
    assert text.loc[("any", "explanation"), "area"] == "1.38 %"


def test_the_terminal_gets_percentages_without_intervals(report):
    text = brief(table(report.summary)).loc[("haemorrhages", "method")]
    # 49 of 113 annotated pixels; 49 of 298 predicted pixels.
    assert text[:-2].tolist() == ["1", "1", "100 %", "100 %", "100 %", "43 %", "16 %"]
    assert text["FROC"] == "0.43"


def test_the_caption_names_data_set_rule_annotators_and_every_column(report):
    text = caption(report)
    assert text.startswith("DiaretDB1 v2.1, split 'all': 2 photographs. Annotators: four experts")
    assert "Consensus 'votes': a pixel is a lesion where at least 3 of 4 annotators marked it" in text
    assert "left out of its row (haemorrhages 1, hard exudates 2, soft exudates 1, red small dots 2)" in text
    assert "any: the union of the 4 lesion types" in text
    for column in readable(table(report.summary)).columns:
        name = column.removeprefix("lesion level, ")
        assert f"{name}:" in text or f"{name}," in text, column


def test_disputed_places_are_a_sentence_where_there_are_any(report):
    unit = Interval(0.0, 1.0)
    found = DisputedSummary(8, Figure(3 / 8, Interval(0.2, 0.5), 0.1, unit), Figure(0.25, unit, 0.0625, unit))
    assert disputed(replace(report.summary, disputed=None)) == ""
    assert disputed(replace(report.summary, disputed=found)) == (
        "Of 8 blobs with their peak in no lesion, 38 % (20-50) peak where at least one annotator marked a lesion, and "
        "too few for the consensus (chance 10 %). FROC without these blobs: 0.250 (0.000-1.000) (chance 0.062)."
    )


def test_the_separation_is_a_sentence(report):
    assert separation(report.summary) == (
        "p(RDR) separates 1 photographs with an annotated lesion from 1 without one: AUROC 0.500 (0.500-0.500)."
    )
