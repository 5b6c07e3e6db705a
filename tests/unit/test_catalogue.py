"""What the catalogue of accelerators says, and which types it proposes for a model."""

from __future__ import annotations

import pytest

from aws_genai.compute import AcceleratorCatalogue, Platform
from aws_genai.data.sizing import BYTES, LACKING, USABLE, choose, need
from aws_genai.errors import InvalidValueError

CATALOGUE = AcceleratorCatalogue.default()


@pytest.mark.parametrize(
    ("instance_type", "cards"),
    [
        # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/efa-acc-inst-types.html
        ("p5.48xlarge", range(32)),
        ("trn2.48xlarge", range(16)),
        ("trn1.32xlarge", range(8)),
        ("trn1n.32xlarge", range(16)),
        ("p4d.24xlarge", range(4)),
        ("p5en.48xlarge", range(16)),
        ("p6-b200.48xlarge", range(8)),
        # The first card of this one carries IP traffic only.
        ("p6-b300.48xlarge", range(1, 17)),
        ("g6e.48xlarge", range(4)),
        ("g6.xlarge", range(0)),
    ],
)
def test_each_network_card_takes_one_efa(instance_type: str, cards: range) -> None:
    assert CATALOGUE.get(instance_type).efa_cards == cards


def test_facts_of_all_types_fit_together() -> None:
    for each in CATALOGUE.types():
        assert each.count >= 1
        assert each.memory_mib >= 1024
        assert each.efa_cards.stop <= each.network_cards
        assert each.interfaces_per_card >= 2 or not each.efa_interfaces
        assert set(each.purchase) <= {"capacity-block", "on-demand", "spot"}
        assert all(zones for zones in each.zones.values())
    families = {each.family for each in CATALOGUE.types()}
    assert families >= {"inf2", "trn1", "trn2", "p4d", "p4de", "p5", "p5e", "p5en", "p6-b200", "g5", "g6", "g6e", "gr6"}


def test_a_region_that_lacks_a_type_is_told() -> None:
    CATALOGUE.check_region("trn2.48xlarge", "us-east-2")
    CATALOGUE.check_region("trn2.48xlarge", "xx-unknown-1")
    with pytest.raises(InvalidValueError, match=r"eu-west-1 has no trn2\.48xlarge.*us-east-2"):
        CATALOGUE.check_region("trn2.48xlarge", "eu-west-1")


@pytest.mark.parametrize(
    ("parameters", "layers", "width"),
    # Layers and width as the models' own configurations have them.
    [(8e9, 32, 4096), (70e9, 80, 8192), (3.2e9, 28, 3072)],
)
def test_the_estimate_of_the_cache_is_near_published_models(parameters: float, layers: int, width: int) -> None:
    known = 2 * layers * width * 0.25 * 2 * 8192 / 1024**3
    assert need(parameters=parameters).cache_gib == pytest.approx(known, rel=0.35)


def test_need_grows_with_each_argument() -> None:
    base = need(parameters=8e9, context=8192)
    assert base.weights_gib == pytest.approx(8e9 * 2 / 1024**3)
    assert need(parameters=16e9).weights_gib == pytest.approx(2 * base.weights_gib)
    assert need(parameters=8e9, precision="int4").weights_gib == pytest.approx(base.weights_gib / 4)
    assert need(parameters=8e9, context=16384).cache_gib == pytest.approx(2 * base.cache_gib)
    assert need(parameters=8e9, sequences=3).cache_gib == pytest.approx(3 * base.cache_gib)


def test_proposals_hold_the_model_and_are_the_cheapest() -> None:
    for precision in BYTES:
        for parameters in (1e9, 8e9, 70e9, 405e9):
            wanted = need(parameters=parameters, precision=precision)  # type: ignore[arg-type]
            try:
                proposals = choose(parameters=parameters, precision=precision)  # type: ignore[arg-type]
            except InvalidValueError:
                assert all(not wanted.fits(each) for each in CATALOGUE.types())
                continue
            for each in proposals:
                assert wanted.total_gib <= USABLE * each.accelerator.total_memory_gib
                assert each.accelerator.accelerator not in LACKING.get(precision, frozenset())
            for platform in Platform:
                prices = [p.accelerator.usd_per_hour for p in proposals if p.accelerator.platform is platform]
                known = [price for price in prices if price is not None]
                assert known == sorted(known)
                assert prices == known + [None] * (len(prices) - len(known))
                cheaper = [
                    each.instance_type
                    for each in CATALOGUE.types()
                    if each.platform is platform
                    and known
                    and each.family != "inf1"
                    and each.accelerator not in LACKING.get(precision, frozenset())
                    and wanted.fits(each)
                    and each.usd_per_hour is not None
                    and each.usd_per_hour < known[0]
                ]
                assert cheaper == []


def test_proposals_say_why() -> None:
    first = next(p for p in choose(parameters=8e9) if p.accelerator.platform is Platform.NEURON)
    assert first.accelerator.instance_type == "inf2.xlarge"
    assert "14.9 GiB of weights and 1.2 GiB of cache" in first.why
    assert "0.76 USD an hour" in first.why


def test_proposals_keep_to_a_region() -> None:
    chosen = choose(parameters=8e9, region="ap-southeast-3")
    assert all("ap-southeast-3" in each.accelerator.zones for each in chosen)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"parameters": 0}, "parameters must be more than 0"),
        ({"parameters": 8e9, "context": -1}, "context must be more than 0"),
        ({"parameters": 8e9, "precision": "bf61"}, "Did you mean bf16"),
        ({"parameters": 1e13}, "fit no single instance"),
    ],
)
def test_impossible_wishes_are_refused(arguments: dict[str, float], told: str) -> None:
    with pytest.raises(InvalidValueError, match=told):
        choose(**arguments)  # type: ignore[arg-type]


def test_types_are_selected_by_what_they_have() -> None:
    chosen = [CATALOGUE.get(name) for name in CATALOGUE.select(platform="cuda", total_memory_gib=80, accelerators=4)]
    assert all(each.total_memory_gib >= 80 and each.count >= 4 for each in chosen)
    assert {each.architecture for each in chosen} == {"x86_64"}
    prices = [each.usd_per_hour for each in chosen if each.usd_per_hour is not None]
    assert prices == sorted(prices)
    left_out = [each for each in CATALOGUE.types() if each not in chosen and each.platform is Platform.CUDA]
    assert all(each.total_memory_gib < 80 or each.count < 4 or each.architecture != "x86_64" for each in left_out)
    assert "inf1.xlarge" not in CATALOGUE.select(platform="neuron")
    cheap = CATALOGUE.select(platform="neuron", max_usd_per_hour=2, local_storage=True)
    assert all((CATALOGUE.get(name).usd_per_hour or 9) <= 2 and CATALOGUE.get(name).has_local_storage for name in cheap)
    assert "trn2.48xlarge" not in CATALOGUE.select(platform="neuron", region="eu-west-1")
    with pytest.raises(InvalidValueError, match="No type has all of these attributes"):
        CATALOGUE.select(platform="neuron", architecture="arm64")
