"""How many lesions a data set holds, by type."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from retina_xai.evaluation.datasets.base import AnnotatedDataset
from retina_xai.lesions.candidates import label_regions
from retina_xai.metrics.overlap import ANY


def count_lesions(
    dataset: AnnotatedDataset, consensus: str | None = None, progress: Callable[[int, int], None] | None = None
) -> pd.DataFrame:
    """Per lesion type: images that hold it, 8-connected regions and pixels; "any" counts the union of the types.

    `progress` is called with the number of images done and in all.

    Raises:
        UsageError, InputError: as `AnnotatedCase.photograph` and `AnnotatedCase.truth`.
    """
    rule = dataset.consensus(consensus)
    table = pd.DataFrame(0, index=[*dataset.lesion_types, ANY], columns=["images", "regions", "pixels"])
    table.index.name = "lesion type"
    for done, case in enumerate(dataset, start=1):
        height, width = case.photograph().pixels.shape[:2]
        masks = dict(case.truth(rule, (height, width)).masks)
        masks[ANY] = np.logical_or.reduce(list(masks.values()))
        for name, mask in masks.items():
            table.loc[name] += [int(mask.any()), label_regions(mask).count, int(mask.sum())]
        if progress:
            progress(done, len(dataset))
    return table
