import json
from dataclasses import asdict

from retina_xai.evaluation.lesions.report import write_result


def test_result_json_holds_counts_figures_and_null_for_undefined(report, tmp_path):
    write_result(tmp_path / "result.json", report)
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["schema_version"] == 1
    named = {"name": "diaretdb1", "title": "DiaretDB1"}
    assert result["dataset"] == {**named, "version": "2.1", "split": "all", "images": 2}
    assert result["consensus"] == {
        "rule": "votes",
        "meaning": "a pixel is a lesion where at least 3 of 4 annotators marked it",
    }
    assert result["settings"]["chance_repetitions"] == 4
    assert set(result["versions"]) >= {"python", "torch", "monai"}
    haemorrhages = result["lesion_types"]["haemorrhages"]
    assert haemorrhages["counts"]["lesions_hit"] == 1
    assert haemorrhages["figures"]["lesion"]["value"] == 1
    assert set(haemorrhages["figures"]["lesion"]) == {"value", "interval", "chance", "chance_interval"}
    froc = haemorrhages["froc"]
    assert froc["sensitivity"][-1] == 1
    assert froc["mean"] == asdict(report.summary.types["haemorrhages"].froc.mean)
    assert [len(froc[key]) for key in ("sensitivity_at_rates", "chance_at_rates", "chance_intervals_at_rates")] == 3 * [
        7
    ]
    assert result["lesion_types"]["red_small_dots"]["froc"]["chance_at_rates"] == 7 * [None]
    assert result["lesion_types"]["red_small_dots"]["figures"]["image"]["value"] is None
    assert [image["name"] for image in result["images"]] == ["diaretdb1_image001", "diaretdb1_image002"]
