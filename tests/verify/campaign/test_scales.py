"""Scales: every path first, then every family under every setting."""

from __future__ import annotations

from collections import defaultdict

import pytest

from persistent_topk.verify.campaign.scales import OWN_SHARES, make_scales
from persistent_topk.verify.cases.case import device_name


@pytest.mark.parametrize("count", [1, 9, 10, 21, 24])
def test_every_family_meets_every_setting_in_as_many_laps(count: int) -> None:
    scale = make_scales(["normals"], (), OWN_SHARES)[1]
    scale.families *= count
    met = defaultdict(set)
    for visit in range(count * len(scale.settings) + 1):
        place, case = visit % count, scale.next_case(seed=0)
        met[place].add((case.policy, case.k, device_name(case.limits)))
    expected = {(setting.policy, setting.k, setting.device) for setting in scale.settings}
    assert all(expected == settings for settings in met.values())


def test_a_tour_under_the_first_settings_comes_first() -> None:
    for scale in make_scales([], (), OWN_SHARES):
        cases = [scale.next_case(seed=0) for _ in range(scale.tours + 1)]
        assert ["tour"] * scale.tours == [case.origin.family for case in cases[:-1]]
        assert scale.families[1].name == cases[-1].origin.family
        told = [(case.policy, case.k) for case in cases[: scale.tours]]
        assert [(setting.policy, setting.k) for setting in scale.settings[: scale.tours]] == told
