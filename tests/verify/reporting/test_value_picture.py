"""The drawing of a row's values round the threshold."""

from __future__ import annotations

import numpy as np

from persistent_topk.verify.judging.wrong_columns import WrongColumns
from persistent_topk.verify.reporting.value_picture import value_picture


def test_a_missing_column_and_the_one_in_its_place_are_drawn_beside_the_threshold() -> None:
    values = np.arange(20, 0, -1, dtype=np.float32)  # column c has place c + 1
    wrong = WrongColumns(row=0, n=20, k=5, missing=(4,), surplus=(5,), slots=())
    picture = value_picture(values.view(np.uint32), wrong, range(5))
    kinds = {point.text.split(":")[0]: point.kind for point in picture.points}
    assert kinds["column 3"] == "right" and kinds["column 4"] == "missing"
    assert kinds["column 5"] == "surplus" and kinds["column 6"] == "others"
    heights = [point.y for point in picture.points]
    assert heights == sorted(heights), "a smaller value is drawn lower"
